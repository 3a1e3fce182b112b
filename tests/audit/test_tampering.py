"""Tampering as the owner of the database would do it: found, and the first wrong entry named."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import pytest
from django.db import connection
from django.db.models import F
from django.test import override_settings

from apps.audit import delivery, log, tree, triggers
from apps.audit.domain import merkle
from apps.audit.domain.entry import canonical
from apps.audit.models import Checkpoint, Cosignature, Delivery, Event, Leaf, Pending, Tile
from apps.audit.verify import TrailBrokenError, verify_trail
from tests.audit.running import witness_thread

pytestmark = pytest.mark.django_db
N, CHECKPOINTS = 270, (100, 200, 270)


def write(count: int) -> None:
    for number in range(count):
        log.append("test.event", actor="a", public={"n": number}, private={"secret": number})


def sign() -> None:
    while tree.sequence():
        pass
    tree.make_checkpoint()
    assert delivery.deliver() == 1


@pytest.fixture(scope="module")
def witness(tmp_path_factory):
    """The witness and the settings under which the log is told to it."""
    folder = tmp_path_factory.mktemp("witness")
    with witness_thread(folder / "w") as named, override_settings(
        CLINICAL_ANNOT_WITNESSES=[named],
        CLINICAL_ANNOT_CHECKPOINT_FILE=folder / "checkpoints.txt",
    ):  # fmt: skip
        yield named


@pytest.fixture(scope="module")
def logged(kept, witness):
    """A log of 270 entries (one whole tile), signed and witnessed at three sizes."""

    def build(_: object) -> None:
        for table in (Delivery, Pending):
            table.objects.all().delete()
        triggers.remove()
        for table in (Leaf, Tile, Checkpoint, Cosignature, Event):
            table.objects.all()._raw_delete("default")
        triggers.install()
        done = 0
        for size in CHECKPOINTS:
            write(size - done)
            sign()
            done = size

    kept.make(build)


@dataclass
class Owner:
    """Whoever may write every row, but does not hold the server's keys."""

    def row(self, seq: int) -> Event:
        return Event.objects.get(leaf__seq=seq)

    def rewrite(self, seq: int, change: Callable[[dict, dict], None], **columns: str) -> None:
        """An entry changed with everything that follows from it and needs no key."""
        event = self.row(seq)
        shown, hidden = json.loads(event.entry), json.loads(event.private)
        change(shown, hidden)
        private = canonical(hidden)
        shown["commitment"] = sha256(bytes(event.salt) + private).hexdigest()
        Event.objects.filter(pk=event.pk).update(entry=canonical(shown), private=private, **columns)
        Leaf.objects.filter(seq=seq).update(hash=merkle.leaf_hash(canonical(shown)))

    def rebuild_tiles(self) -> None:
        Tile.objects.all()._raw_delete("default")
        tree._write_tiles(0, tree.size())

    def close_gap(self, after: int) -> None:
        """Renumber what stands behind a gap, in order, as a unique key wants it."""
        for seq in Leaf.objects.filter(seq__gt=after).order_by("seq").values_list("seq", flat=True):
            Leaf.objects.filter(seq=seq).update(seq=F("seq") - 1)

    def forged(self, **facts: object) -> Event:
        """A whole new event, with a tag of the right form."""
        at = self.row(5).recorded_at
        name = uuid.uuid4()
        hidden = {"actor": "b", "object_id": "", "object_type": "", "project": ""}
        salt, private = os.urandom(16), canonical(hidden)
        shown = {
            "v": 2, "id": str(name), "time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "action": "test.event", "outcome": "done", "public": {}, "sealed_sha256": None,
            "commitment": sha256(salt + private).hexdigest(), "tag": os.urandom(16).hex(), **facts,
        }  # fmt: skip
        return Event.objects.create(
            id=name, recorded_at=at, action="test.event", outcome="done", actor="b",
            entry=canonical(shown), private=private, salt=salt,
        )  # fmt: skip

    def cut(self, size: int) -> None:
        """Everything from entry ``size`` on, as if it had never been."""
        gone = list(Leaf.objects.filter(seq__gte=size).values_list("event_id", flat=True))
        Leaf.objects.filter(seq__gte=size)._raw_delete("default")
        for model in (Checkpoint, Cosignature):
            model.objects.filter(size__gt=size)._raw_delete("default")
        Event.objects.filter(pk__in=gone)._raw_delete("default")
        self.rebuild_tiles()


def change_a_field(owner: Owner) -> None:
    owner.rewrite(7, lambda shown, _: shown["public"].update(n=8))
    owner.rebuild_tiles()


def change_a_time(owner: Owner) -> None:
    later = owner.row(9).recorded_at
    told = later.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    owner.rewrite(7, lambda shown, _: shown.update(time=told), recorded_at=later)
    owner.rebuild_tiles()


def change_an_actor(owner: Owner) -> None:
    owner.rewrite(7, lambda _, hidden: hidden.update(actor="b"), actor="b")
    owner.rebuild_tiles()


def change_a_column_alone(owner: Owner) -> None:
    Event.objects.filter(leaf__seq=7).update(actor="b")


