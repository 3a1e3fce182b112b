"""Verbs of intake: receive, reject, retry; associations as events."""

from __future__ import annotations

import json

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.intake import corrections, departments
from apps.intake.domain.header_facts import HeaderFacts
from apps.intake.models import ReceivedInstance
from apps.keys import keyring
from apps.projects.models import Project
from apps.vault import rows
from apps.vault.domain.sealed import seal
from apps.vault.models import VaultFile

State = ReceivedInstance.State
_SEAL = "received-uids"
QUARANTINED = (
    State.RECEIVED,
    State.DEIDENTIFYING,
    State.PIXEL_REVIEW,
    State.HELD,
    State.REJECTED,
)


# Who may bring an instance in: by the node, by files, over DICOMweb.
SENDERS = {roles.SERVICE, roles.DATA_STEWARD, roles.SENDER, roles.PACS_ADMINISTRATOR}


def sop_uid_digest(uid: str) -> bytes:
    return keyring.lookup_digest("sop-uid", uid.strip())


def _held(project: Project, digest: bytes) -> list[ReceivedInstance]:
    """What is here with this UID; mostly nothing."""
    if not rows.exists(ReceivedInstance, project=project.pk, sop_uid_digest=digest):
        return []
    return list(ReceivedInstance.objects.filter(project=project, sop_uid_digest=digest))


@verb("intake.receive", roles=SENDERS, lock=False)
def receive_instance(
    actor: Actor,
    project: Project,
    *,
    file: VaultFile,
    facts: HeaderFacts,
    sha256: str,
    calling_ae: str = "",
    called_ae: str = "",
    peer: str = "",
    pixels_choice: str = "",
    rule: str = "",
) -> ReceivedInstance:
    """Take an instance into quarantine. The same bytes again are one instance; the same SOP
    Instance UID with other bytes is held apart. ``file`` is synced and unsaved; ``rule`` is the id
    of the routing rule that chose the project."""
    digest = sop_uid_digest(facts.sop_instance_uid)
    held = _held(project, digest)
    same = next((row for row in held if row.sha256 == sha256), None)
    where = {"calling_ae": calling_ae, "called_ae": called_ae, "peer": peer}
    if rule:
        where["rule"] = rule
    if same is not None:
        event(actor, same, outcome="repeated", private=where)
        return same
    first = next((row for row in held if row.clash_with_id is None), None)
    subject = keyring.subject_for(facts.patient_id, facts.issuer)
    # Once: a key server is asked each time.
    key = keyring.subject_key(subject)
    keyring.move_to_subject(file, key)
    file.insert()
    sealed = json.dumps(
        {
            "sop_instance_uid": facts.sop_instance_uid,
            "study_instance_uid": facts.study_instance_uid,
        }
    ).encode()
    received = ReceivedInstance(
        project=project,
        subject=subject,
        state=State.RECEIVED if first is None else State.HELD,
        reason="" if first is None else "uid_clash",
        demographics_digest=corrections.demographics_digest(facts),
        department_code=departments.code_of(facts.department),
        sop_uid_digest=digest,
        sealed_uids=seal(key.key, sealed, _SEAL),
        study_digest=keyring.lookup_digest("study-uid", facts.study_instance_uid),
        sop_class_uid=facts.sop_class_uid[:64],
        transfer_syntax_uid=facts.transfer_syntax_uid[:64],
        modality=facts.modality,
        n_frames_declared=facts.n_frames,
        original=file,
        size_bytes=file.size_bytes,
        sha256=sha256,
        clash_with=first,
        calling_ae=calling_ae[:16],
        called_ae=called_ae[:16],
        peer=peer[:60],
        door=actor.door[:12],
        pixels_choice=pixels_choice,
    )
    rows.insert(received)
    event(
        actor,
        received,
        outcome="done" if first is None else "held",
        public={"size_bytes": file.size_bytes, "sop_class": facts.sop_class_uid[:64]},
        private=where,
        **keyring.sealed_detail(key, {"sop_instance_uid": facts.sop_instance_uid}),
    )
    corrections.look_at(actor, received, facts)
    return received


@verb("intake.reject", roles={roles.DATA_STEWARD}, states=QUARANTINED)
def reject_instance(actor: Actor, received: ReceivedInstance, *, reason: str) -> ReceivedInstance:
    """Reject an instance in quarantine, with a reason; it goes no further."""
    reason = note_text(reason)
    corrections.require_none_open(received)
    received.state, received.reason = State.REJECTED, "rejected"
    received.save(update_fields=["state", "reason", "state_changed_at"])
    event(actor, received, private={"reason": reason})
    return received


@verb("intake.retry", roles={roles.DATA_STEWARD}, states=(State.HELD, State.REJECTED))
def retry_instance(actor: Actor, received: ReceivedInstance) -> ReceivedInstance:
    """Send a held or rejected instance through the rules again."""
    if received.clash_with_id is not None:
        raise Refused(
            "uid_clash",
            "Another instance holds this SOP Instance UID.",
            "Reject one of the two; the sender must not use a UID twice.",
        )
    corrections.require_none_open(received)
    received.state, received.reason = State.RECEIVED, ""
    received.save(update_fields=["state", "reason", "state_changed_at"])
    event(actor, received)
    return received


