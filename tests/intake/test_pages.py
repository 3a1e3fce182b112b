"""Who sees what arrived, and who may do what about it."""

from __future__ import annotations

import uuid

import pytest

from apps.access import roles
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import Incoming, take
from tests.intake import peers

pytestmark = pytest.mark.django_db


def arrived(actor, project, **made) -> ReceivedInstance:
    incoming = Incoming()
    incoming.write(peers.instance(**made))
    return take(actor, project, incoming, calling_ae="TOWER1")


def test_a_steward_sees_what_arrived_and_no_identifier(client, command, project, person):
    rows = [arrived(command, project, uid=f"1.2.840.99.{n}", patient=f"MRN-{n}") for n in range(3)]
    client.force_login(person("data_steward").user)
    for headers in ({}, {"HX-Request": "true"}):
        page = client.get("/quarantine/", headers=headers).content.decode()
        assert all(str(row.pk) in page for row in rows) and "TOWER1" in page
        assert "MRN-" not in page and "Planted" not in page and "1.2.840.99" not in page


def test_a_steward_of_another_project_sees_nothing_of_it(client, command, project, person):
    from apps.projects.services import create_project

    other = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    row = arrived(command, project)
    client.force_login(person("data_steward", where=other).user)
    assert str(row.pk) not in client.get("/quarantine/").content.decode()
    assert client.post(f"/quarantine/{row.pk}/reject/", {"reason": "x"}).status_code == 404
    assert client.post(f"/quarantine/{row.pk}/retry/").status_code == 404


@pytest.mark.parametrize("role", [role for role in roles.PROJECT_ROLES if role != "data_steward"])
def test_for_everybody_else_the_quarantine_does_not_exist(client, command, project, person, role):
    row = arrived(command, project)
    client.force_login(person(role).user)
    assert client.get("/quarantine/").status_code == 404
    assert client.post(f"/quarantine/{row.pk}/reject/", {"reason": "x"}).status_code == 404
    row.refresh_from_db()
    assert row.state == "received"


def test_an_administrator_sees_no_quarantine(client, command, project, person):
    arrived(command, project)
    admin = person(system=(roles.ADMINISTRATOR,)).user
    admin.is_superuser = True
    admin.save()
    client.force_login(admin)
    assert client.get("/quarantine/").status_code == 404


def test_rejecting_needs_a_reason_and_retrying_undoes_it(client, command, project, person):
    row = arrived(command, project)
    ReceivedInstance.objects.filter(pk=row.pk).update(state="held", reason="decode_failed")
    client.force_login(person("data_steward").user)
    assert client.post(f"/quarantine/{row.pk}/reject/", {"reason": " "}).status_code == 400
    row.refresh_from_db()
    assert row.state == "held"
    assert client.post(f"/quarantine/{row.pk}/reject/", {"reason": "Wrong"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.reason) == ("rejected", "rejected")
    assert client.post(f"/quarantine/{row.pk}/retry/").status_code == 302
    row.refresh_from_db()
    assert (row.state, row.reason) == ("received", "")
    assert client.post(f"/quarantine/{row.pk}/retry/").status_code == 409
    assert client.post(f"/quarantine/{uuid.uuid4()}/retry/").status_code == 404


def test_a_clash_cannot_be_retried(client, command, project, person):
    arrived(command, project, uid="1.2.3", pixels=b"\1\1")
    held = arrived(command, project, uid="1.2.3", pixels=b"\2\2")
    client.force_login(person("data_steward").user)
    assert client.post(f"/quarantine/{held.pk}/retry/").status_code == 400
    held.refresh_from_db()
    assert held.state == "held"


def test_only_a_pacs_administrator_sees_the_node(client, command, project, person):
    arrived(command, project)
    client.force_login(person("data_steward").user)
    assert client.get("/node/").status_code == client.post("/node/echo/").status_code == 404
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    page = client.get("/node/")
    assert page.status_code == 200 and "TOWER1" in page.content.decode()
    assert "Planted" not in page.content.decode()
    assert client.get("/quarantine/").status_code == 404


def test_the_echo_button_asks_the_running_node(client, node, person, settings):
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    settings.CLINICAL_ANNOT_DICOM_PORT = node.port
    answered = client.post("/node/echo/", follow=True).content.decode()
    assert "The node answered C-ECHO." in answered and "Listening" in answered
