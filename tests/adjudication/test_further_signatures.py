"""After the first signature: passkeys, a second clinician, withdrawal, versions that stay."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from unittest.mock import patch

import pytest
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from apps.access import signing
from apps.access.errors import Conflict, Forbidden, Refused
from apps.adjudication import binding, endorsing, queries, services, signatures
from apps.adjudication.models import Adjudication, Endorsement, PasskeyAssertion
from apps.annotation import store
from apps.audit import triggers
from apps.audit.models import Event
from apps.audit.verify import TrailBrokenError, verify_trail
from apps.library.models import Clip
from apps.projects.models import Project
from tests import builders
from tests.adjudication.device import PRESENT, Device, challenge_of
from tests.adjudication.test_adjudication import consensus_of, decide_all, sign

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def ready(kept) -> Clip:
    return kept.make(builders.ready_clip)


@pytest.fixture
def project(kept, db) -> Project:
    return Project.objects.get(pk=kept.project.pk)


@pytest.fixture
def opened(project, person, ready):
    clip = Clip.objects.get(pk=ready.pk)
    made, judge = builders.open_adjudication(project, person, clip)
    decide_all(judge, made, "a")
    return made, judge


def asks_for_two(project: Project) -> None:
    project.options = {**project.options, "countersign": True}
    project.save(update_fields=["options"])


def test_a_passkey_signs_the_digest_of_the_statement_and_its_assertion_is_kept(opened, client):
    made, judge = opened
    client.force_login(judge.user)
    url = f"/api/v1/adjudications/{made.pk}/"
    assert client.get(f"{url}statement/").json()["options"] is None
    device = Device(judge.user)
    shown = client.get(f"{url}statement/").json()
    said = json.loads(shown["statement"])
    assert said["meaning"] == binding.MEANING
    assert said["digest"] == binding.content_digest(consensus_of(made))
    assert challenge_of(shown["options"]) == sha256(shown["statement"].encode()).digest()
    assert shown["options"]["userVerification"] == "required"

    def post(answer, statement=shown["statement"]):
        body = {"revision": consensus_of(made).revision, "statement": statement, "passkey": answer}
        return client.post(f"{url}sign/", body, content_type="application/json")

    def refused(answer, code="wrong_passkey", statement=shown["statement"]):
        done = post(answer, statement)
        assert done.json()["error"]["code"] == code, done.content
        assert done.status_code in (403, 409) and not PasskeyAssertion.objects.exists()

    refused(device.answer(shown["options"], flags=PRESENT))
    refused({"id": "x"})
    refused("nothing")
    refused(device.answer({"challenge": "AAAA"}))
    other = Device(made.set_a.author, b"another person's")
    refused(other.answer(shown["options"]))
    changed = shown["statement"].replace("approve", "refuse ")
    asked = {"challenge": device_challenge(changed)}
    refused(device.answer(asked), "stale_statement", changed)
    with patch.object(timezone, "now", return_value=timezone.now() + timedelta(minutes=6)):
        late = device.answer(shown["options"])
        with pytest.raises(Refused) as refusal:
            signatures.passkeys.check(judge.user, shown["statement"].encode(), late)
        assert refusal.value.code == "wrong_passkey"

    answer = device.answer(shown["options"])
    done = post(answer).json()
    assert done["signature"]["holds"] and "passkey" in done["signature"]["authentication"]
    made.refresh_from_db()
    assert bytes(made.signature.released_statement).decode() == shown["statement"]
    held = PasskeyAssertion.objects.get()
    rows = PasskeyAssertion.objects.all()
    for change in (lambda: rows._raw_delete(rows.db), lambda: rows.update(id=F("id"))):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    # The server alone cannot make one: a changed or a missing assertion is found.
    assert verify_trail(outside=[]).entries
    triggers.remove()
    rows.update(assertion=bytes(held.assertion)[:-1] + b"\0")
    assert not binding.signature_holds(made)
    rows.all()._raw_delete(rows.db)
    triggers.install()
    with pytest.raises(TrailBrokenError, match="signature"):
        verify_trail(outside=[])


def device_challenge(statement: str) -> str:
    from tests.adjudication.device import web64

    return web64(sha256(statement.encode()).digest())


def test_a_second_clinician_countersigns_where_the_project_asks_for_it(
    opened, project, person, client
):
    made, judge = opened
    done = sign(judge, made)
    second, third = person("adjudicator"), person("adjudicator")
    url = f"/api/v1/adjudications/{made.pk}/"
    client.force_login(second.user)
    assert client.get(url).status_code == 404
    asks_for_two(project)
    shown = client.get(url).json()
    assert shown["may_endorse"] == "countersign" and shown["state"] == "signed"
    assert client.get(f"/adjudications/{made.pk}/").status_code == 200
    assert str(made.pk).encode() in client.get("/").content
    body = {"password": "wrong"}
    post = lambda: client.post(f"{url}countersign/", body, content_type="application/json")  # noqa: E731
    assert post().status_code == 403
    body = {"password": builders.PASSWORD}
    (given,) = post().json()["endorsements"]
    assert given["name"] == second.user.printed_name and given["holds"]
    assert given["digest"] == done.signature.digest
    assert post().json()["error"]["code"] == "signed_already"
    for party in (judge.user, made.set_a.author):
        with pytest.raises(Forbidden):
            endorsing.countersign(
                services.Actor(party), Adjudication.objects.get(pk=made.pk),
                password=builders.PASSWORD,
            )  # fmt: skip
    endorsing.countersign(third, Adjudication.objects.get(pk=made.pk), password=builders.PASSWORD)
    assert Endorsement.objects.filter(kind="countersign").count() == 2
    assert verify_trail(outside=[]).entries
    # Moved to another meaning, it is found.
    triggers.remove()
    Endorsement.objects.filter(signature__signer=third.user).update(kind="withdraw")
    triggers.install()
    with pytest.raises(TrailBrokenError, match="withdraw signature"):
        verify_trail(outside=[])


def test_withdrawn_with_a_reason_it_stays_readable_and_a_new_version_may_follow(
    opened, project, client
):
    made, judge = opened
    first = sign(judge, made)
    content = store.load(consensus_of(first))
    with pytest.raises(Refused):
        endorsing.withdraw(judge, first, reason=" ", password=builders.PASSWORD)
    with pytest.raises(Refused) as refusal:
        endorsing.withdraw(judge, first, reason="Wrong patient.", password="wrong")
    assert refusal.value.code == "wrong_password"
    client.force_login(judge.user)
    url = f"/api/v1/adjudications/{made.pk}/"
    body = {"reason": "The lesion is a shadow.", "password": builders.PASSWORD}
    done = client.post(f"{url}withdraw/", body, content_type="application/json").json()
    assert done["state"] == "withdrawn" and done["signature"]["holds"]
    assert [(row["kind"], row["reason"], row["holds"]) for row in done["endorsements"]] == [
        ("withdraw", "The lesion is a shadow.", True)
    ]
    assert b"The lesion is a shadow" not in b"".join(
        bytes(row.entry) for row in Event.objects.filter(object_id=str(made.pk))
    )
    first.refresh_from_db()
    assert store.load(consensus_of(first)) == content
    with pytest.raises(Conflict):
        endorsing.withdraw(judge, first, reason="Twice.", password=builders.PASSWORD)
    second = services.amend(judge, first, reason="Drawn anew.")
    signed = sign(judge, second)
    first.refresh_from_db()
    assert (first.state, signed.state) == ("superseded", "signed")
    shown = client.get(f"/api/v1/adjudications/{signed.pk}/").json()
    assert [version["id"] for version in shown["versions"]] == [str(first.pk)]
    old = client.get(url).json()
    assert old["signature"]["holds"] and old["endorsements"][0]["holds"]
    assert old["consensus"]["labels"]["tracks"].keys() == content["tracks"].keys()
    assert signing.is_valid(first.signature) and verify_trail(outside=[]).entries
    assert queries.first_moved_signature() is None
