"""Rules that send what arrives to a project, tried on the past before they are switched on."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydicom import dcmread
from pynetdicom import AE

from apps.access import roles
from apps.access.actor import service
from apps.audit.models import Event
from apps.intake import routing
from apps.intake.models import ReceivedInstance, RoutingRule
from apps.keys import keyring
from apps.keys.services import destroy_subject_key
from apps.vault.models import VaultFile
from tests.intake import peers

pytestmark = pytest.mark.django_db(transaction=True)
RULE = {
    "name": "Ultrasound",
    "called_ae": "CLINANNOT",
    "project": "other",
    "keyword": ["Modality", "", ""],
    "way": ["is", "is", "is"],
    "value": ["US", "", ""],
}


@pytest.fixture(autouse=True)
def _room(settings):
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    yield
    routing.forget()


@pytest.fixture
def other(command, project):
    from apps.projects.services import create_project

    return create_project(command, None, slug="other", name="Other", ae_title="OTHER")


@pytest.fixture
def admin(client, person):
    client.force_login(person(system=(roles.PACS_ADMINISTRATOR,)).user)
    return client


def send(node, tmp_path, called: str = "CLINANNOT", calling: str = "TOWER1", **made) -> bool:
    path = tmp_path / "one.dcm"
    path.write_bytes(peers.instance(pixels=b"\1\2" * 100, **made))
    return peers.SUCCESS in peers.storescu(node.port, path, called=called, calling=calling).stdout


def test_a_rule_is_tried_switched_on_and_then_decides(admin, node, project, other, tmp_path):
    assert send(node, tmp_path, name="Planted^Name", patient="PAT-1")
    assert send(node, tmp_path, calling="TOWER2")
    assert admin.post("/node/routing/add/", RULE).status_code == 302
    rule = RoutingRule.objects.get()
    assert not rule.is_on
    switch = f"/node/routing/{rule.pk}/switch/"
    assert admin.post(switch, {"on": "1"}).status_code == 400
    page = admin.post(f"/node/routing/{rule.pk}/try/").content.decode()
    assert page.count("data-trial") == 2 and page.count("<b>2</b>") == 3
    assert "TOWER2" in page and "Other" in page
    assert "Planted" not in page and "PAT-1" not in page
    assert not ReceivedInstance.objects.filter(project=other).exists()
    assert send(node, tmp_path)
    assert not ReceivedInstance.objects.filter(project=other).exists()
    assert admin.post(switch, {"on": "1"}).status_code == 302
    assert send(node, tmp_path)
    taken = ReceivedInstance.objects.get(project=other)
    told = Event.objects.filter(action="intake.receive", object_id=str(taken.pk)).get()
    assert str(rule.pk) in bytes(told.private).decode()
    # Changed, it is off until it was tried again.
    changed = {**RULE, "value": ["CT", "", ""]}
    assert admin.post(f"/node/routing/{rule.pk}/", changed).status_code == 302
    assert admin.post(switch, {"on": "1"}).status_code == 400
    assert send(node, tmp_path)
    assert ReceivedInstance.objects.filter(project=other).count() == 1
    page = admin.post(f"/node/routing/{rule.pk}/try/").content.decode()
    # What the first rule moved would stay by its called AE title.
    assert "Demo hospital" in page
    assert admin.post(f"/node/routing/{rule.pk}/remove/").status_code == 302
    actions = set(
        Event.objects.filter(action__startswith="routing.").values_list("action", "outcome")
    )
    assert actions == {
        ("routing.add", "done"), ("routing.switch", "refused"), ("routing.try", "done"),
        ("routing.switch", "done"), ("routing.change", "done"), ("routing.remove", "done"),
    }  # fmt: skip


def test_a_rule_by_titles_opens_an_ae_title_that_no_project_has(
    admin, node, project, other, tmp_path
):
    assert not send(node, tmp_path, called="ENDO_ALL")
    by_titles = {"name": "Endo", "called_ae": "ENDO*", "calling_ae": "TOWER1", "project": "other"}
    assert admin.post("/node/routing/add/", by_titles).status_code == 302
    rule = RoutingRule.objects.get()
    admin.post(f"/node/routing/{rule.pk}/try/")
    admin.post(f"/node/routing/{rule.pk}/switch/", {"on": "1"})
    assert send(node, tmp_path, called="ENDO_ALL")
    assert not send(node, tmp_path, called="ENDO_ALL", calling="TOWER2")
    assert ReceivedInstance.objects.get().project == other
    admin.post(f"/node/routing/{rule.pk}/switch/", {"on": "0"})
    assert not send(node, tmp_path, called="ENDO_ALL")


def test_what_a_rule_lacks_is_said_beside_its_form(admin, project, other):
    for change in (
        {"name": ""}, {"project": "none"}, {"called_ae": "x" * 17}, {"calling_ae": "a\\b"},
        {"keyword": ["PatientID", "", ""]}, {"way": ["like", "", ""]}, {"value": ["", "", ""]},
        {"position": "-1"}, {"called_ae": "", "keyword": ["", "", ""]},
    ):  # fmt: skip
        answer = admin.post("/node/routing/add/", {**RULE, **change})
        assert answer.status_code == 400 and b'role="alert"' in answer.content, change
    assert not RoutingRule.objects.exists()


def test_only_the_pacs_administrator_sees_rules(client, person, project):
    client.force_login(person("data_steward").user)
    assert client.get("/node/routing/").status_code == 404
    assert client.post("/node/routing/add/", RULE).status_code == 404


def test_instances_committed_together_go_each_to_the_project_of_its_rule(
    admin, node, project, other, tmp_path, settings
):
    """Several associations at once; an instance of a withdrawn subject among them."""
    settings.CLINICAL_ANNOT_DESTROYED_FILE = tmp_path / "destroyed.jsonl"
    assert admin.post("/node/routing/add/", RULE).status_code == 302
    rule = RoutingRule.objects.get()
    admin.post(f"/node/routing/{rule.pk}/try/")
    assert admin.post(f"/node/routing/{rule.pk}/switch/", {"on": "1"}).status_code == 302
    gone = keyring.subject_for("GONE")
    destroy_subject_key(service("command"), gone, reason="withdrawn")

    def sender(number: int) -> list[int]:
        ae = AE("TOWER1")
        ae.add_requested_context(peers.ULTRASOUND, peers.EXPLICIT)
        made = ae.associate("127.0.0.1", node.port, ae_title="CLINANNOT")
        told = []
        for modality, patient in (("US", "A"), ("XC", "B"), ("US", "GONE"), ("US", "C")):
            ds = dcmread(io.BytesIO(peers.instance(patient=patient, pixels=bytes(20))))
            ds.Modality = modality
            told.append(int(made.send_c_store(ds).Status))
        made.release()
        return told

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(sender, range(4)))
    assert told == [[0, 0, 0xC211, 0]] * 4
    moved = ReceivedInstance.objects.filter(project=other)
    kept = ReceivedInstance.objects.filter(project=project)
    assert [row.modality for row in moved] == ["US"] * 8
    assert [row.modality for row in kept] == ["XC"] * 4
    refused = Event.objects.filter(action="intake.refuse", outcome="refused")
    assert refused.count() == 4
    assert all(b"subject_destroyed" in bytes(row.entry) for row in refused)
    assert VaultFile.objects.count() == 12
