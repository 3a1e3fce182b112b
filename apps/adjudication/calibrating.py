"""Calibration: an annotator labels a clip whose consensus is signed (the gold), and is told how far
from it they are. What they drew is compared and never decided, so it comes into no release."""

from __future__ import annotations

from datetime import date
from typing import Any

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.models import User
from apps.access.verb import event, verb
from apps.adjudication import blinding, findings
from apps.adjudication.assigning import assign_clip
from apps.adjudication.domain.limits import limits_of
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation import store
from apps.annotation.closing import lock_label_set
from apps.annotation.models import LabelSet
from apps.projects.models import Project

CALIBRATION = Assignment.Purpose.CALIBRATION


@verb("calibration.give", roles={roles.PROJECT_LEAD}, states=(Adjudication.State.SIGNED,))
def give_gold(
    actor: Actor, gold: Adjudication, *, person: User, due_on: date | None = None
) -> Assignment:
    """Have somebody label a clip whose signed consensus they do not know, as a calibration."""
    made = assign_clip(actor, gold.clip, person=person, due_on=due_on, gold=gold)
    said = {"person": str(person.pk), "assignment": str(made.pk)}
    event(actor, gold, private=said)
    return made


@verb("calibration.measure", roles={roles.SERVICE}, states=(Assignment.State.GIVEN,))
def measure(actor: Actor, assignment: Assignment, *, result: dict[str, Any]) -> Assignment:
    """Keep what the comparison with the gold said, and fix what was compared."""
    assert assignment.label_set is not None
    if assignment.result is not None:
        raise Conflict("measured", "It is compared already.", "Look at what it said.")
    lock_label_set(actor, assignment.label_set)
    assignment.result = result
    assignment.save(update_fields=["result"])
    event(actor, assignment, public={"differences": len(result["disagreements"])})
    return assignment


def compare_with_gold(assignment: Assignment) -> dict[str, Any]:
    """Figures and differences of a handed-in calibration (B) against its gold (A)."""
    gold, mine = assignment.gold, assignment.label_set
    assert gold is not None and gold.consensus is not None and mine is not None
    clip, definition = assignment.clip, mine.ontology.definition
    size = (clip.n_frames, clip.width_px, clip.height_px)
    sides = store.load(gold.consensus), store.load(mine)
    compared = findings.compare_labels(
        sides, definition, str(clip.pk), size, limits_of(definition, clip.fps)
    )
    found = findings.as_findings(compared, definition)
    told = ("kind", "label", "start_frame", "end_frame", "size", "measure")
    return {
        "summary": [row for row in found["summary"] if row["object"] is None],
        "disagreements": [{name: row[name] for name in told} for row in found["disagreements"]],
    }


def handed_in() -> Any:
    """Calibrations that are to be compared."""
    return Assignment.objects.filter(
        purpose=CALIBRATION,
        state=Assignment.State.GIVEN,
        label_set__state=LabelSet.State.SUBMITTED,
        result__isnull=True,
    )


def rounds_of(project: Project, user: User) -> list[Assignment]:
    """Calibrations of a project, by person, the newest first: none of others on clips that ``user``
    labels too."""
    held = Assignment.objects.filter(project=project, purpose=CALIBRATION)
    held = held.exclude(blinding.of_others(user)).select_related("clip", "person", "label_set")
    return list(held.order_by("person__username", "-created_at"))


def golds_of(project: Project) -> list[Adjudication]:
    """What may be given as gold: signed, of the project."""
    held = Adjudication.objects.filter(project=project, state=Adjudication.State.SIGNED)
    return list(held.select_related("clip").order_by("clip__name"))
