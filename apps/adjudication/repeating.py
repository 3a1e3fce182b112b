"""Unmarked repeats: a share of what a person handed in comes back to them as another clip, and how
far they agree with themselves is measured. What they draw again is compared and never decided, so
it comes into no release."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.models import User
from apps.access.verb import event, verb
from apps.adjudication import readers
from apps.adjudication.domain import reader_figures
from apps.adjudication.domain.limits import limits_of
from apps.adjudication.domain.repeats import on_clip
from apps.adjudication.domain.workflow import BY_HAND
from apps.adjudication.models import Assignment
from apps.adjudication.repeat_models import Repeat
from apps.adjudication.workflow import version_of, workflow_in
from apps.annotation import store
from apps.annotation.domain.expand import expanded_digest
from apps.annotation.models import ExampleFrame, LabelSet
from apps.annotation.services import create_label_set
from apps.intake.models import ReceivedInstance
from apps.library.models import Clip
from apps.library.queries import SEE_ALL_CLIPS
from apps.library.services import repeat_clip
from apps.ontology.services import current
from apps.projects.models import Project
from apps.projects.queries import roles_in

# More in a day would be known by their coming, when few other clips are given.
MOST_A_DAY = 3
Kind, Purpose, State = Assignment.Kind, Assignment.Purpose, Assignment.State


@verb("repeat.give", roles={roles.SERVICE}, states=(State.GIVEN,))
def give_again(actor: Actor, assignment: Assignment) -> Repeat:
    """Give what a person handed in back to them to label, as a clip that they cannot tell from
    others, on the same ontology version and with as many days as they had."""
    first, person = assignment.label_set, assignment.person
    if first is None or Repeat.objects.filter(clip=assignment.clip, person=person).exists():
        raise Conflict("repeated", "The clip came back to this person before.", "Once is enough.")
    # Where clips are given as they come, an assignment deep among old ones would be known.
    is_by_hand = workflow_in(assignment.project).giving == BY_HAND
    twin = repeat_clip(actor, assignment.clip, is_new=not is_by_hand)
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
        project=assignment.project,
        person=person,
        clip=assignment.clip,
        first=first,
        first_revision=first.revision,
        again=made,
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
    given, and up to as many again (a keyed draw: a day's work is scattered); at most MOST_A_DAY a
    person; by somebody who still annotates and sees nothing but what they are given; on the
    ontology version of now, and without what would show it for what it is: labels brought in from
    elsewhere, frames shown as examples, other clips of the study that the person was given."""
    chosen: list[Any] = []
    for project in Project.objects.filter(options__repeats=True):
        since = timezone.now() - timedelta(days=1)
        lately = Repeat.objects.filter(project=project, given_at__gt=since).order_by()
        got = Counter(lately.values_list("person_id", flat=True))
        may: dict[Any, bool] = {}
        for pk, person_id in _drawn(project):
            if person_id not in may:
                held = roles_in(User.objects.get(pk=person_id), project)
                may[person_id] = roles.ANNOTATOR in held and not held & {*SEE_ALL_CLIPS}
            if may[person_id] and got[person_id] < MOST_A_DAY and len(chosen) < at_most:
                got[person_id] += 1
                chosen.append(pk)
    found = Assignment.objects.filter(pk__in=chosen).order_by("pk")
    return list(found.select_related("person", "label_set", "clip__instance__source", "project"))


def _drawn(project: Project) -> list[tuple[Any, Any]]:
    """(assignment's id, person's id) of what the rules draw and whose moment has come, in an order
    that says nothing of when it was handed in (ids are random)."""
    now, ontology, secret = timezone.now(), current(project), project.secret()
    flows = {number: workflow_in(project, number) for number in range(version_of(project) + 1)}
    drawing = [flow.repeat_after_days for flow in flows.values() if flow.repeat_share]
    if not drawing:
        return []
    rows = _handed_in(project, min(drawing)).filter(label_set__ontology=ontology)
    # Thousands of rows in a large project: what the draw leaves out is never loaded.
    facts = rows.values_list("pk", "clip_id", "person_id", "workflow", "label_set__submitted_at")
    found = []
    for pk, clip_id, person_id, number, submitted_at in facts:
        flow, clip, person = flows[number], str(clip_id), str(person_id)
        if flow.repeats(secret, clip, person):
            days = flow.days_until_repeat(secret, clip, person)
            if submitted_at + timedelta(days=days) <= now:
                found.append((pk, person_id))
    return sorted(found)


def _handed_in(project: Project, days: int) -> Any:
    came_back = Repeat.objects.filter(clip=OuterRef("clip"), person=OuterRef("person"))
    imported = LabelSet.objects.filter(
        places__clip=OuterRef("clip"), origin=LabelSet.Origin.IMPORTED
    )
    # Where recordings come in parts, one that stands alone would be known.
    beside = Assignment.objects.filter(
        person=OuterRef("person"),
        clip__instance__series__study=OuterRef("clip__instance__series__study"),
    )
    return (
        Assignment.objects.filter(
            project=project,
            kind=Kind.ANNOTATE,
            purpose=Purpose.WORK,
            state=State.GIVEN,
            clip__state=Clip.State.READY,
            # A withdrawal or a correction is of the instance, and leaves the clip as it is.
            clip__instance__source__state=ReceivedInstance.State.CLEARED,
            label_set__state__in=readers.HANDED_IN,
            label_set__submitted_at__lte=timezone.now() - timedelta(days=days),
        )
        .exclude(Exists(came_back))
        .exclude(Exists(imported))
        .exclude(Exists(ExampleFrame.objects.filter(clip=OuterRef("clip"))))
        .exclude(Exists(beside.exclude(clip=OuterRef("clip"))))
        .order_by()
    )


def handed_in() -> Any:
    """Repeats that are to be measured: both label sets are handed in."""
    return Repeat.objects.filter(
        measured_at=None,
        again__label_set__state=LabelSet.State.SUBMITTED,
        first__state__in=(*readers.HANDED_IN, LabelSet.State.SIGNED),
    ).select_related("clip", "first__ontology", "again__label_set__ontology", "again__clip")


def compared(repeat: Repeat) -> tuple[list[dict[str, Any]], str]:
    """The figures of a repeat, what was labelled first (as it stood when it came back) taken as the
    reference, and the digest of what they were made from."""
    again = repeat.again.label_set
    assert again is not None
    clip, definition = repeat.clip, repeat.first.ontology.definition
    sides = store.at_revision(repeat.first, repeat.first_revision), store.load(again)
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
