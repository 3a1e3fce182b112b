"""N-ACTION of the Storage Commitment push model: taken at once, answered after."""

from __future__ import annotations

import logging
import threading
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.intake.pacs import committing
from apps.intake.pacs.client import held
from apps.intake.pacs.models import CommitmentRequest
from apps.projects.models import Project

logger = logging.getLogger(__name__)

REFERENCES = 10_000
# Reading back takes time: what comes while so many are read is left to the worker.
_reading = threading.BoundedSemaphore(2)

# PS3.7 annex C.
_NOT_AUTHORIZED, _NO_SUCH_ACTION, _NO_SUCH_INSTANCE = 0x0124, 0x0123, 0x0112
_INVALID_ARGUMENT, _LIMIT, _FAILURE = 0x0115, 0x0213, 0x0110


def offer(association: Any, project: Project) -> None:
    """Negotiate the SOP class on this association when its project commits."""
    if committing.is_on(project):
        acceptor = association.acceptor
        ours = build_context(StorageCommitmentPushModel)
        acceptor.supported_contexts = [*acceptor.supported_contexts, ours]


def take_request(
    requested_uid: str,
    action_type: int,
    information: Any,
    actor: Actor,
    project: Project,
    *,
    calling_ae: str,
    called_ae: str,
    peer: str,
) -> tuple[int, CommitmentRequest | None]:
    """Status of an N-ACTION, and the request to be answered after it. ``information`` gives the
    decoded Action Information; whatever it raises is an invalid argument."""
    if requested_uid != StorageCommitmentPushModelInstance:
        return _NO_SUCH_INSTANCE, None
    if action_type != 1:
        return _NO_SUCH_ACTION, None
    try:
        asked = committing.read_request(information())
    except Exception:
        # The reader's messages may quote values.
        return _INVALID_ARGUMENT, None
    if len(asked.references) > REFERENCES:
        return _LIMIT, None
    try:
        request = committing.note_request(
            actor, project, asked, calling_ae=calling_ae, called_ae=called_ae, peer=peer
        )
    except Refused:
        return _NOT_AUTHORIZED, None
    except DatabaseError:
        connection.close()
        return _FAILURE, None
    return 0x0000, request


def answer_soon(association: Any, request: CommitmentRequest) -> None:
    """Answer on the same association once the N-ACTION has had its own answer."""

    def send(information: Any, event_type: int) -> bool:
        if not association.is_established:
            return False
        with held(association):
            return committing.send(association, information, event_type)

    def answer() -> None:
        try:
            committing.answer_at_once(request, send)
        except Exception as error:
            # The worker answers instead; a message may quote values.
            logger.warning("commitment not answered", extra={"error": type(error).__name__})
        finally:
            connection.close()
            _reading.release()

    if _reading.acquire(blocking=False):
        threading.Thread(target=answer, daemon=True).start()
