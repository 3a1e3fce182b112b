"""Events in the words of FHIR R4 and of DICOM PS3.15 A.5.1, held to the structure of both."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree

import pytest

from apps.audit.domain.exchange import Told, dicom, fhir, fhir_bundle, kind_of

TOLD = Told(
    id="6f0c9a52-4d2e-4a57-9d0b-0f3d5f1f6a10",
    time="2026-03-03T12:00:00.123456Z",
    action="clip.open",
    outcome="done",
    user_id="7",
    user_name="anna",
    printed_name="Dr Anna <Keller> & Söhne",
    origin="10.1.2.3",
    object_type="clip",
    object_id="11111111-1111-4111-8111-111111111111",
    pseudonym="P-7F3K",
    entry=28,
)
BARE = replace(
    TOLD, action="system.note", user_id="", user_name="", printed_name="", origin="root",
    object_type="", object_id="", pseudonym="", entry=None,
)  # fmt: skip
REFUSED = replace(TOLD, action="session.sign_in", outcome="refused", origin="2001:db8::1")
ALL = [TOLD, BARE, REFUSED, replace(TOLD, action="label_set.save", outcome="failed")]

# PS3.15 A.5.1: attributes (True: must be there) and children in their order.
CODED = {"csd-code": True, "codeSystemName": True, "displayName": False, "originalText": True}
FORM = {
    "AuditMessage": ({}, ["EventIdentification", "ActiveParticipant",
                          "AuditSourceIdentification", "ParticipantObjectIdentification"]),
    "EventIdentification": (
        {"EventActionCode": False, "EventDateTime": True, "EventOutcomeIndicator": True},
        ["EventID", "EventTypeCode", "EventOutcomeDescription"]),
    "ActiveParticipant": (
        {"UserID": True, "AlternativeUserID": False, "UserName": False, "UserIsRequestor": True,
         "NetworkAccessPointID": False, "NetworkAccessPointTypeCode": False},
        ["RoleIDCode", "MediaIdentifier"]),
    "AuditSourceIdentification": (
        {"AuditEnterpriseSiteID": False, "AuditSourceID": True}, ["AuditSourceTypeCode"]),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID": True, "ParticipantObjectTypeCode": False,
         "ParticipantObjectTypeCodeRole": False, "ParticipantObjectDataLifeCycle": False,
         "ParticipantObjectSensitivity": False},
        ["ParticipantObjectIDTypeCode", "ParticipantObjectName", "ParticipantObjectQuery",
         "ParticipantObjectDetail", "ParticipantObjectDescription"]),
    "EventID": (CODED, []), "EventTypeCode": (CODED, []), "RoleIDCode": (CODED, []),
    "ParticipantObjectIDTypeCode": (CODED, []),
    "AuditSourceTypeCode": ({**dict.fromkeys(CODED, False), "csd-code": True}, []),
    "ParticipantObjectName": ({}, []),
    "ParticipantObjectDetail": ({"type": True, "value": True}, []),
}  # fmt: skip
REQUIRED = {
    "AuditMessage": {"EventIdentification", "ActiveParticipant", "AuditSourceIdentification"},
    "EventIdentification": {"EventID"},
    "ParticipantObjectIdentification": {"ParticipantObjectIDTypeCode", "ParticipantObjectName"},
}


def check(element) -> None:
    attributes, children = FORM[element.tag]
    assert set(element.attrib) <= set(attributes), element.tag
    assert {name for name, must in attributes.items() if must} <= set(element.attrib), element.tag
    found = [child.tag for child in element]
    assert found == sorted(found, key=children.index), element.tag
    assert REQUIRED.get(element.tag, set()) <= set(found), element.tag
    for child in element:
        check(child)


@pytest.mark.parametrize("told", ALL, ids=[told.action for told in ALL])
def test_a_message_has_the_elements_attributes_and_order_of_the_standard(told):
    made = ElementTree.fromstring(dicom(told, "hospital.example/log"))
    check(made)
    assert made[0].get("EventActionCode") in set("CRUDE")
    assert datetime.fromisoformat(made[0].get("EventDateTime")).tzinfo


def test_a_message_says_who_what_and_whose_in_the_standard_s_codes():
    made = ElementTree.fromstring(dicom(TOLD, "hospital.example/log"))
    assert made.find("EventIdentification/EventID").get("csd-code") == "110103"
    person = made.find("ActiveParticipant")
    assert person.get("UserName") == TOLD.printed_name and person.get("UserID") == "7"
    assert person.get("NetworkAccessPointID") == "10.1.2.3"
    patient, clip = made.findall("ParticipantObjectIdentification")
    assert patient.get("ParticipantObjectID") == "P-7F3K"
    assert (patient.get("ParticipantObjectTypeCode"), clip.get("ParticipantObjectTypeCode")) == (
        "1",
        "2",
    )
    detail = clip.find("ParticipantObjectDetail").get("value")
    assert base64.b64decode(detail) == b"28"
    login = ElementTree.fromstring(dicom(REFUSED, "x"))
    assert login[0].get("EventOutcomeIndicator") == "4"
    codes = [code.get("csd-code") for code in login.iter("EventTypeCode")]
    assert codes == ["110122", "session.sign_in"]


@pytest.mark.parametrize("told", ALL, ids=[told.action for told in ALL])
def test_an_audit_event_has_what_fhir_r4_requires_and_nothing_else(told):
    made = fhir(told, "hospital.example/log")
    allowed = {"resourceType", "id", "type", "subtype", "action", "recorded", "outcome",
               "outcomeDesc", "agent", "source", "entity"}  # fmt: skip
    assert {"resourceType", "type", "recorded", "agent", "source"} <= set(made) <= allowed
    assert made["action"] in set("CRUDE") and made["outcome"] in {"0", "4", "8", "12"}
    (agent,) = made["agent"]
    assert agent["requestor"] is True
    assert set(agent) <= {"who", "altId", "name", "requestor", "network"}
    assert made["source"]["observer"]["display"]
    for entity in made.get("entity", []):
        # sev-1: either a name or a query, not both.
        assert set(entity) <= {"what", "type", "role", "name", "detail"}
        assert entity["what"]["identifier"]["value"]
    assert _no_empty(made)


def _no_empty(value) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return bool(value) and all(_no_empty(one) for one in inner)
    return value not in ("", None)


def test_a_bundle_names_each_event_and_every_action_has_a_code():
    made = fhir_bundle(ALL, "x")
    assert [row["fullUrl"] for row in made["entry"]] == [f"urn:uuid:{TOLD.id}"] * 4
    assert kind_of("release.download").meaning == "Export"
    assert kind_of("something.new").code == "110111"
