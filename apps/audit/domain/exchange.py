"""An event in the words of others: FHIR R4 AuditEvent, and the DICOM audit message (PS3.15 A.5.1).

Both name the event by the codes of DICOM (PS3.16 CID 400), the people by the ids and names that the
trail holds, a patient by pseudonym alone. Pure: what is told stands in ``Told``.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from xml.etree import ElementTree

DCM = "http://dicom.nema.org/resources/ontology/DCM"
ACTIONS = "urn:clinicalannot:action"
_TERMS = "http://terminology.hl7.org/CodeSystem"


@dataclass(frozen=True)
class Told:
    """One event: ``time`` RFC 3339; ``outcome`` as the trail has it; ``origin`` where the person
    came from (an address, or the operating system's user); ``entry`` its place in the log."""

    id: str
    time: str
    action: str
    outcome: str
    user_id: str
    user_name: str
    printed_name: str
    origin: str
    object_type: str
    object_id: str
    pseudonym: str
    entry: int | None


@dataclass(frozen=True)
class Kind:
    """A DICOM code with its meaning, and what was done: C, R, U, D or E."""

    code: str
    meaning: str
    done: str


_KINDS: tuple[tuple[str, Kind], ...] = (
    ("session.", Kind("110114", "User Authentication", "E")),
    ("system.", Kind("110100", "Application Activity", "E")),
    ("clip.open", Kind("110103", "DICOM Instances Accessed", "R")),
    ("clip.watched", Kind("110103", "DICOM Instances Accessed", "R")),
    ("deid.open_review", Kind("110103", "DICOM Instances Accessed", "R")),
    ("deid.", Kind("110103", "DICOM Instances Accessed", "U")),
    ("retention.", Kind("110105", "DICOM Study Deleted", "D")),
    ("instance.retrieve", Kind("110104", "DICOM Instances Transferred", "R")),
    ("intake.search", Kind("110112", "Query", "E")),
    ("pacs.query", Kind("110112", "Query", "E")),
    ("intake.", Kind("110104", "DICOM Instances Transferred", "C")),
    ("label_set.import", Kind("110107", "Import", "C")),
    ("release.download", Kind("110106", "Export", "R")),
    ("audit.export", Kind("110106", "Export", "R")),
    ("audit.", Kind("110101", "Audit Log Used", "R")),
    ("keys.", Kind("110113", "Security Alert", "E")),
    ("person.", Kind("110113", "Security Alert", "E")),
    ("project.", Kind("110113", "Security Alert", "E")),
    ("token.", Kind("110113", "Security Alert", "E")),
    ("routing.", Kind("110113", "Security Alert", "E")),
    ("", Kind("110111", "Procedure Record", "U")),
)
_SESSIONS = {"session.sign_in": ("110122", "Login"), "session.sign_out": ("110123", "Logout")}
_OUTCOMES = {"refused": "4", "held": "4", "aborted": "4", "failed": "8"}


def kind_of(action: str) -> Kind:
    """What an action of the trail is called in DICOM's words."""
    return next(kind for start, kind in _KINDS if action.startswith(start))


def outcome_of(outcome: str) -> str:
    """0 success, 4 minor failure (a refusal), 8 serious failure."""
    return _OUTCOMES.get(outcome, "0")


def fhir(told: Told, source: str) -> dict[str, Any]:
    """The event as FHIR R4 AuditEvent; ``source`` names this system (the log's origin)."""
    kind = kind_of(told.action)
    subtypes = [{"system": ACTIONS, "code": told.action}]
    if told.action in _SESSIONS:
        code, meaning = _SESSIONS[told.action]
        subtypes.insert(0, {"system": DCM, "code": code, "display": meaning})
    agent: dict[str, Any] = {"requestor": True}
    if told.user_id:
        agent["who"] = {"identifier": {"value": told.user_id}}
    agent |= {
        name: value
        for name, value in (("altId", told.user_name), ("name", told.printed_name))
        if value
    }
    if _is_address(told.origin):
        agent["network"] = {"address": told.origin, "type": "2"}
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": told.id,
        "type": {"system": DCM, "code": kind.code, "display": kind.meaning},
        "subtype": subtypes,
        "action": kind.done,
        "recorded": told.time,
        "outcome": outcome_of(told.outcome),
        "agent": [agent],
        "source": {
            "observer": {"display": source},
            "type": [{"system": f"{_TERMS}/security-source-type", "code": "4"}],
        },
    }
    if told.outcome != "done":
        event["outcomeDesc"] = told.outcome
    entities = _entities(told)
    if entities:
        event["entity"] = entities
    return event


