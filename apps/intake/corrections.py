"""Corrections that an archive sends afterwards: each holds what it touches until a steward decides.

- A rejection note holds the instances that it names, those too that arrive later.
- The same SOP Instance UID under another patient (a move or a merge at the archive), or with other
  demographics, holds the one that was there; the newer is kept apart as any clash is.
- A merge that a steward was told of holds what both patients have in the project; a study of which
  one was told that it is wrong, or another patient's, is held whole.
- What came under the right patient takes the place of what was withdrawn: with that patient's key,
  pseudonym and UIDs, from the beginning.
"""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.intake.domain.header_facts import HeaderFacts
from apps.intake.models import Correction, CorrectionTarget, ReceivedInstance
from apps.jobs import work
from apps.jobs.models import Job
from apps.keys import keyring
from apps.keys.models import Subject
from apps.projects.models import Project
from apps.vault import rows

Kind = Correction.Kind
State = ReceivedInstance.State
_TELLERS = {roles.SERVICE, roles.DATA_STEWARD}
# Work that was under way begins again from the original.
_AGAIN = (State.RECEIVED, State.DEIDENTIFYING, State.REDACTING)
_ENDED = (State.REJECTED, State.WITHDRAWN)


def demographics_digest(facts: HeaderFacts) -> bytes:
    """Tells one patient's data from another's without holding them."""
    return keyring.lookup_digest("demographics", *(part.hex() for part in facts.demographics))


def look_at(actor: Actor, received: ReceivedInstance, facts: HeaderFacts) -> None:
    """What an arrival says about others, and others about it; in the arrival's own transaction."""
    first = received.clash_with
    if facts.rejection is not None and first is None:
        reject_by_note(
            actor,
            received,
            title=facts.rejection.title,
            modifier=facts.rejection.modifier,
            digests=[_digest(uid) for uid in facts.rejection.sop_instance_uids],
        )
    elif (
        first is not None
        # Without an ID each arrival is a subject of its own: that says nothing.
        and facts.patient_id.strip()
        and first.subject_id != received.subject_id
    ):
        note_changed_patient(actor, received, kind=Kind.PATIENT_CHANGED)
    elif (
        first is not None
        and first.demographics_digest is not None
        and bytes(first.demographics_digest) != bytes(received.demographics_digest or b"")
    ):
        note_changed_patient(actor, received, kind=Kind.DEMOGRAPHICS_CHANGED)
    if not rows.exists(Correction, project=received.project_id, state=Correction.State.OPEN):
        # Mostly; and cheaper to ask than what follows.
        return
    waiting = CorrectionTarget.objects.filter(
        correction__project=received.project,
        correction__state=Correction.State.OPEN,
        sop_uid_digest=received.sop_uid_digest,
        instance=None,
    )
    for target in waiting.select_related("correction"):
        hold_late_arrival(actor, received, target=target)


def _digest(sop_instance_uid: str) -> bytes:
    return keyring.lookup_digest("sop-uid", sop_instance_uid.strip())


@verb("correction.reject", roles=_TELLERS)
def reject_by_note(
    actor: Actor, note: ReceivedInstance, *, title: str, modifier: str, digests: list[bytes]
) -> Correction:
    """Hold the instances that a rejection note of the archive names; the note goes no further."""
    made = Correction.objects.create(
        project=note.project, kind=Kind.REJECTED, code=title, modifier=modifier, told_by=note
    )
    found = ReceivedInstance.objects.filter(
        project=note.project, sop_uid_digest__in=digests, clash_with=None
    )
    held = {bytes(row.sop_uid_digest): row for row in found}
    for digest in digests:
        _hold(made, held.get(digest), digest)
    note.state, note.reason = State.HELD, "rejection_note"
    note.save(update_fields=["state", "reason", "state_changed_at"])
    event(
        actor,
        note,
        outcome="held",
        public={"title": title, "modifier": modifier, "named": len(digests), "held": len(held)},
        private={"correction": str(made.pk)},
    )
    return made


