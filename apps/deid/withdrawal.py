"""Withdrawal of a subject: its instances, originals and mapping, by each project's rule."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.deid import policy
from apps.deid.models import Deidentification, ProjectSubject, SeenVideo
from apps.intake import erased
from apps.intake.models import ReceivedInstance
from apps.jobs import work
from apps.jobs.models import Job
from apps.keys.models import Subject
from apps.keys.services import destroy_subject_key
from apps.projects import holds
from apps.projects.models import HeldErasure, Project
from apps.vault.models import VaultFile

State = ReceivedInstance.State
REASON = "withdrawn"


@dataclass(frozen=True)
class Withdrawn:
    """What a withdrawal did. ``is_key_destroyed``: nothing of the subject can be read again."""

    instances: int
    originals: int
    is_key_destroyed: bool


def destroys(projects: list[Project]) -> bool:
    """Whether a withdrawal destroys the key: the rule of every project that holds the subject."""
    return all(policy.option(project, "withdrawal") == "destroy" for project in projects)


def is_withdrawn(project: Project, subject: Subject | None) -> bool:
    """Whether the subject has withdrawn from a project: what still arrives of it is held."""
    return ReceivedInstance.objects.filter(
        project=project, subject=subject, state=State.WITHDRAWN, reason=REASON
    ).exists()


@verb("deid.withdraw_subject", roles={roles.DATA_STEWARD})
def withdraw_subject(actor: Actor, subject: Subject, *, reason: str) -> Withdrawn:
    """Withdraw a subject from all further use: its instances are withdrawn and its originals
    deleted; by the projects' rule its mapping is erased and its key destroyed, for good.

    A legal hold stops the erasing, not the withdrawal: what it keeps is erased once it is lifted.
    """
    note = note_text(reason)
    rows = list(
        ReceivedInstance.objects.select_for_update(of=("self",))
        .filter(subject=subject)
        .exclude(state=State.WITHDRAWN, reason=REASON)
        .select_related("project", "original")
    )
    if not rows:
        raise Conflict("withdrawn", "The subject was withdrawn already.", "Nothing is left to do.")
    projects = list({row.project_id: row.project for row in rows}.values())
    files = [file for row in rows if (file := _withdraw(actor, row)) is not None]
    is_held = holds.is_subject_held(subject.pk)
    for project in projects:
        if policy.option(project, "withdrawal") == "destroy" and not is_held:
            _erase_mapping(project, subject)
    is_wanted = destroys(subject.policy_projects())
    is_destroyed = is_wanted and not is_held
    if is_wanted and is_held:
        HeldErasure.objects.get_or_create(subject=subject, defaults={"asked_at": timezone.now()})
    if is_destroyed and subject.wrapped_key is not None:
        destroy_subject_key(actor, subject, reason=note)
    event(
        actor,
        subject,
        public={
            "instances": len(rows),
            "originals": len(files),
            "projects": len(projects),
            "key": "destroyed" if is_destroyed else "held" if is_wanted else "kept",
        },
        private={"reason": note},
    )
    for file in files:
        erased.erase(file)
    return Withdrawn(len(rows), len(files), is_destroyed)


@verb("deid.finish_withdrawal", roles={roles.SERVICE})
def finish_withdrawal(actor: Actor, subject: Subject) -> None:
    """Erase the mapping and destroy the key of a withdrawn subject that a legal hold had kept."""
    HeldErasure.objects.filter(subject=subject).delete()
    for project in subject.policy_projects():
        if policy.option(project, "withdrawal") == "destroy":
            _erase_mapping(project, subject)
    if subject.wrapped_key is not None:
        destroy_subject_key(actor, subject, reason="Withdrawn; no legal hold keeps it any more")
    event(actor, subject)


def finish_held(actor: Actor) -> int:
    """Finish the withdrawals that a hold had kept and none keeps any more; how many."""
    waiting = [row.subject for row in HeldErasure.objects.select_related("subject")]
    ready = [subject for subject in waiting if not holds.is_subject_held(subject.pk)]
    for subject in ready:
        finish_withdrawal(actor, subject)
    return len(ready)


def _withdraw(actor: Actor, row: ReceivedInstance) -> VaultFile | None:
    """One instance out of use; its original, to be deleted once this is committed."""
    is_held = holds.is_held(row.project_id, row.subject_id)
    before, file = row.state, None if is_held else row.original
    row.state, row.reason = State.WITHDRAWN, REASON
    row.original = row.original if is_held else None
    row.save(update_fields=["state", "reason", "original", "state_changed_at"])
    # Work under way finds that it is no longer its; its result would be refused anyway.
    for kind in Job.objects.filter(object_id=str(row.pk)).values_list("kind", flat=True):
        work.cancel(row.pk, kind)
    event(
        actor,
        row,
        action="deid.withdraw_instance",
        public={
            "was": before,
            "original": "deleted" if file is not None else "held" if row.original else "gone",
            **({"sha256": file.sha256} if file is not None else {}),
        },
    )
    return file


def _erase_mapping(project: Project, subject: Subject) -> None:
    """Without it nobody can tell a pseudonym's patient, shift or UIDs again."""
    ProjectSubject.objects.filter(project=project, subject=subject).update(sealed=b"")
    Deidentification.objects.filter(instance__project=project, instance__subject=subject).update(
        sealed_harvest=None, sealed_proposals=None
    )
    SeenVideo.objects.filter(
        deidentification__instance__project=project, deidentification__instance__subject=subject
    ).delete()
