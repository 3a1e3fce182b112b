"""Legal holds: while one stands nothing that it covers is erased, by whatever rule or wish."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.keys import whereabouts
from apps.keys.models import Subject
from apps.projects.models import LegalHold, Project

_OFFICERS = {roles.COMPLIANCE_OFFICER}


@verb("hold.place", roles=_OFFICERS)
def place(actor: Actor, project: Project, *, subject: Subject | None, reason: str) -> LegalHold:
    """Hold everything of a project, or of one patient in it: nothing of it is erased."""
    said = note_text(reason)
    if LegalHold.objects.filter(project=project, subject=subject, lifted_at=None).exists():
        raise Conflict("held", "A hold on this stands already.", "Lift that one, or leave it.")
    made = LegalHold.objects.create(
        project=project,
        subject=subject,
        reason=said,
        placed_by=actor.user,
        placed_at=timezone.now(),
    )
    event(
        actor,
        made,
        public={"of": "patient" if subject is not None else "project"},
        private={"reason": said, "subject": str(subject.pk) if subject is not None else ""},
    )
    return made


@verb("hold.lift", roles=_OFFICERS, states=("standing",))
def lift(actor: Actor, hold: LegalHold, *, reason: str) -> LegalHold:
    """Lift a hold: what was to be erased meanwhile is erased now."""
    hold.lift_reason = note_text(reason)
    hold.lifted_by, hold.lifted_at = actor.user, timezone.now()
    hold.save(update_fields=["lift_reason", "lifted_by", "lifted_at"])
    event(actor, hold, private={"reason": hold.lift_reason})
    return hold


@dataclass(frozen=True)
class Kept:
    """What standing holds cover in a project: all of it, or these subjects."""

    is_whole: bool
    subjects: frozenset[uuid.UUID]


def of(project: Project) -> Kept:
    """The standing holds of a project in one question."""
    held = set(
        LegalHold.objects.filter(project=project, lifted_at=None).values_list(
            "subject_id", flat=True
        )
    )
    return Kept(None in held, frozenset(pk for pk in held if pk is not None))


def is_held(project_id: uuid.UUID, subject_id: uuid.UUID | None) -> bool:
    """Whether a hold covers what a subject has in a project."""
    covers = Q(subject=None) | Q(subject_id=subject_id)
    return LegalHold.objects.filter(covers, project_id=project_id, lifted_at=None).exists()


def is_subject_held(subject_id: uuid.UUID) -> bool:
    """Whether a hold covers a subject in any project that holds something of it."""
    standing = LegalHold.objects.filter(lifted_at=None)
    if not standing.exists():
        return False
    projects = [project.pk for project in whereabouts.projects_of(subject_id)]
    covers = Q(subject_id=subject_id) | Q(subject=None, project_id__in=projects)
    return standing.filter(covers).exists()