def delete(owner: Owner) -> None:
    event = owner.row(7)
    Leaf.objects.filter(seq=7)._raw_delete("default")
    Event.objects.filter(pk=event.pk)._raw_delete("default")
    owner.close_gap(7)
    owner.rebuild_tiles()


def delete_and_leave_the_gap(owner: Owner) -> None:
    event = owner.row(7)
    Leaf.objects.filter(seq=7)._raw_delete("default")
    Event.objects.filter(pk=event.pk)._raw_delete("default")


def insert(owner: Owner) -> None:
    Pending.objects.create(event=owner.forged())


def insert_in_the_form_of_older_logs(owner: Owner) -> None:
    event = owner.forged()
    shown = json.loads(event.entry)
    del shown["tag"]
    Event.objects.filter(pk=event.pk).update(entry=canonical({**shown, "v": 1}))
    Pending.objects.create(event=event)


def insert_in_the_middle(owner: Owner) -> None:
    event = owner.forged()
    behind = Leaf.objects.filter(seq__gte=7).order_by("-seq").values_list("seq", flat=True)
    for seq in list(behind):
        Leaf.objects.filter(seq=seq).update(seq=F("seq") + 1)
    digest = merkle.leaf_hash(bytes(event.entry))
    Leaf.objects.create(seq=7, event=event, hash=digest, mark=os.urandom(16))
    owner.rebuild_tiles()


def swap(owner: Owner) -> None:
    one, other = Leaf.objects.get(seq=7), Leaf.objects.get(seq=20)
    for leaf, seq in ((one, 100_000), (other, 7), (one, 20)):
        Leaf.objects.filter(event=leaf.event).update(seq=seq)
    owner.rebuild_tiles()


def duplicate(owner: Owner) -> None:
    event = owner.row(7)
    event.pk = uuid.uuid4()
    event.save(force_insert=True)
    held = Leaf.objects.get(seq=7)
    Leaf.objects.create(seq=N, event=event, hash=held.hash, mark=held.mark)


def cut_the_tail(owner: Owner) -> None:
    owner.cut(255)


def rebuild_with_the_stolen_key(owner: Owner) -> None:
    """Entry 150 changed, and all that the server itself could make made anew."""
    owner.rewrite(150, lambda _, hidden: hidden.update(actor="b"), actor="b")
    retag(owner, 150)
    rows = list(Leaf.objects.order_by("seq").values_list("event_id", flat=True))
    for model in (Leaf, Tile, Checkpoint, Cosignature):
        model.objects.all()._raw_delete("default")
    triggers.install()
    for at in rows:
        Pending.objects.create(event_id=at)
    while tree.sequence():
        pass
    tree.make_checkpoint()


def retag(owner: Owner, seq: int) -> None:
    from apps.audit.domain.seal import tag_of

    event = owner.row(seq)
    shown = json.loads(event.entry)
    del shown["tag"]
    shown["tag"] = tag_of(canonical(shown), log.event_key())
    Event.objects.filter(pk=event.pk).update(entry=canonical(shown))


def put_back_an_old_copy(owner: Owner) -> None:
    """The copy had 200 entries; the server goes on from there."""
    owner.cut(200)
    triggers.install()
    write(90)
    while tree.sequence():
        pass
    tree.make_checkpoint()


TAMPERINGS = [
    (change_a_field, "entry 7: it was not logged at this place"),
    (change_a_time, "entry 7: it was not logged at this place"),
    (change_an_actor, "entry 7: it was not logged at this place"),
    (change_a_column_alone, "entry 7: column actor"),
    (delete, "entry 7: it was not logged at this place"),
    (delete_and_leave_the_gap, "entry 7: missing from the log"),
    (insert, "entry 270: not written by this server"),
    (insert_in_the_form_of_older_logs, "entry 270: not written by this server"),
    (insert_in_the_middle, "entry 7: it was not logged at this place"),
    (swap, "entry 7: it was not logged at this place"),
    (duplicate, "entry 270: it was not logged at this place"),
    (cut_the_tail, r"entry 255: missing: .* holds 270 \(witness"),
    (rebuild_with_the_stolen_key, r"entries 100 to 199: not as .* \(witness"),
    (put_back_an_old_copy, r"entries 200 to 269: not as .* \(witness"),
]


@pytest.mark.parametrize(("tamper", "says"), TAMPERINGS, ids=[t[0].__name__ for t in TAMPERINGS])
def test_what_the_owner_of_the_database_does_is_found_and_named(logged, tamper, says):
    triggers.remove()
    tamper(Owner())
    triggers.install()
    with pytest.raises(TrailBrokenError, match=says):
        verify_trail()


def test_an_untouched_log_holds_and_its_witness_was_asked(logged):
    verdict = verify_trail()
    assert (verdict.entries, verdict.witnessed, verdict.unasked) == (N, N, ())


def test_a_witness_refuses_the_log_that_was_rebuilt_with_the_stolen_key(logged):
    triggers.remove()
    rebuild_with_the_stolen_key(Owner())
    write(1)
    tree.sequence()
    tree.make_checkpoint()
    assert delivery.deliver() == 0
    assert "other entries" in Delivery.objects.get().problem
    assert not Cosignature.objects.exists(), connection.vendor
