"""Unmarked repeats: a share of what a person handed in comes back to them as another clip, and how
far they agree with themselves is measured. What they draw again is compared and never decided, so
it comes into no release."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.verb import event, verb
from apps.adjudication import readers
from apps.adjudication.domain import reader_figures
from apps.adjudication.domain.limits import limits_of
from apps.adjudication.domain.repeats import on_clip
from apps.adjudication.models import Assignment
from apps.adjudication.repeat_models import Repeat
from apps.adjudication.workflow import version_of, workflow_in
from apps.annotation import store
from apps.annotation.domain.expand import expanded_digest
from apps.annotation.models import ExampleFrame, LabelSet
from apps.annotation.services import create_label_set
from apps.library.models import Clip
from apps.library.queries import SEE_ALL_CLIPS
from apps.library.services import repeat_clip
from apps.ontology.services import current
from apps.projects.models import Project
from apps.projects.queries import roles_in

Kind, Purpose, State = Assignment.Kind, Assignment.Purpose, Assignment.State


@verb("repeat.give", roles={roles.SERVICE}, states=(State.GIVEN,))
def give_again(actor: Actor, assignment: Assignment) -> Repeat:
    """Give what a person handed in back to them to label, as a clip that they cannot tell from
    others, on the same ontology version and with as many days as they had."""
    first, person = assignment.label_set, assignment.person
    if first is None or Repeat.objects.filter(clip=assignment.clip, person=person).exists():
        raise Conflict("repeated", "The clip came back to this person before.", "Once is enough.")
    twin = repeat_clip(actor, assignment.clip)
    label_set = create_label_set(actor, twin, author=person, ontology=first.ontology)
    made = Assignment.objects.create(
        project=assignment.project,
        clip=twin,
        person=person,
        kind=Kind.ANNOTATE,
        purpose=Purpose.REPEAT,
        workflow=version_of(assignment.project),
        due_on=_due(assignment),
        label_set=label_set,
    )
    grants.grant(person, "work_on", made)
    repeat = Repeat.objects.create(
        project=assignment.project, person=person, clip=assignment.clip, first=first, again=made
    )
    event(
        actor,
        repeat,
        private={
            "person": str(person.pk),
            "clip": str(assignment.clip_id),
            "assignment": str(made.pk),
        },
    )
    return repeat


def _due(assignment: Assignment) -> date | None:
    if assignment.due_on is None:
        return None
    had = assignment.due_on - assignment.created_at.date()
    return timezone.now().date() + max(had, timedelta(days=1))


def due(at_most: int = 50) -> list[Assignment]:
    """What is to come back now: handed in as many days ago as the rule says under which it was
    given, drawn by that rule, by somebody who still annotates and sees nothing but what they are
    given; on the ontology version of now, and without what would show it for what it is: labels
    brought in from elsewhere, frames shown as examples."""
    found: list[Assignment] = []
    for project in Project.objects.filter(options__repeats=True):
        ontology, secret = current(project), project.secret()
        flows = {number: workflow_in(project, number) for number in range(version_of(project) + 1)}
        shortest = min((f.repeat_after_days for f in flows.values() if f.repeat_share), default=0)
        may: dict[Any, bool] = {}
        for item in _handed_in(project, shortest).filter(label_set__ontology=ontology):
            flow = flows[item.workflow]
            since = timezone.now() - timedelta(days=flow.repeat_after_days)
            assert item.label_set is not None and item.label_set.submitted_at is not None
            if item.label_set.submitted_at > since:
                continue
            if not flow.repeats(secret, str(item.clip_id), str(item.person_id)):
                continue
            if item.person_id not in may:
                held = roles_in(item.person, project)
                may[item.person_id] = roles.ANNOTATOR in held and not held & {*SEE_ALL_CLIPS}
            if may[item.person_id]:
                found.append(item)
            if len(found) == at_most:
                return found
    return found


def _handed_in(project: Project, days: int) -> Any:
    came_back = Repeat.objects.filter(clip=OuterRef("clip"), person=OuterRef("person"))
    imported = LabelSet.objects.filter(
        places__clip=OuterRef("clip"), origin=LabelSet.Origin.IMPORTED
    )
    return (
        Assignment.objects.filter(
            project=project,
            kind=Kind.ANNOTATE,
            purpose=Purpose.WORK,
            state=State.GIVEN,
            clip__state=Clip.State.READY,
            label_set__state__in=readers.HANDED_IN,
            label_set__submitted_at__lte=timezone.now() - timedelta(days=days),
        )
        .exclude(Exists(came_back))
        .exclude(Exists(imported))
        .exclude(Exists(ExampleFrame.objects.filter(clip=OuterRef("clip"))))
        .select_related("person", "label_set")
        .order_by("created_at")
    )


def handed_in() -> Any:
    """Repeats that are to be measured: both label sets are handed in."""
    return Repeat.objects.filter(
        measured_at=None,
        again__label_set__state=LabelSet.State.SUBMITTED,
        first__state__in=readers.COMPARABLE,
    ).select_related("clip", "first__ontology", "again__label_set__ontology", "again__clip")


def compared(repeat: Repeat) -> tuple[list[dict[str, Any]], str]:
    """The figures of a repeat, what was labelled first taken as the reference, and the digest of
    what they were made from."""
    again = repeat.again.label_set
    assert again is not None
    clip, definition = repeat.clip, repeat.first.ontology.definition
    sides = store.load(repeat.first), store.load(again)
    measured = reader_figures.measure_readers(
        [sides[0], on_clip(sides[1], str(repeat.again.clip_id), str(clip.pk))],
        definition,
        str(clip.pk),
        (clip.n_frames, clip.width_px, clip.height_px),
        limits_of(definition, clip.fps),
    )
    said = {
        "label_sets": [
            expanded_digest(labels, definition, store.clip_sizes(one))
            for labels, one in zip(sides, (repeat.first, again), strict=True)
        ],
        "ontology": repeat.first.ontology.digest,
        "counted_by": reader_figures.VERSION,
    }
    figures = [
        {
            "class_id": one.class_id,
            "label": one.label,
            "metric": one.metric,
            "phase": one.phase,
            "value": one.value,
        }
        for one in measured.figures
        if one.a is None
    ]
    return figures, sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@verb("repeat.measure", roles={roles.SERVICE})
def measure(
    actor: Actor, repeat: Repeat, *, figures: Iterable[Mapping[str, Any]], made_of: str
) -> Repeat:
    """Keep how far a person agrees with themselves. What was compared stays as it was handed in
    (nobody returns a repeat): locked at once, it would look like nothing else that they do."""
    if repeat.measured_at is not None:
        raise Conflict("measured", "It is compared already.", "Look at what it said.")
    repeat.figures, repeat.made_of = list(figures), made_of
    repeat.measured_at = timezone.now()
    repeat.save(update_fields=["figures", "made_of", "measured_at"])
    event(actor, repeat, public={"figures": len(repeat.figures), "made_of": made_of})
    return repeat
