"""Asking for an association and accepting it, with pynetdicom's own PDU classes and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom.uid import UID
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import build_context, negotiate_unrestricted

from apps.intake.domain.upper_layer import BrokenMessageError
from apps.intake.node.guard import MAX_PDU_BYTES

IMPLEMENTATION_UID = str(PYNETDICOM_IMPLEMENTATION_UID)
IMPLEMENTATION_VERSION = PYNETDICOM_IMPLEMENTATION_VERSION
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
# A C-STORE has no place in these.
NOT_STORAGE = frozenset({VERIFICATION, COMMITMENT})
_SUPPORTED = [build_context(VERIFICATION)]
# Not deflated: a few kilobytes may become gigabytes, and nobody needs it here.
_PLAIN = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
_WITH_COMMITMENT = [*_SUPPORTED, build_context(COMMITMENT, _PLAIN)]


@dataclass(frozen=True)
class Request:
    """An A-ASSOCIATE-RQ. Titles without their padding; our version is the first (bit 0 of the
    protocol version, the only one that is looked at: PS3.8 section 9.3.2)."""

    calling_ae: str
    called_ae: str
    application_context: str
    has_our_version: bool
    primitive: Any


@dataclass(frozen=True)
class Context:
    """A presentation context that was accepted."""

    abstract_syntax: str
    transfer_syntax: str


def read_request(payload: memoryview) -> Request:
    """Raises BrokenMessageError: pynetdicom's own errors are of every kind, and may quote."""
    pdu = A_ASSOCIATE_RQ()
    try:
        pdu.decode(b"\x01\x00" + len(payload).to_bytes(4, "big") + bytes(payload))
        primitive = pdu.to_primitive()
        return Request(
            str(primitive.calling_ae_title or "").strip(),
            str(primitive.called_ae_title or "").strip(),
            str(primitive.application_context_name or ""),
            bool(payload[1] & 1),
            primitive,
        )
    except Exception:
        raise BrokenMessageError("the association request cannot be read") from None


def max_pdu_of(request: Request) -> int:
    """How long a PDU the peer takes, in bytes; 0: any."""
    items = request.primitive.user_information
    lengths = [item for item in items if isinstance(item, MaximumLengthNotification)]
    return int(lengths[0].maximum_length_received or 0) if lengths else 0


def accept(request: Request, *, commits: bool) -> tuple[bytes, dict[int, Context]]:
    """The A-ASSOCIATE-AC and what it accepts, by context ID; storage commitment where the project
    ``commits``. Raises BrokenMessageError."""
    try:
        asked = request.primitive
        roles = {
            UID(item.sop_class_uid): (item.scu_role, item.scp_role)
            for item in asked.user_information
            if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid
        }
        results, granted = negotiate_unrestricted(
            asked.presentation_context_definition_list,
            _WITH_COMMITMENT if commits else _SUPPORTED,
            roles,
        )
        length = MaximumLengthNotification()
        length.maximum_length_received = MAX_PDU_BYTES
        implementation = ImplementationClassUIDNotification()
        implementation.implementation_class_uid = PYNETDICOM_IMPLEMENTATION_UID
        version = ImplementationVersionNameNotification()
        version.implementation_version_name = IMPLEMENTATION_VERSION
        answer = A_ASSOCIATE()
        answer.application_context_name = asked.application_context_name
        answer.calling_ae_title = asked.calling_ae_title
        answer.called_ae_title = asked.called_ae_title
        answer.result, answer.result_source = 0x00, 0x01
        answer.presentation_context_definition_results_list = results
        answer.user_information = [length, implementation, version, *granted]
        pdu = A_ASSOCIATE_AC()
        pdu.from_primitive(answer)
        accepted = {
            int(item.context_id or 0): Context(
                str(item.abstract_syntax), str(item.transfer_syntax[0])
            )
            for item in results
            if item.result == 0x00
        }
        return pdu.encode(), accepted
    except Exception:
        raise BrokenMessageError("the association request cannot be answered") from None
