"""Storage Commitment push model, SCP (PS3.4 Annex J): verbs, verdicts, delivery.

A verdict is given by reading back: an instance is committed when its file in the vault is whole,
authentic and has the digest it was received with.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from apps.access import roles
from apps.access.actor import Actor, service
from apps.access.errors import Refused
from apps.access.verb import event, verb
from apps.intake.domain.header_facts import read_facts
from apps.intake.models import ReceivedInstance
from apps.intake.pacs.asking import PLAIN
from apps.intake.pacs.client import Context, PeerError, association
from apps.intake.pacs.models import CommitmentRequest, RemoteNode
from apps.intake.receiving import digest_from
from apps.intake.services import sop_uid_digest
from apps.jobs import work
from apps.keys import keyring
from apps.projects import retention
from apps.projects.models import Project

JOB = "pacs.commitment"
OPTION = "storage_commitment"
_SEAL = "commitment"
State = CommitmentRequest.State
# Seconds until the next try; after the last one it is given up.
RETRIES_S = (10, 60, 300, 1800, 7200, 21600, 43200)
# How long the association that asked is given before the worker opens one of its own.
SAME_ASSOCIATION_S = 20

# Failure Reason (0008,1197), PS3.3 C.14.1.1.
PROCESSING_FAILURE, NO_SUCH_INSTANCE, CLASS_CONFLICT = 0x0110, 0x0112, 0x0119


@dataclass(frozen=True)
class Asked:
    """What a sender asked about: SOP Class UID and SOP Instance UID of each instance."""

    transaction_uid: str
    references: tuple[tuple[str, str], ...] = field(repr=False)


def is_on(project: Project) -> bool:
    """Whether this project commits: switched on, and originals are kept."""
    return bool(project.options.get(OPTION)) and retention.keeps(project)


@verb("commitment.switch", roles={roles.PACS_ADMINISTRATOR})
def switch(actor: Actor, project: Project, *, is_wanted: bool) -> Project:
    """Switch storage commitment of a project on or off; refused where originals are deleted."""
    if is_wanted and not retention.keeps(project):
        raise Refused(
            "originals_deleted",
            "This project deletes originals by its rule, so it cannot commit to them.",
            "A sender that purges on commitment would lose the only copy. Leave it off.",
        )
    project.options = {**project.options, OPTION: is_wanted}
    project.save(update_fields=["options"])
    event(actor, project, public={"on": is_wanted})
    return project


@verb("commitment.request", roles={roles.SERVICE}, lock=False)
def note_request(
    actor: Actor, project: Project, asked: Asked, *, calling_ae: str, called_ae: str, peer: str
) -> CommitmentRequest:
    """Take a request for storage commitment, to be answered later."""
    if not is_on(project):
        raise Refused("commitment_off", "Storage commitment is off.", "Keep the originals.")
    value = json.dumps(
        {"transaction_uid": asked.transaction_uid, "references": asked.references}
    ).encode()
    made = CommitmentRequest.objects.create(
        project=project,
        calling_ae=calling_ae[:16],
        called_ae=called_ae[:16],
        peer=peer[:60],
        sealed=keyring.seal_for(None, value, _SEAL),
        n_referenced=len(asked.references),
        next_try_at=timezone.now() + timedelta(seconds=SAME_ASSOCIATION_S),
    )
    event(actor, made, public={"count": len(asked.references)})
    return made


@verb("commitment.report", roles={roles.SERVICE}, states=(State.PENDING,))
def note_report(
    actor: Actor, request: CommitmentRequest, *, n_committed: int, reason: str
) -> CommitmentRequest:
    """Record that the verdicts were delivered, or why not and when it is tried again."""
    request.tries += 1
    request.n_committed, request.reason = n_committed, reason
    request.finished_at = timezone.now()
    if not reason:
        request.state, request.sealed = State.DELIVERED, None
    elif request.tries > len(RETRIES_S):
        request.state, request.sealed = State.UNDELIVERED, None
    else:
        request.finished_at = None
        wait_s = RETRIES_S[request.tries - 1]
        request.next_try_at = timezone.now() + timedelta(seconds=wait_s)
    request.save()
    event(
        actor,
        request,
        outcome="failed" if reason else "done",
        public={
            "committed": n_committed,
            "refused": request.n_referenced - n_committed,
            "reason": reason,
            "tries": request.tries,
        },
    )
    return request


def asked_of(request: CommitmentRequest) -> Asked:
    """What was asked; nothing any more once it was answered."""
    if request.sealed is None:
        return Asked("", ())
    value = json.loads(keyring.unseal_for(None, bytes(request.sealed), _SEAL))
    return Asked(value["transaction_uid"], tuple((a, b) for a, b in value["references"]))


def read_request(information: Dataset) -> Asked:
    """The Action Information of an N-ACTION (PS3.4 table J.3-1). Raises ValueError."""
    transaction = str(information.get("TransactionUID") or "")
    references = tuple(
        (
            str(item.get("ReferencedSOPClassUID") or ""),
            str(item.get("ReferencedSOPInstanceUID") or ""),
        )
        for item in information.get("ReferencedSOPSequence") or []
    )
    if not transaction or not references or any(not a or not b for a, b in references):
        raise ValueError("Transaction UID or references are missing")
    return Asked(transaction[:64], references)


def verdict(project: Project, sop_class: str, sop_uid: str) -> int | None:
    """None when the instance is held for good, else the Failure Reason."""
    rows = list(
        ReceivedInstance.objects.filter(
            project=project, sop_uid_digest=sop_uid_digest(sop_uid)
        ).select_related("original", "subject")
    )
    kept = [row for row in rows if row.state not in ("rejected", "withdrawn") and row.original]
    if not kept:
        return NO_SUCH_INSTANCE
    if len(kept) > 1:
        # Two sets of bytes claim the UID; which of them the sender means is not ours to say.
        return PROCESSING_FAILURE
    row = kept[0]
    if row.sop_class_uid != sop_class:
        return CLASS_CONFLICT
    assert row.original is not None
    try:
        with keyring.open_vault_file(row.original) as source:
            facts = read_facts(source)
            digest = digest_from(source, facts.dataset_offset)
    except keyring.KeyDestroyedError:
        return NO_SUCH_INSTANCE
    except Exception:
        # Whatever keeps it from being read back keeps it from being vouched for.
        return PROCESSING_FAILURE
    return None if digest.hexdigest() == row.sha256 else PROCESSING_FAILURE


def report_of(project: Project, asked: Asked) -> tuple[Dataset, int, int]:
    """Event Information, Event Type ID (1 all committed, 2 failures exist) and how many are."""
    good, bad = [], []
    for sop_class, sop_uid in asked.references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
        failure = verdict(project, sop_class, sop_uid)
        if failure is None:
            good.append(item)
        else:
            item.FailureReason = failure
            bad.append(item)
    information = Dataset()
    information.TransactionUID = asked.transaction_uid
    if good:
        information.ReferencedSOPSequence = Sequence(good)
    if bad:
        information.FailedSOPSequence = Sequence(bad)
    return information, 2 if bad else 1, len(good)


def send(made: Association, information: Dataset, event_type: int) -> bool:
    """N-EVENT-REPORT on an association; whether the peer answered with success."""
    if not made.is_established:
        return False
    try:
        status, _ = made.send_n_event_report(
            information, event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
    except (RuntimeError, ValueError):
        return False
    return bool(status) and status.get("Status") == 0


def answer_at_once(request: CommitmentRequest, send: Callable[[Dataset, int], bool]) -> None:
    """Answer on the association that asked, by its ``send``; where that fails the worker answers
    on one of its own."""
    information, event_type, n_committed = report_of(request.project, asked_of(request))
    if send(information, event_type):
        note_report(service("node"), request, n_committed=n_committed, reason="")


@work.job(JOB)
def deliver(handle: work.JobHandle) -> None:
    """Answer on an association of our own, to the remote node whose AE title asked."""
    request = CommitmentRequest.objects.select_related("project").get(pk=handle.job.object_id)
    if request.state != State.PENDING:
        return
    information, event_type, n_committed = report_of(request.project, asked_of(request))
    nodes = RemoteNode.objects.filter(removed_at=None, ae_title=request.calling_ae)
    reason = "no_address" if not nodes else ""
    for node in nodes:
        reason = _deliver_to(node, request, information, event_type)
        if not reason:
            break
    with contextlib.suppress(Refused):
        # Refused: the association that asked was answered meanwhile.
        note_report(service("worker"), request, n_committed=n_committed, reason=reason)


def _deliver_to(
    node: RemoteNode, request: CommitmentRequest, information: Dataset, event_type: int
) -> str:
    contexts = [Context(StorageCommitmentPushModel, PLAIN, we_serve=True)]
    try:
        with association(node, contexts, calling_ae=request.called_ae) as made:
            return "" if send(made, information, event_type) else "failure_status"
    except PeerError as error:
        return error.reason


@work.on_parked(JOB)
def _parked(job: object) -> None:
    """The row's own time of the next try brings it back."""


@work.sweep
def due() -> int:
    """Enqueue what is to be answered now."""
    rows: Iterable[CommitmentRequest] = CommitmentRequest.objects.filter(
        state=State.PENDING, next_try_at__lte=timezone.now()
    )[:50]
    return sum(work.enqueue(JOB, row.pk) for row in rows)