@verb("correction.patient", roles=_TELLERS)
def note_changed_patient(actor: Actor, newer: ReceivedInstance, *, kind: str) -> Correction:
    """Hold an instance that came again under another patient or with other demographics."""
    older = newer.clash_with
    assert older is not None
    made = Correction.objects.create(project=newer.project, kind=kind, told_by=newer)
    _hold(made, older, bytes(older.sop_uid_digest))
    newer.reason = kind
    newer.save(update_fields=["reason", "state_changed_at"])
    event(actor, newer, outcome="held", public={"kind": kind}, private={"correction": str(made.pk)})
    return made


@verb("correction.late", roles=_TELLERS)
def hold_late_arrival(
    actor: Actor, received: ReceivedInstance, *, target: CorrectionTarget
) -> None:
    """Hold an instance that arrives after the note which rejects it."""
    _hold(target.correction, received, bytes(received.sop_uid_digest))
    event(actor, received, outcome="held", private={"correction": str(target.correction_id)})


@verb("correction.merge", roles={roles.DATA_STEWARD}, lock=False)
def merge_patients(
    actor: Actor, project: Project, *, gone: tuple[str, str], stays: tuple[str, str]
) -> Correction:
    """Hold what two patients have in a project, because the archive has made them one. Each is
    (patient ID, issuer): looked up by keyed digest, kept nowhere."""
    subjects = [_known(project, *each) for each in (gone, stays)]
    if subjects[0].pk == subjects[1].pk:
        raise Refused("same_patient", "Both are the same patient.", "Name two.", field="stays")
    made = Correction.objects.create(project=project, kind=Kind.PATIENTS_MERGED)
    rows = ReceivedInstance.objects.filter(project=project, subject__in=subjects, clash_with=None)
    for row in rows:
        _hold(made, row, bytes(row.sop_uid_digest))
    event(
        actor,
        project,
        outcome="held",
        public={"held": rows.count()},
        private={"correction": str(made.pk), "subjects": [str(each.pk) for each in subjects]},
    )
    return made


@verb("correction.report", roles={roles.DATA_STEWARD}, lock=False)
def report_study(
    actor: Actor, project: Project, *, study_digests: list[bytes], reason: str
) -> Correction:
    """Hold everything of a study of which somebody said that it is wrong or another patient's."""
    said = note_text(reason)
    rows = ReceivedInstance.objects.filter(
        project=project, study_digest__in=study_digests, clash_with=None
    ).exclude(state__in=_ENDED)
    if not rows.exists():
        raise Conflict("nothing_here", "Nothing of it is in use.", "See what hangs on it.")
    made = Correction.objects.create(project=project, kind=Kind.REPORTED)
    held = list(rows)
    for row in held:
        _hold(made, row, bytes(row.sop_uid_digest))
    event(
        actor,
        project,
        outcome="held",
        public={"held": len(held)},
        private={"correction": str(made.pk), "reason": said},
    )
    return made


def later_versions(correction: Correction) -> list[ReceivedInstance]:
    """What came later under another patient, of that which a correction withdrew: the newest of
    each. Under the same patient a second one would get the number that the withdrawn one bears."""
    withdrawn = {
        target.instance.pk: target.instance
        for target in correction.targets.select_related("instance")
        if target.instance is not None and target.instance.state == State.WITHDRAWN
    }
    newer = ReceivedInstance.objects.filter(
        clash_with__in=withdrawn, state=State.HELD, original__isnull=False
    ).order_by("received_at")
    found = {}
    for row in newer.select_related("project", "subject"):
        older = withdrawn.get(row.clash_with_id) if row.clash_with_id else None
        if older is not None and row.subject_id != older.subject_id:
            found[older.pk] = row
    return list(found.values())


@verb("correction.take_later", roles={roles.DATA_STEWARD}, states=(Correction.State.WITHDRAWN,))
def take_later(actor: Actor, correction: Correction, *, reason: str) -> list[ReceivedInstance]:
    """Take what came under the right patient in the place of what a correction withdrew: it is
    de-identified from the beginning, with that patient's key."""
    said, taken = note_text(reason), later_versions(correction)
    if not taken:
        raise Conflict(
            "none_came",
            "Nothing of it has come under another patient.",
            "Ask the archive to correct it and send it again.",
        )
    for newer in taken:
        older = newer.clash_with
        assert older is not None
        require_none_open(newer)
        # First the withdrawn one steps back: two may not stand for one UID.
        older.clash_with = newer
        older.save(update_fields=["clash_with", "state_changed_at"])
        newer.clash_with, newer.state, newer.reason = None, State.RECEIVED, ""
        newer.save(update_fields=["clash_with", "state", "reason", "state_changed_at"])
        ReceivedInstance.objects.filter(clash_with=older).exclude(pk=newer.pk).update(
            clash_with=newer
        )
        event(actor, newer, action="intake.take_newer", public={"instead_of": str(older.pk)})
    event(actor, correction, public={"taken": len(taken)}, private={"reason": said})
    return taken


