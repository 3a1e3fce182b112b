"""What may be entered for a PACS, and who may ask it for what: refused before anything is sent."""

from __future__ import annotations

import pytest

from apps.access import roles
from apps.audit.models import Event
from apps.intake.pacs.models import RemoteNode
from tests.intake.test_pacs import ask, node_of

pytestmark = pytest.mark.django_db


def test_what_a_form_lacks_is_said_beside_it(client, person):
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    good = {"name": "A", "host": "pacs.example", "port": "104", "ae_title": "PACS"}
    for field, bad in (
        ("host", "no host"), ("port", "70000"), ("port", "²"), ("ae_title", "A\\B"),
        ("ca_certificate", "nonsense"), ("name", ""), ("retrieval", "post"),
    ):  # fmt: skip
        answer = client.post("/node/peers/add/", {**good, field: bad})
        assert answer.status_code == 400 and b'role="alert"' in answer.content, field
    assert not RemoteNode.objects.exists()
    assert client.post("/node/peers/add/", good).status_code == 302
    assert client.post("/node/peers/add/", good).status_code == 400


def test_only_a_steward_queries_and_only_what_may_be_queried(client, person, project):
    hidden = node_of(1, "TOWER", may_be_queried=False)
    admin = person(system=(roles.PACS_ADMINISTRATOR,)).user
    client.force_login(admin)
    assert client.get("/pacs/").status_code == 404
    assert ask(client, hidden, patient_id="X").status_code == 404
    client.force_login(person("data_steward").user)
    assert ask(client, hidden, patient_id="X").status_code == 404
    assert client.get("/node/peers/").status_code == 404


def test_a_query_for_everything_is_refused_before_anything_is_sent(client, person, project):
    client.force_login(person("data_steward").user)
    remote = node_of(1, "PACS")
    for criteria in ({}, {"modality": "US"}, {"name": "*"}, {"patient_id": "*"},
                     {"date_from": "2020-01-01", "date_to": "2026-01-01"}):  # fmt: skip
        answer = ask(client, remote, **criteria)
        assert answer.status_code == 400 and b'role="alert"' in answer.content
    assert not Event.objects.filter(action="pacs.query").exists()
