"""Background work: assign what became ready, open and compare what as many handed in as the
project's workflow asks for."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache

from apps.access import grants, roles
from apps.access.actor import service
from apps.access.errors import Refused
from apps.access.models import User
from apps.adjudication import (
    blinding,
    calibrating,
    findings,
    joining,
    planning,
    repeating,
    reviewing,
    services,
)
from apps.adjudication import reader_tasks as reader_tasks
from apps.adjudication.assigning import assign_clip
from apps.adjudication.domain.workflow import BALANCED
from apps.adjudication.models import Adjudication, Assignment, WorkflowVersion
from apps.adjudication.workflow import passes_of, workflow_in
from apps.annotation import store
from apps.annotation.models import LabelSet
from apps.jobs.models import Job
from apps.jobs.work import JobHandle, enqueue, job, sweep
from apps.library.models import Clip
from apps.ontology.services import current
from apps.projects.models import Project

State = Adjudication.State
_REPEATS_EVERY_S = 300


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
        ) | blinding.deciders(project)
        for clip in Clip.objects.filter(project=project, state=Clip.State.READY, repeats=None):
            for person in people:
                if (clip.pk, person.pk) not in taken:
                    assign_clip(service("worker"), clip, person=person)
                    done += 1
    return done


@sweep
def give_balanced() -> int:
    """Give clips that lack a pass to whoever has least to do, where the workflow says so."""
    done = 0
    for number, project in _newest_workflows():
        if workflow_in(project, number).giving != BALANCED or current(project) is None:
            continue
        if planning.preview(project).plan.given:
            done += len(planning.apply_plan(service("worker"), project).plan.given)
    return done


def _newest_workflows() -> list[tuple[int, Project]]:
    newest: dict[object, tuple[int, Project]] = {}
    for row in WorkflowVersion.objects.select_related("project").order_by("number"):
        newest[row.project_id] = (row.number, row.project)
    return list(newest.values())


@sweep
def measure_calibrations() -> int:
    """Have each handed-in calibration compared with its gold."""
    return sum(
        enqueue("calibration.compare", pk, priority=8)
        for pk in calibrating.handed_in().values_list("pk", flat=True)
        if not Job.objects.filter(kind="calibration.compare", object_id=str(pk)).exists()
    )


@job("calibration.compare")
def compare_calibration(handle: JobHandle) -> None:
    """Compare what was drawn as a calibration with its gold."""
    found = calibrating.handed_in().filter(pk=handle.job.object_id).first()
    if found is None:
        return
    result = calibrating.compare_with_gold(found)
    handle.progress(0.9, "comparing")
    calibrating.measure(service("worker"), found, result=result)


@sweep
def give_repeats_at_times() -> int:
    """``give_repeats``, every few minutes: nobody waits for one."""
    return give_repeats() if cache.add("adjudication/repeats", True, _REPEATS_EVERY_S) else 0


def give_repeats() -> int:
    """Give what is due back to who labelled it, and have what came back measured."""
    worker, done = service("worker"), 0
    for assignment in repeating.due():
        try:
            repeating.give_again(worker, assignment)
        except Refused:
            # Withdrawn or held in between: it is not due any more.
            continue
        done += 1
    for pk in repeating.handed_in().values_list("pk", flat=True):
        if not Job.objects.filter(kind="repeat.measure", object_id=str(pk)).exists():
            done += enqueue("repeat.measure", pk, priority=4)
    return done


@job("repeat.measure")
def measure_repeat(handle: JobHandle) -> None:
    """Measure how far a person agrees with themselves on a clip."""
    found = repeating.handed_in().filter(pk=handle.job.object_id).first()
    if found is None:
        return
    figures, made_of = repeating.compared(found)
    handle.progress(0.9, "keeping")
    repeating.measure(service("worker"), found, figures=figures, made_of=made_of)


@sweep
def open_where_both_submitted() -> int:
    """Open an adjudication for each clip with as many submitted label sets as it has passes and
    somebody to decide, give back to its reviewer what was returned and is handed in again, and
    let what a further reader handed in join."""
    done = 0
    # A calibration is compared with its gold, and never decided.
    aside = Assignment.objects.exclude(purpose=Assignment.Purpose.WORK)
    submitted = LabelSet.objects.filter(
        origin=LabelSet.Origin.MANUAL, state=LabelSet.State.SUBMITTED
    ).exclude(pk__in=aside.filter(label_set__isnull=False).values("label_set_id"))
    clips = Clip.objects.filter(pk__in=submitted.values("places__clip_id")).exclude(
        adjudications__state__in=(State.OPEN, State.RETURNED, State.SIGNED, State.WITHDRAWN)
    )
    for clip in clips:
        passes = passes_of(clip)
        handed_in = submitted.filter(places__clip=clip).order_by("submitted_at")
        sets = _first_sets(list(handed_in), passes) if passes else []
        adjudicator = _free_adjudicator(clip) if sets else None
        if adjudicator is None:
            continue
        sets.sort(key=lambda label_set: str(label_set.author.username))
        try:
            services.open_adjudication(
                service("worker"),
                clip,
                set_a=sets[0],
                set_b=sets[1] if passes > 1 else None,
                further=sets[2:],
                adjudicator=adjudicator,
            )
        except Refused:
            continue
        done += 1
    returned = Adjudication.objects.filter(
        state=State.RETURNED, set_a__state=LabelSet.State.SUBMITTED
    )
    for adjudication in returned:
        reviewing.resume(service("worker"), adjudication)
        done += 1
    done += joining.join_where_untouched()
    for adjudication in Adjudication.objects.filter(findings__isnull=True, state=State.OPEN):
        if not Job.objects.filter(
            kind="adjudication.compare", object_id=str(adjudication.pk)
        ).exists():
            done += enqueue("adjudication.compare", adjudication.pk, priority=8)
    return done


def _first_sets(sets: list[LabelSet], passes: int) -> list[LabelSet]:
    """As many as there are passes, the first that were submitted on one ontology version; none
    where they are not that many."""
    waiting: dict[object, list[LabelSet]] = {}
    for label_set in sets:
        alike = waiting.setdefault(label_set.ontology_id, [])
        alike.append(label_set)
        if len(alike) == passes:
            return alike
    return []


def _free_adjudicator(clip: Clip) -> User | None:
    """Who has the least open work of those without labels of their own on the clip."""
    authors = blinding.labellers(clip)
    people = [
        person
        for person in grants.holders(roles.codename(roles.ADJUDICATOR), clip.project)
        if person.pk not in authors
    ]
    busy = Adjudication.objects.filter(state=State.OPEN)
    return min(
        people,
        key=lambda person: (busy.filter(adjudicator=person).count(), person.username),
        default=None,
    )


@job("adjudication.compare")
def compare(handle: JobHandle) -> None:
    """Compare the label sets and begin the consensus with what is agreed."""
    adjudication = Adjudication.objects.select_related(
        "clip", "set_a__ontology", "set_b", "consensus"
    ).get(pk=handle.job.object_id)
    if adjudication.findings is not None:
        return
    definition = adjudication.set_a.ontology.definition
    # Read before the labels: what is handed in meanwhile is newer, and is never taken for them.
    revision = adjudication.set_a.revision
    compared = findings.compare(adjudication)
    handle.progress(0.7, "comparing")
    assert adjudication.consensus is not None
    # Held since it was returned, so that nothing is saved between reading and clearing it.
    is_held = adjudication.consensus.state == LabelSet.State.LOCKED
    cleared = _cleared(store.load(adjudication.consensus)) if is_held else []
    services.prepare(
        service("worker"),
        adjudication,
        found={**findings.as_findings(compared, definition), "of_revision": revision},
        steps=[*cleared, *compared.agreed(definition)],
    )


def _cleared(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """Operations that empty a consensus: what came again after a return is reviewed anew."""
    return [{"op": "track.delete", "object": name} for name in labels["tracks"]] + [
        {"op": "interval.delete", "object": name} for name in labels["intervals"]
    ]
