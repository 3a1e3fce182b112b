"""The trail: append-only, verified from the rows, every alteration named."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit import log, tree, triggers
from apps.audit.domain import merkle
from apps.audit.models import Event, Leaf, Tile
from apps.audit.verify import TrailBrokenError, read_notes, verify_trail

pytestmark = pytest.mark.django_db


def _write(count: int) -> None:
    for number in range(count):
        log.append("test.event", actor="a", public={"n": number}, private={"secret": number})


def test_a_trail_of_many_entries_verifies():
    _write(300)
    tree.sequence()
    made = tree.make_checkpoint()
    _write(5)
    verdict = verify_trail(outside=[made.note])
    assert verdict.entries == 305 and made.size == 300 and Tile.objects.count() == 1


def test_stored_tiles_give_the_root_and_proofs_of_the_plain_tree():
    _write(600)
    for _ in range(7):
        tree.sequence(limit=97)
    leaves = [bytes(row) for row in Leaf.objects.order_by("seq").values_list("hash", flat=True)]
    plain, stored = merkle.subtree_of(leaves), tree.stored_subtree()
    assert len(leaves) == 600
    assert merkle.root(600, stored) == merkle.root(600, plain)
    proof = merkle.inclusion_proof(411, 600, stored)
    assert merkle.verify_inclusion(leaves[411], 411, 600, proof, merkle.root(600, plain))


@pytest.mark.parametrize("table", triggers.TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_the_database_refuses_to_change_what_is_logged(table, statement):
    _write(300)
    tree.sequence()
    tree.make_checkpoint()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 1")
        column = cursor.description[1][0]
    with pytest.raises(DatabaseError, match="append-only"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.format(table, column, column))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL cannot replace a row")
@pytest.mark.parametrize("table", triggers.TABLES)
def test_sqlite_refuses_to_put_a_row_in_another_s_place(table):
    """Its delete triggers do not fire for a replaced row."""
    _write(300)
    tree.sequence()
    tree.make_checkpoint()
    with pytest.raises(DatabaseError, match="append-only"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"actor": "somebody else"}, "column actor"),
        ({"private": b'{"actor":"x"}'}, "private part"),
        ({"entry": b"{}"}, "not those that were logged"),
        ({"outcome": "refused"}, "column outcome"),
    ],
)
def test_an_altered_entry_is_named(change, says):
    _write(10)
    tree.sequence()
    triggers.remove()
    Event.objects.filter(leaf__seq=7).update(**change)
    triggers.install()
    with pytest.raises(TrailBrokenError, match=f"entry 7.*{says}"):
        verify_trail(outside=[])


def test_a_cut_tail_is_found_by_the_outside_checkpoint():
    _write(10)
    tree.sequence()
    note = tree.make_checkpoint().note
    triggers.remove()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_checkpoint")
        cursor.execute("DELETE FROM audit_leaf WHERE seq >= 8")
        cursor.execute("DELETE FROM audit_event WHERE id NOT IN (SELECT event_id FROM audit_leaf)")
    triggers.install()
    with pytest.raises(TrailBrokenError, match="ends at entry 8"):
        verify_trail(outside=[note])


@pytest.mark.parametrize("kept", [10, -50, -1])
def test_a_checkpoint_cut_by_a_crash_does_not_spoil_the_next_one(tmp_path, settings, kept):
    settings.CLINICAL_ANNOT_CHECKPOINT_FILE = tmp_path / "checkpoints.txt"
    file = settings.CLINICAL_ANNOT_CHECKPOINT_FILE
    notes = []
    for _ in range(3):
        _write(3)
        tree.sequence()
        notes.append(tree.make_checkpoint().note)
    for note in notes[:2]:
        tree._hand_out(note)
    file.write_text(file.read_text() + notes[1][:kept])
    tree._hand_out(notes[2])
    assert read_notes(file) == notes
    assert verify_trail().entries == 9


def test_a_missing_trigger_fails_verification():
    triggers.remove(("audit_leaf",))
    with pytest.raises(TrailBrokenError, match="triggers are missing"):
        verify_trail(outside=[])
    triggers.install()


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused():
    with pytest.raises(log.OutsideTransactionError):
        log.append("test.event")