@verb("intake.take_newer", roles={roles.DATA_STEWARD}, states=(State.HELD,))
def take_newer(actor: Actor, received: ReceivedInstance, *, reason: str) -> ReceivedInstance:
    """Take an instance instead of the earlier one with its UID, which is rejected; never one that
    was cleared: what was made of that stands."""
    older = received.clash_with
    if older is None:
        raise Refused("no_clash", "No other instance holds its UID.", "Retry it.")
    reason = note_text(reason)
    older = ReceivedInstance.objects.select_for_update().get(pk=older.pk)
    for row in (received, older):
        corrections.require_none_open(row)
    if older.state not in QUARANTINED:
        raise Conflict(
            "went_on",
            "The earlier one has left quarantine.",
            "Reject this one, or withdraw the earlier one's study first.",
        )
    # First the earlier one steps back: two may not stand for one UID.
    older.state, older.reason, older.clash_with = State.REJECTED, "rejected", received
    older.save(update_fields=["state", "reason", "clash_with", "state_changed_at"])
    received.clash_with, received.state, received.reason = None, State.RECEIVED, ""
    received.save(update_fields=["clash_with", "state", "reason", "state_changed_at"])
    for other in ReceivedInstance.objects.filter(clash_with=older).exclude(pk=received.pk):
        other.clash_with = received
        other.save(update_fields=["clash_with"])
    said = {"reason": reason}
    event(actor, received, public={"instead_of": str(older.pk)}, private=said)
    event(actor, older, action="intake.reject", public={"taken": str(received.pk)}, private=said)
    return received


@verb("intake.association", roles={roles.SERVICE}, lock=False)
def note_association(
    actor: Actor,
    project: Project | None,
    *,
    outcome: str,
    calling_ae: str,
    called_ae: str,
    peer: str,
    stored: int = 0,
    refused: int = 0,
    duration_s: float = 0.0,
    reason: str = "",
) -> None:
    """Record an association: who, from where, how much, how long, how it ended."""
    event(
        actor,
        project,
        outcome=outcome,
        public={"stored": stored, "refused": refused, "reason": reason},
        private={
            "calling_ae": calling_ae[:16],
            "called_ae": called_ae[:16],
            "peer": peer,
            "duration_s": round(duration_s, 3),
        },
    )


@verb("intake.refuse", roles=SENDERS, lock=False)
def note_refusal(
    actor: Actor, project: Project | None, *, reason: str, calling_ae: str, peer: str
) -> None:
    """Record that an instance was not taken, and why."""
    event(
        actor,
        project,
        outcome="refused",
        public={"reason": reason},
        private={"calling_ae": calling_ae[:16], "peer": peer},
    )


@verb("intake.wrap", roles={roles.SERVICE, roles.DATA_STEWARD}, lock=False)
def note_wrapping(
    actor: Actor, received: ReceivedInstance, *, codec: str, how: str, warnings: list[str]
) -> None:
    """Record how a plain video became an instance: copied as it was, into another container, or
    encoded."""
    event(actor, received, public={"codec": codec, "how": how, "warnings": warnings})


@verb("intake.stow", roles=SENDERS, lock=False)
def note_stow(
    actor: Actor,
    project: Project,
    *,
    outcome: str,
    stored: int,
    refused: int,
    duration_s: float,
    reason: str = "",
) -> None:
    """Record a DICOMweb store request: from whom, how much, how long, how it ended."""
    event(
        actor,
        project,
        outcome=outcome,
        public={"stored": stored, "refused": refused, "reason": reason},
        private={"peer": actor.origin, "duration_s": round(duration_s, 3)},
    )


@verb("intake.list", roles={roles.SERVICE}, lock=False)
def note_listing(actor: Actor, project: Project | None, *, count: int) -> None:
    """Record that original UIDs were listed."""
    event(actor, project, public={"count": count})


@verb("intake.search", roles={roles.DATA_STEWARD}, lock=False)
def note_search(actor: Actor, project: Project, *, count: int) -> None:
    """Record that a steward looked for an identifier in the quarantine, and how much was found."""
    event(actor, project, public={"count": count})


@verb("vault.verify", roles={roles.SERVICE})
def note_vault_check(
    actor: Actor, _: None, *, checked: int, outcome: str, finding: str = ""
) -> None:
    """Record that stored files were read back, and what came of it."""
    event(
        actor,
        None,
        outcome=outcome,
        public={"checked": checked},
        private={"finding": finding} if finding else None,
    )


@verb("intake.echo", roles={roles.PACS_ADMINISTRATOR})
def note_echo(actor: Actor, _: None, *, answered: bool) -> None:
    """Record that the node was asked for an echo."""
    event(actor, None, outcome="done" if answered else "failed")
