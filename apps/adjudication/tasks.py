"""Background work: assign what became ready, open and compare what was submitted twice."""

from __future__ import annotations

from django.db.models import Count, Q

from apps.access import grants, roles
from apps.access.actor import service
from apps.access.errors import Refused
from apps.access.models import User
from apps.adjudication import blinding, findings, services
from apps.adjudication.assigning import assign_clip
from apps.adjudication.domain import consensus
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation.models import LabelSet
from apps.jobs.models import Job
from apps.jobs.work import JobHandle, enqueue, job, sweep
from apps.library.models import Clip
from apps.ontology.services import current
from apps.projects.models import Project


@sweep
def assign_to_all() -> int:
    """Give each ready clip to every annotator, where the project's rule says so."""
    done = 0
    for project in Project.objects.filter(options__assign_to_all=True):
        if current(project) is None:
            continue
        people = grants.holders(roles.codename(roles.ANNOTATOR), project)
        taken = set(
            Assignment.objects.filter(project=project, kind=Assignment.Kind.ANNOTATE).values_list(
                "clip_id", "person_id"
            )
        ) | set(blinding.deciders().filter(project=project))
        for clip in Clip.objects.filter(project=project, state=Clip.State.READY):
            for person in people:
                if (clip.pk, person.pk) not in taken:
                    assign_clip(service("worker"), clip, person=person)
                    done += 1
    return done


@sweep
def open_where_both_submitted() -> int:
    """Open an adjudication for each clip with two submitted label sets and somebody to decide."""
    done = 0
    submitted = LabelSet.objects.filter(
        origin=LabelSet.Origin.MANUAL, state=LabelSet.State.SUBMITTED
    )
    clips = Clip.objects.annotate(
        handed_in=Count("labelsetclip", filter=Q(labelsetclip__label_set__in=submitted))
    ).filter(handed_in__gte=2)
    for clip in clips:
        sets = _first_pair(list(submitted.filter(places__clip=clip).order_by("submitted_at")))
        if not sets:
            continue
        adjudicator = _free_adjudicator(clip)
        if adjudicator is None:
            continue
        sets.sort(key=lambda label_set: str(label_set.author.username))
        try:
            services.open_adjudication(
                service("worker"), clip, set_a=sets[0], set_b=sets[1], adjudicator=adjudicator
            )
        except Refused:
            continue
        done += 1
    for adjudication in Adjudication.objects.filter(
        findings__isnull=True, state=Adjudication.State.OPEN
    ):
        if not Job.objects.filter(
            kind="adjudication.compare", object_id=str(adjudication.pk)
        ).exists():
            done += enqueue("adjudication.compare", adjudication.pk, priority=8)
    return done


def _first_pair(sets: list[LabelSet]) -> list[LabelSet]:
    """The first two that were submitted on one ontology version; none where no two are."""
    waiting: dict[object, LabelSet] = {}
    for label_set in sets:
        first = waiting.setdefault(label_set.ontology_id, label_set)
        if first is not label_set:
            return [first, label_set]
    return []


def _free_adjudicator(clip: Clip) -> User | None:
    """Who has the least open work of those without labels of their own on the clip."""
    authors = blinding.labellers(clip)
    people = [
        person
        for person in grants.holders(roles.codename(roles.ADJUDICATOR), clip.project)
        if person.pk not in authors
    ]
    busy = Adjudication.objects.filter(state=Adjudication.State.OPEN)
    return min(
        people,
        key=lambda person: (busy.filter(adjudicator=person).count(), person.username),
        default=None,
    )


@job("adjudication.compare")
def compare(handle: JobHandle) -> None:
    """Compare two locked label sets and begin the consensus with what is agreed."""
    adjudication = Adjudication.objects.select_related(
        "clip", "set_a__ontology", "set_b", "consensus"
    ).get(pk=handle.job.object_id)
    if adjudication.findings is not None:
        return
    definition = adjudication.set_a.ontology.definition
    compared = findings.compare(adjudication)
    handle.progress(0.7, "comparing")
    steps = consensus.initial_operations(
        compared.labels_a, definition, compared.agreement, compared.disagreements
    )
    services.prepare(
        service("worker"),
        adjudication,
        found=findings.as_findings(compared, definition),
        steps=steps,
    )
