"""The witness program: it co-signs only what is consistent with what it saw before."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.audit import delivery, log, tree
from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle
from apps.audit.models import Checkpoint, Cosignature, Delivery
from apps.audit.verify import verify_trail
from clinical_annot.witness.memory import Memory, Refusal
from tests.audit.running import NAME, witness_process, witness_thread

ORIGIN = "log.example/1"


@pytest.fixture
def key():
    return Ed25519PrivateKey.generate()


class Tree:
    """A log in memory that signs any size of itself."""

    def __init__(self, key, count, salt=b""):
        self.leaves = [merkle.leaf_hash(b"%d" % n + salt) for n in range(count)]
        self.key = key

    def note(self, size):
        root = merkle.root(size, merkle.subtree_of(self.leaves))
        return notes.sign(notes.Checkpoint(ORIGIN, size, root), self.key)

    def request(self, old, size, steps=None):
        if steps is None and 0 < old <= size:
            steps = merkle.consistency_proof(old, size, merkle.subtree_of(self.leaves))
        lines = [base64.b64encode(step).decode() for step in steps or ()]
        return "\n".join([f"old {old}", *lines, "", self.note(size)])


@pytest.fixture
def memory(tmp_path, key):
    public = key.public_key().public_bytes_raw()
    return Memory(tmp_path, NAME, Ed25519PrivateKey.generate(), {ORIGIN: public})


def refused(memory, request):
    with pytest.raises(Refusal) as refusal:
        memory.add(request)
    return refusal.value.status


def test_it_signs_each_step_of_a_log_that_only_grows(memory, key):
    tree_ = Tree(key, 9)
    for old, size in ((0, 3), (3, 8), (8, 8), (8, 9)):
        line = memory.add(tree_.request(old, size))
        note = notes.with_lines(tree_.note(size), [line])
        public = memory._key.public_key().public_bytes_raw()
        assert notes.verify_cosignature(note, NAME, public)[0].size == size
    assert [notes.parse(note)[0].size for note in notes.split(memory.text(ORIGIN))] == [3, 8, 8, 9]


def test_it_refuses_a_fork_a_shorter_log_a_strange_log_and_a_strange_key(memory, key):
    mine, fork = Tree(key, 9), Tree(key, 9, b"other")
    memory.add(mine.request(0, 5))
    assert refused(memory, fork.request(5, 9)) == 422
    assert refused(memory, fork.request(5, 5)) == 422
    assert refused(memory, mine.request(5, 9, steps=[])) == 422
    assert refused(memory, mine.request(0, 9)) == 409
    assert refused(memory, mine.request(4, 4)) == 409
    assert refused(memory, mine.request(9, 5)) == 400
    assert refused(memory, Tree(Ed25519PrivateKey.generate(), 9).request(5, 9)) == 403
    strange = notes.sign(notes.Checkpoint("other.example", 9, bytes(32)), key)
    assert refused(memory, f"old 5\n\n{strange}") == 404
    for bad in ("", "old x\n\n", "old 5\nnot base64!\n\n" + mine.note(9), "old 5\n\nnonsense"):
        assert refused(memory, bad) == 400
    memory.add(mine.request(5, 9))


def test_it_remembers_over_a_restart_and_takes_off_what_a_crash_cut_short(memory, key, tmp_path):
    mine = Tree(key, 9)
    memory.add(mine.request(0, 5))
    (file,) = tmp_path.glob("*.notes")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:-9])
    again = Memory(tmp_path, NAME, memory._key, memory._logs)
    assert file.read_bytes() == whole
    assert refused(again, mine.request(0, 9)) == 409
    again.add(mine.request(5, 9))
    file.write_bytes(file.read_bytes().replace(b"\n5\n", b"\n6\n"))
    with pytest.raises(notes.CheckpointError):
        Memory(tmp_path, NAME, memory._key, memory._logs)


@pytest.mark.django_db
def test_the_program_signs_the_server_s_checkpoints_and_says_what_it_does_not(settings, tmp_path):
    with witness_process(tmp_path) as (named, process):
        settings.CLINICAL_ANNOT_WITNESSES = [named]
        for count in (3, 40):
            for _ in range(count):
                log.append("test.event")
            tree.sequence()
            made = tree.make_checkpoint()
            assert delivery.deliver() == 1 and delivery.deliver() == 0
        assert Cosignature.objects.count() == 2 and verify_trail().witnessed == 43
        name, public = notes.read_named_key(named.rpartition("@")[0], notes.WITNESS)
        assert notes.verify_cosignature(delivery.witnessed_note(made), name, public)[0].size == 43
        address = named.rpartition("@")[2]
        for path, body in (("/notes?origin=other", None), ("/else", b"x")):
            with pytest.raises(urllib.error.HTTPError) as answer:
                urllib.request.urlopen(f"{address}{path}", body, timeout=20)
            assert answer.value.code == 404
        process.terminate()
        assert process.wait(20) == 0
    log.append("test.event")
    tree.sequence()
    tree.make_checkpoint()
    assert delivery.deliver() == 0
    row = Delivery.objects.get()
    assert "does not answer" in row.problem and row.size == 43
    verdict = verify_trail()
    assert verdict.unasked == (NAME,) and verdict.entries == 44


@pytest.mark.django_db
def test_a_witness_that_saw_more_than_the_server_remembers_is_brought_up_to_now(settings, tmp_path):
    with witness_thread(tmp_path) as named:
        settings.CLINICAL_ANNOT_WITNESSES = [named]
        for turn in range(2):
            log.append("test.event")
            tree.sequence()
            tree.make_checkpoint()
            assert delivery.deliver() == 1
            # As after a restore of the rows that say how far each place is.
            Delivery.objects.all().delete()
            assert Checkpoint.objects.count() == turn + 1
        assert Cosignature.objects.count() == 2
