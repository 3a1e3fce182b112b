"""STOW-RS (PS3.18 section 10.5): each instance of a request goes into the vault while it arrives,
and into quarantine by the same verbs as C-STORE."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from django.utils.http import parse_header_parameters

from apps.access.actor import Actor
from apps.intake.domain.header_facts import HeaderFacts, UnreadableHeader
from apps.intake.domain.multipart import BodyCut, MalformedBody, MultipartReader, Part
from apps.intake.receiving import DiskFullError, Incoming, take
from apps.intake.services import note_refusal
from apps.keys.keyring import KeyDestroyedError
from apps.projects.models import Project
from apps.vault.files import storage
from apps.vault.models import VaultFile

logger = logging.getLogger(__name__)

# PS3.18 Table I.2-2, the same numbers as C-STORE's statuses.
PROCESSING_FAILURE, NO_ROOM, MISMATCH, NOT_UNDERSTOOD = 0x0110, 0xA700, 0xA900, 0xC000
MAX_PARTS = 20_000


class BodyTooLarge(Exception):
    """More bytes or parts than a request may have."""


class _WrongStudy(ValueError):
    """The instance is of another study than the address says."""


class StowInstance(Incoming):
    """An arriving instance that knows afterwards what it was, for the answer."""

    def __init__(self, study_uid: str | None) -> None:
        super().__init__()
        self._study_uid = study_uid
        self.facts: HeaderFacts | None = None

    def finish(self) -> tuple[VaultFile, HeaderFacts]:
        file, facts = super().finish()
        self.facts = facts
        if self._study_uid is not None and facts.study_instance_uid != self._study_uid:
            storage().delete(file.storage_name)
            raise _WrongStudy("another study")
        return file, facts


@dataclass
class Outcome:
    """What became of each instance: (SOP Class UID, SOP Instance UID, reason); ``others`` are the
    reasons of parts whose UIDs are not known. ``fault`` says what was wrong with the body itself:
    ``malformed``, ``cut`` or ``too_large``."""

    stored: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str, int]] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    fault: str = ""

    @property
    def n_refused(self) -> int:
        return len(self.failed) + len(self.others)

    @property
    def status(self) -> int:
        """PS3.18 Table 10.5.3-1; 503 where nothing was taken for want of room: send again later."""
        if self.fault == "too_large":
            return 413
        if self.fault and not self.stored:
            return 400
        if self.stored:
            return 202 if self.n_refused else 200
        reasons = {reason for _, _, reason in self.failed} | set(self.others)
        if not reasons:
            return 400
        return 503 if reasons == {NO_ROOM} else 409

    def as_dicom_json(self) -> dict[str, Any]:
        """The Store Instances Response Module (PS3.18 section I.2). There is no Retrieve URL: what
        is in quarantine cannot be fetched."""
        body: dict[str, Any] = {}
        if self.stored:
            body["00081199"] = _sequence([_reference(*pair) for pair in self.stored])
        if self.failed:
            items = [{**_reference(*row[:2]), **_reason(row[2])} for row in self.failed]
            body["00081198"] = _sequence(items)
        if self.others:
            body["0008119A"] = _sequence([_reason(reason) for reason in self.others])
        return body


def _sequence(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": items}


def _reference(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [sop_instance_uid]},
    }


def _reason(reason: int) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [reason]}}


def store(
    actor: Actor,
    project: Project,
    read: Callable[[int], bytes],
    boundary: str,
    study_uid: str | None,
) -> Outcome:
    """Take every part. What was whole before a fault of the body stays; what was not leaves
    nothing. ``read`` may raise BodyTooLarge."""
    outcome = Outcome()
    try:
        reader = MultipartReader(read, boundary)
    except ValueError:
        outcome.fault = "malformed"
        return outcome
    try:
        for number, part in enumerate(reader.parts(), 1):
            if number > MAX_PARTS:
                raise BodyTooLarge
            _take_part(actor, project, part, study_uid, outcome)
            _put_connection_away()
    except BodyTooLarge:
        outcome.fault = "too_large"
    except BodyCut:
        outcome.fault = "cut"
    except MalformedBody:
        outcome.fault = "malformed"
    if outcome.fault in ("cut", "malformed"):
        outcome.others.append(NOT_UNDERSTOOD)
    return outcome


def _put_connection_away() -> None:
    """While the next instance arrives, a pooled connection is another request's to use."""
    if connection.vendor != "sqlite" and not connection.in_atomic_block:
        connection.close()


def _take_part(
    actor: Actor, project: Project, part: Part, study_uid: str | None, outcome: Outcome
) -> None:
    media_type, _ = parse_header_parameters(part.headers.get("content-type", "application/dicom"))
    encoding = part.headers.get("content-transfer-encoding", "binary").lower()
    if media_type != "application/dicom" or encoding not in ("binary", "8bit", "7bit"):
        _refuse(actor, project, "not_dicom")
        outcome.others.append(NOT_UNDERSTOOD)
        return
    incoming = StowInstance(study_uid)
    try:
        for block in part.blocks():
            incoming.write(block)
        take(actor, project, incoming, peer=actor.origin)
    except DiskFullError:
        why = NO_ROOM, "disk_reserve_reached"
    except UnreadableHeader:
        why = NOT_UNDERSTOOD, "cannot_understand"
    except _WrongStudy:
        why = MISMATCH, "another_study"
    except KeyDestroyedError:
        why = PROCESSING_FAILURE, "subject_destroyed"
    except (DatabaseError, OSError) as error:
        logger.error("instance not taken", extra={"error": type(error).__name__})
        if not connection.in_atomic_block:
            connection.close()
        why = NO_ROOM, "storage_or_database_away"
    except (MalformedBody, BodyTooLarge):
        raise
    except Exception as error:
        # One instance must not cost the others their answer; a message could quote a value.
        logger.error("instance not taken", extra={"error": type(error).__name__})
        why = PROCESSING_FAILURE, "failed"
    else:
        assert incoming.facts is not None
        outcome.stored.append((incoming.facts.sop_class_uid, incoming.facts.sop_instance_uid))
        return
    finally:
        # A no-op once the instance is whole; a body cut here leaves nothing of it.
        incoming.abort()
    _refuse(actor, project, why[1])
    if incoming.facts is None:
        outcome.others.append(why[0])
    else:
        facts = incoming.facts
        outcome.failed.append((facts.sop_class_uid, facts.sop_instance_uid, why[0]))


def _refuse(actor: Actor, project: Project, reason: str) -> None:
    try:
        note_refusal(actor, project, reason=reason, calling_ae="", peer=actor.origin)
    except DatabaseError:
        logger.error("refusal not recorded", extra={"reason": reason})