def _entities(told: Told) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    if told.pseudonym:
        out.append(
            {
                "what": {"identifier": {"value": told.pseudonym}},
                "type": {"system": f"{_TERMS}/audit-entity-type", "code": "1"},
                "role": {"system": f"{_TERMS}/object-role", "code": "1", "display": "Patient"},
            }
        )
    if told.object_id:
        entity: dict[str, Any] = {
            "what": {"identifier": {"value": told.object_id}},
            "type": {"system": f"{_TERMS}/audit-entity-type", "code": "2"},
            "name": told.object_type or "object",
        }
        if told.entry is not None:
            entity["detail"] = [{"type": "log entry", "valueString": str(told.entry)}]
        out.append(entity)
    return out


def fhir_bundle(events: Sequence[Told], source: str) -> dict[str, Any]:
    """A collection of AuditEvents."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"urn:uuid:{told.id}", "resource": fhir(told, source)} for told in events
        ],
    }


def dicom(told: Told, source: str) -> bytes:
    """The event as one DICOM audit message, XML in UTF-8."""
    kind = kind_of(told.action)
    message = ElementTree.Element("AuditMessage")
    happened = ElementTree.SubElement(
        message,
        "EventIdentification",
        EventActionCode=kind.done,
        EventDateTime=told.time,
        EventOutcomeIndicator=outcome_of(told.outcome),
    )
    _code(happened, "EventID", kind.code, "DCM", kind.meaning)
    if told.action in _SESSIONS:
        _code(
            happened, "EventTypeCode", _SESSIONS[told.action][0], "DCM", _SESSIONS[told.action][1]
        )
    _code(happened, "EventTypeCode", told.action, "99CLINANNOT", told.action)
    person = {"UserID": told.user_id or source, "UserIsRequestor": "true"}
    if told.user_name:
        person["AlternativeUserID"] = told.user_name
    if told.printed_name:
        person["UserName"] = told.printed_name
    if _is_address(told.origin):
        person |= {"NetworkAccessPointID": told.origin, "NetworkAccessPointTypeCode": "2"}
    ElementTree.SubElement(message, "ActiveParticipant", person)
    found = ElementTree.SubElement(message, "AuditSourceIdentification", AuditSourceID=source)
    ElementTree.SubElement(found, "AuditSourceTypeCode", {"csd-code": "4"})
    if told.pseudonym:
        _object(message, told.pseudonym, ("1", "1"), ("2", "Patient Number"), told.pseudonym)
    if told.object_id:
        entry = {} if told.entry is None else {"log entry": str(told.entry)}
        name = told.object_type or "object"
        _object(message, told.object_id, ("2", "4"), ("12", "URI"), name, entry)
    return ElementTree.tostring(message, encoding="utf-8", xml_declaration=True)


def _code(parent: Any, name: str, code: str, scheme: str, meaning: str) -> None:
    values = {"csd-code": code, "codeSystemName": scheme, "originalText": meaning}
    ElementTree.SubElement(parent, name, values)


def _object(
    message: Any,
    thing: str,
    kind: tuple[str, str],
    id_kind: tuple[str, str],
    name: str,
    details: dict[str, str] | None = None,
) -> None:
    held = ElementTree.SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=thing,
        ParticipantObjectTypeCode=kind[0],
        ParticipantObjectTypeCodeRole=kind[1],
    )
    _code(held, "ParticipantObjectIDTypeCode", id_kind[0], "RFC-3881", id_kind[1])
    ElementTree.SubElement(held, "ParticipantObjectName").text = name
    for key, value in (details or {}).items():
        encoded = base64.b64encode(value.encode()).decode()
        ElementTree.SubElement(held, "ParticipantObjectDetail", type=key, value=encoded)


def _is_address(origin: str) -> bool:
    try:
        ip_address(origin)
    except ValueError:
        return False
    return True
