"""What a signature holds: its row, its adjudication, its content, against races and tampering."""

from __future__ import annotations

import threading
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F

from apps.access import signing
from apps.access.errors import Refused
from apps.access.models import Signature
from apps.adjudication import binding, queries, services
from apps.adjudication.models import Decision
from apps.annotation.models import KeyframeChunk, LabelSet, Operation
from apps.annotation.services import save_operations
from apps.audit import triggers
from apps.audit.models import Event
from apps.audit.verify import TrailBrokenError, verify_trail
from tests import builders
from tests.adjudication.test_adjudication import consensus_of, decide_all, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def clip(project):
    return builders.ready_clip(project)


@pytest.fixture
def opened(project, person, clip):
    return builders.open_adjudication(project, person, clip)


@pytest.mark.parametrize("column", ["meaning", "signed_at", "object_id", "signer"])
def test_a_signature_whose_row_says_other_than_its_statement_does_not_hold(opened, person, column):
    made, judge = opened
    decide_all(judge, made, "a")
    signature = sign(judge, made).signature
    other = {
        "meaning": "Seen.",
        "signed_at": signature.signed_at + timedelta(seconds=1),
        "object_id": str(made.consensus_id),
        "signer": person("adjudicator").user,
    }
    setattr(signature, column, other[column])
    assert not signing.is_valid(signature)


def test_a_signature_holds_for_its_own_adjudication_and_content_alone(opened, clip):
    made, judge = opened
    decide_all(judge, made, "a")
    done = sign(judge, made)
    assert queries.signature_json(done)["holds"]
    done.clip.media_sha256 = "0" * 64
    assert not binding.signature_holds(done)
    done.clip.refresh_from_db()
    second = services.amend(judge, done, reason="The bleeding began earlier.")
    second.signature = done.signature
    assert not binding.signature_holds(second)
    KeyframeChunk.objects.filter(object__label_set=done.consensus).first().delete()
    assert not queries.signature_json(done)["holds"]


def test_decisions_and_signatures_hold_the_consensus_while_they_read_it(opened):
    """Saving locks the same row: nothing comes between what is read, decided and signed."""
    made, judge = opened
    item = made.findings["disagreements"][0]
    verbs = {
        "decide": lambda: services.decide(judge, made, disagreement=item["id"], choice="a"),
        "sign": lambda: (decide_all(judge, made, "a"), sign(judge, made)),
    }
    with patch.object(services, "_hold_consensus", wraps=services._hold_consensus) as held:
        verbs["decide"]()
        assert held.call_count == 1
        verbs["sign"]()
        assert held.call_count == 2 + len(made.findings["disagreements"])


@pytest.mark.parametrize("model", [Signature, Decision, Operation])
def test_what_was_signed_decided_or_saved_is_never_changed_or_deleted(opened, model):
    made, judge = opened
    decide_all(judge, made, "a")
    sign(judge, made)
    rows = model.objects.all()
    for change in (lambda: rows._raw_delete(rows.db), lambda: rows.update(id=F("id"))):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_what_is_saved_while_it_is_signed_is_refused_and_not_slipped_under(opened, clip):
    made, judge = opened
    decide_all(judge, made, "a")
    label_set, answers = consensus_of(made), []
    base = label_set.revision

    def save() -> None:
        try:
            save_operations(
                judge, label_set, client_id="7d5b2a5e-7c0f-4d3e-9d44-0d3a52a7c0aa",
                base_revision=base,
                operations=builders.numbered(builders.interval(clip, "bleeding", 20, 22)),
            )  # fmt: skip
            answers.append("saved")
        except Refused as refusal:
            answers.append(refusal.code)
        finally:
            connection.close()

    saving = threading.Thread(target=save)
    digest_of = binding.content_digest

    def slow(of: LabelSet) -> str:
        digest = digest_of(of)
        saving.start()
        saving.join(0.5)
        return digest

    with patch.object(binding, "content_digest", slow):
        done = sign(judge, made)
    saving.join()
    assert answers == ["locked"]
    assert digest_of(consensus_of(made)) == done.signature.digest


def moved_to_another_label_set(made, other):
    Signature.objects.filter(pk=made.signature_id).update(object_id=str(other.pk))


def carried_over_by_the_adjudication(made, other):
    type(made).objects.filter(pk=made.pk).update(signature=None)
    type(made).objects.filter(pk=other.pk).update(signature=made.signature, state="signed")


def given_other_words(made, other):
    Signature.objects.filter(pk=made.signature_id).update(meaning="Seen.")


def taken_away(made, other):
    type(made).objects.filter(pk=made.pk).update(signature=None, state="open")
    Signature.objects.filter(pk=made.signature_id)._raw_delete("default")


@pytest.mark.parametrize(
    "tamper",
    [moved_to_another_label_set, carried_over_by_the_adjudication, given_other_words, taken_away],
)
def test_verifying_the_trail_finds_a_signature_that_is_not_where_it_was_given(
    opened, tamper, project, person
):
    made, judge = opened
    decide_all(judge, made, "a")
    done = sign(judge, made)
    other = services.amend(judge, done, reason="The bleeding began earlier.")
    assert verify_trail(outside=[]).entries
    triggers.remove()
    tamper(done, other)
    triggers.install()
    event = Event.objects.get(action="adjudication.signature")
    with pytest.raises(TrailBrokenError, match=f"^entry {event.leaf.seq}: .*signature"):
        verify_trail(outside=[])
