"""N-ACTION of the Storage Commitment push model: taken at once, answered after.

The verdicts are found in a thread of their own; what it found goes out by the association's thread,
the only one that reads and writes its connection, as soon as no message is under way.
"""

from __future__ import annotations

import io
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import connection
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode, encode
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.intake.domain import upper_layer as wire
from apps.intake.node.commits import put_connection_away
from apps.intake.pacs import committing
from apps.intake.pacs.models import CommitmentRequest
from apps.projects.models import Project

logger = logging.getLogger(__name__)

REFERENCES = 10_000
# Room for so many references with the longest UIDs.
MAX_INFORMATION_BYTES = 2 << 20
_ITEM = b"\xfe\xff\x00\xe0"
# Reading back takes time: what comes while so many are read is left to the worker.
_reading = threading.BoundedSemaphore(2)
_ANSWER_S = 30.0

# PS3.7 annex C.
_NOT_AUTHORIZED, _NO_SUCH_ACTION, _NO_SUCH_INSTANCE = 0x0124, 0x0123, 0x0112
_INVALID_ARGUMENT, _LIMIT, _FAILURE = 0x0115, 0x0213, 0x0110

Through = Callable[[Callable[[], CommitmentRequest]], CommitmentRequest]


def keep(information: bytearray, piece: memoryview) -> None:
    """Append to what came of an Action Information; what is too long is not kept but told by its
    length."""
    if len(information) <= MAX_INFORMATION_BYTES:
        information += piece


def take_request(
    requested_uid: str,
    action_type: int,
    information: bytes,
    transfer_syntax_uid: str,
    through: Through,
    actor: Actor,
    project: Project,
    *,
    calling_ae: str,
    called_ae: str,
    peer: str,
) -> tuple[int, CommitmentRequest | None]:
    """Status of an N-ACTION, and the request to be answered after it, which is committed.
    ``information``: the Action Information as sent; ``through`` runs the verb."""
    if requested_uid != StorageCommitmentPushModelInstance:
        return _NO_SUCH_INSTANCE, None
    if action_type != 1:
        return _NO_SUCH_ACTION, None
    # Items are counted before they are read: empty ones cost a hundred times their bytes.
    if len(information) > MAX_INFORMATION_BYTES or information.count(_ITEM) > REFERENCES:
        return _LIMIT, None
    try:
        is_implicit = UID(transfer_syntax_uid).is_implicit_VR
        asked = committing.read_request(decode(io.BytesIO(information), is_implicit, True))
    except Exception:
        # The reader's messages may quote values.
        return _INVALID_ARGUMENT, None
    try:
        request = through(
            lambda: committing.note_request(
                actor, project, asked, calling_ae=calling_ae, called_ae=called_ae, peer=peer
            )
        )
    except Refused:
        return _NOT_AUTHORIZED, None
    except (DatabaseError, OSError):
        return _FAILURE, None
    return 0x0000, request


@dataclass(eq=False)
class Report:
    """An N-EVENT-REPORT and what the peer said to it."""

    message_id: int
    context_id: int
    event_type: int
    data_set: bytes = field(repr=False)
    is_over: threading.Event = field(default_factory=threading.Event)
    is_taken: bool = False

    def pdus(self, max_pdu_bytes: int) -> Iterator[bytes]:
        return wire.event_report(
            self.context_id,
            self.message_id,
            StorageCommitmentPushModel,
            StorageCommitmentPushModelInstance,
            self.event_type,
            self.data_set,
            max_pdu_bytes,
        )


class Reports:
    """The reports of one association. What it cannot deliver, the worker does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: deque[Report] = deque()
        self._sent: dict[int, Report] = {}
        self._n_running = self._n_made = 0
        self._has_ended = False

    @property
    def are_awaited(self) -> bool:
        """Whether a report is ready, on its way or may become ready."""
        return self._n_running > 0

    def find(self, request: CommitmentRequest, context_id: int, transfer_syntax_uid: str) -> None:
        """Find the verdicts of a request that was taken, and have them told."""
        if not _reading.acquire(blocking=False):
            return
        with self._lock:
            self._n_running += 1

        def send(information: Dataset, event_type: int) -> bool:
            return self._tell(information, event_type, context_id, UID(transfer_syntax_uid))

        def answer() -> None:
            try:
                committing.answer_at_once(request, send)
            except Exception as error:
                # The worker answers instead; a message may quote values.
                logger.warning("commitment not answered", extra={"error": type(error).__name__})
            finally:
                connection.close()
                _reading.release()
                with self._lock:
                    self._n_running -= 1

        try:
            threading.Thread(target=answer, name="commitment", daemon=True).start()
        except RuntimeError:
            # No thread is to be had: the worker answers.
            _reading.release()
            with self._lock:
                self._n_running -= 1

    def _tell(self, information: Dataset, event_type: int, context_id: int, syntax: UID) -> bool:
        """Whether the peer took the report; waits for its answer."""
        data_set = encode(information, syntax.is_implicit_VR, True)
        if not data_set:
            return False
        with self._lock:
            if self._has_ended:
                return False
            self._n_made += 1
            message_id = (self._n_made - 1) % 0xFFFF + 1
            report = Report(message_id, context_id, event_type, data_set)
            self._ready.append(report)
        # A peer that is slow to answer must not hold a pooled connection meanwhile.
        put_connection_away()
        report.is_over.wait(_ANSWER_S)
        with self._lock:
            self._sent.pop(report.message_id, None)
        return report.is_taken

    def ready(self) -> list[Report]:
        """What is to be sent now."""
        with self._lock:
            found = list(self._ready)
            self._ready.clear()
            self._sent.update({report.message_id: report for report in found})
        return found

    def answered(self, message_id: int, status: int) -> None:
        """The peer's answer to a report; one that came too late is nobody's any more. Raises
        BrokenMessageError for what was never sent."""
        with self._lock:
            report = self._sent.pop(message_id, None)
            if report is None:
                if not 0 < message_id <= self._n_made:
                    raise wire.BrokenMessageError("an answer to nothing")
                return
        report.is_taken = status == 0x0000
        report.is_over.set()

    def end(self) -> None:
        """The association is over: nobody need wait any longer."""
        with self._lock:
            self._has_ended = True
            left = [*self._ready, *self._sent.values()]
            self._ready.clear()
            self._sent.clear()
        for report in left:
            report.is_over.set()
