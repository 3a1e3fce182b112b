"""Proofs by API and page, checked by the stand-alone verifier; every changed byte found."""

from __future__ import annotations

import base64
import json
import random

import pytest

from apps.audit import delivery, log, tree
from apps.audit.domain import merkle, proof
from apps.audit.models import Event, Leaf
from clinical_annot.verify.__main__ import main
from tests.audit.running import witness_thread

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(person, client):
    actor = person(system=("compliance_officer",))
    client.force_login(actor.user)
    return actor


def grow(count: int) -> str:
    """Entries more; the signed note over all of them."""
    for number in range(count):
        log.append("test.event", public={"n": number})
    while tree.sequence():
        pass
    return tree.make_checkpoint().note


def pinned() -> str:
    return base64.b64encode(tree.signing_key().public_key().public_bytes_raw()).decode()


def test_an_entry_s_proof_verifies_elsewhere_and_says_that_the_log_only_grew(
    officer, client, tmp_path, capsys
):
    def run(*arguments: str) -> tuple[int, str]:
        return main([*arguments]), capsys.readouterr().out

    old = tmp_path / "old.txt"
    old.write_text(grow(5) + "\n")
    grow(300)
    since = int(old.read_text().split("\n")[1])
    event = Event.objects.filter(action="test.event").order_by("recorded_at")[77]
    path = tmp_path / "one.proof"
    for url in (f"/api/v1/audit/{event.pk}/proof/", f"/audit/{event.pk}/proof/"):
        path.write_bytes(client.get(url, {"since": since}).content)
        status, said = run(str(path), "--key", pinned(), "--checkpoint", str(old))
        assert status == 0 and said.startswith(f"VERIFIED entry {event.leaf.seq} of "), said
        assert f"only grew since {since}: test.event done" in said
    path.write_bytes(client.get(f"/api/v1/audit/{event.pk}/proof/").content)
    assert run(str(path))[1].startswith("CONSISTENT, key not pinned")
    status, said = run(str(path), "--checkpoint", str(old))
    assert status == 1 and "ask for a proof since that size" in said
    assert run(str(path), "--key", base64.b64encode(bytes(32)).decode())[0] == 1
    assert Event.objects.filter(action="audit.prove", actor=officer.id).count() == 3


def test_each_of_200_single_byte_changes_of_a_proof_file_is_found(officer, client):
    grow(40)
    event = Event.objects.filter(action="test.event").last()
    good = client.get(f"/api/v1/audit/{event.pk}/proof/", {"since": 9}).content
    assert proof.check(good).entry == bytes(event.entry)
    chance = random.Random(11)
    for _ in range(200):
        bad = bytearray(good)
        bad[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        with pytest.raises(proof.ProofFileError):
            proof.check(bytes(bad))


def test_consistency_by_api_holds_between_any_two_sizes(officer, client):
    grow(300)
    leaves = [bytes(h) for h in Leaf.objects.order_by("seq").values_list("hash", flat=True)]
    for old, new in ((1, 1), (3, 300), (256, 257), (299, 300)):
        told = client.get("/api/v1/audit/consistency/", {"old": old, "new": new}).json()
        root = merkle.root(new, merkle.subtree_of(leaves))
        steps = [base64.b64decode(step) for step in told["proof"]]
        assert merkle.verify_consistency(old, new, base64.b64decode(told["old_root"]), root, steps)
    for bad in ({"old": 0, "new": 3}, {"old": 3, "new": 2}, {"old": 1, "new": 10**9}, {"old": "x"}):
        assert client.get("/api/v1/audit/consistency/", bad).status_code == 400


def test_the_checkpoint_by_api_bears_the_witnesses_lines(officer, client, settings, tmp_path):
    with witness_thread(tmp_path) as named:
        settings.CLINICAL_ANNOT_WITNESSES = [named]
        note = grow(3)
        delivery.deliver()
        told = client.get("/api/v1/audit/checkpoint/").json()
    assert told["note"].startswith(note) and told["note"] != note
    assert [(row["size"], row["problem"]) for row in told["places"]] == [(told["size"], "")]
    assert b"irb.example/w1" in client.get("/audit/").content
    page = json.loads(client.get(f"/api/v1/audit/{Event.objects.last().pk}/proof/").content)
    assert page["origin"] == tree.origin()


def test_proofs_are_for_officers_and_of_their_own_projects_events(person, client, project):
    from apps.access.actor import service
    from apps.projects.services import create_project

    other = create_project(
        service("command"), None, slug="other", name="Other", ae_title="OTHER", options={}
    )
    mine, theirs = (log.append("test.event", project=str(each.pk)).id for each in (project, other))
    grow(1)
    urls = [f"/api/v1/audit/{mine}/proof/", "/api/v1/audit/checkpoint/", f"/audit/{mine}/proof/",
            "/api/v1/audit/consistency/?old=1&new=1"]  # fmt: skip
    for actor in (person("annotator", "project_lead"), person("data_steward"), person()):
        client.force_login(actor.user)
        assert [client.get(url).status_code for url in urls] == [404] * 4
    client.force_login(person("compliance_officer").user)
    assert [client.get(url).status_code for url in urls] == [200] * 4
    assert client.get(f"/api/v1/audit/{theirs}/proof/").status_code == 404
    assert client.get(f"/api/v1/audit/{mine}/proof/?since=99999").status_code == 400
    client.force_login(person(system=("administrator",)).user)
    assert [client.get(url).status_code for url in urls] == [404] * 4