def _known(project: Project, patient_id: str, issuer: str) -> Subject:
    digest = keyring.lookup_digest("patient", issuer.strip(), patient_id.strip())
    found = Subject.objects.filter(patient_digest=digest).first()
    if (
        found is None
        or not ReceivedInstance.objects.filter(project=project, subject=found).exists()
    ):
        raise Refused(
            "unknown_patient",
            "No instance of a patient of this ID and issuer is in the project.",
            "Check the ID and its issuer, as the modality sends them.",
            field="patient_id",
            status=404,
        )
    return found


def _hold(correction: Correction, row: ReceivedInstance | None, digest: bytes) -> None:
    """Hold one instance and remember where it stood, whatever other corrections hold it as well."""
    target, _ = CorrectionTarget.objects.get_or_create(correction=correction, sop_uid_digest=digest)
    if row is None:
        return
    row = ReceivedInstance.objects.select_for_update().get(pk=row.pk)
    other = _open_targets(row).exclude(pk=target.pk).first()
    target.instance = row
    target.state_before = other.state_before if other is not None else row.state
    target.reason_before = other.reason_before if other is not None else row.reason
    target.save()
    if row.state not in _ENDED:
        row.state, row.reason = State.HELD, "correction"
        row.save(update_fields=["state", "reason", "state_changed_at"])
        # A job under way finds that it is no longer its; its result would be refused anyway.
        for kind in Job.objects.filter(object_id=str(row.pk)).values_list("kind", flat=True):
            work.cancel(row.pk, kind)


def _open_targets(row: ReceivedInstance) -> QuerySet[CorrectionTarget]:
    return CorrectionTarget.objects.filter(instance=row, correction__state=Correction.State.OPEN)


def require_none_open(row: ReceivedInstance) -> None:
    """Raise Conflict while a correction holds the instance: it is decided there."""
    if _open_targets(row).exists():
        raise Conflict(
            "held_by_correction",
            "A correction of the archive holds it.",
            "Keep or withdraw it under Corrections.",
        )


@verb(
    "correction.settle",
    roles={roles.DATA_STEWARD},
    states=(Correction.State.OPEN,),
)
def settle(actor: Actor, correction: Correction, *, decision: str, reason: str) -> Correction:
    """Keep what a correction holds as it stood, or withdraw it from all further use."""
    if decision not in (Correction.State.KEPT, Correction.State.WITHDRAWN):
        raise Refused("unknown_decision", "Keep or withdraw.", "Choose one.", field="decision")
    reason = note_text(reason)
    correction.state, correction.settled_at = decision, timezone.now()
    correction.settled_by = actor.user
    correction.save(update_fields=["state", "settled_at", "settled_by"])
    count = 0
    for target in correction.targets.select_related("instance").filter(instance__isnull=False):
        count += _let_go(target, decision)
    event(
        actor,
        correction,
        public={"decision": decision, "kind": correction.kind, "instances": count},
        private={"reason": reason},
    )
    return correction


def _let_go(target: CorrectionTarget, decision: str) -> bool:
    assert target.instance is not None
    row = ReceivedInstance.objects.select_for_update().get(pk=target.instance.pk)
    if row.state in _ENDED:
        return False
    before = State(target.state_before)
    if decision == Correction.State.WITHDRAWN:
        row.state = State.WITHDRAWN if before == State.CLEARED else State.REJECTED
        row.reason = "correction"
    elif _open_targets(row).exists():
        return False
    else:
        row.state = State.RECEIVED if before in _AGAIN else before
        row.reason = target.reason_before
    row.save(update_fields=["state", "reason", "state_changed_at"])
    return True
