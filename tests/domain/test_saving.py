"""Random histories of tabs, a lossy network and a crashing server, against the pure decision."""

import copy
import json
import random
import uuid

import pytest

from apps.annotation.domain.ops import canonical_bytes, touched_objects
from apps.annotation.domain.saving import Decision, ServerState, decide

OBJECTS = [f"object-{n}" for n in range(5)]


class Server:
    def __init__(self):
        self.log = []  # (revision, client, seq, bytes, object, base)
        self.skipped = []  # the same, without effect
        self.revision = 0

    def save(self, client, base, operations):
        rows = self.log + self.skipped
        held = {seq: data for _, c, seq, data, _, _ in rows if c == client}
        ids = frozenset(json.loads(data)["id"] for _, _, _, data, _, _ in rows)
        changed = {o for rev, c, _, _, o, _ in self.log if c != client and rev > base}
        state = ServerState(self.revision, max(held, default=0), held, frozenset(changed), ids)
        decision = decide(state, base, operations)
        if decision.kind == "apply":
            self.revision += 1
            for ops, table in ((decision.operations, self.log), (decision.skipped, self.skipped)):
                for op in ops:
                    data = canonical_bytes(op)
                    table.append((self.revision, client, op["seq"], data, op["object"], base))
        return decision, self.revision


class Tab:
    def __init__(self, name):
        self.client, self.name = f"client-{name}", name
        self.base, self.seq, self.queue, self.renamed = 0, 0, [], 0
        self.acknowledged, self.given_up = set(), set()

    def draw(self, rng):
        self.seq += 1
        op = {
            "id": str(uuid.UUID(int=rng.getrandbits(128))),
            "seq": self.seq,
            "op": "track.delete",
            "object": rng.choice(OBJECTS),
        }
        self.queue.append(op)
        return op["id"]

    def request(self, rng):
        cut = rng.randint(1, len(self.queue))
        return self.client, self.base, copy.deepcopy(self.queue[:cut])

    def answer(self, request, decision, revision, rng):
        client, _, operations = request
        if client != self.client:
            return
        if decision.kind in ("apply", "repeat", "forked", "conflict"):
            done = [op for op in operations if op["seq"] <= decision.acknowledged_seq]
            self.acknowledged |= {op["id"] for op in done}
            self.queue = [op for op in self.queue if op["id"] not in {d["id"] for d in done}]
        if decision.kind in ("apply", "repeat"):
            self.base = max(self.base, revision)
        if decision.kind == "forked":
            self.renamed += 1
            self.client = f"client-{self.name}-{self.renamed}-{rng.getrandbits(32)}"
            self._renumber(1)
        if decision.kind == "conflict":
            if rng.random() < 0.5:
                lost = {op["id"] for op in self.queue if op["object"] in decision.objects}
                self.given_up |= lost
                self.queue = [op for op in self.queue if op["id"] not in lost]
            self.base = max(self.base, revision)
            self._renumber(max(decision.acknowledged_seq + 1, operations[0]["seq"]))
        if decision.kind == "gap":
            self._renumber(decision.expected_seq)

    def _renumber(self, start):
        start = max(start, 1)
        held = max((op["seq"] for op in self.queue), default=start - 1)
        for place, op in enumerate(self.queue):
            op["seq"] = start + place
        self.seq = start + len(self.queue) - 1 if self.queue else max(start - 1, held)


def history(seed):
    rng = random.Random(seed)
    server, tabs, drawn, flying = Server(), [Tab("a"), Tab("b")], set(), []
    for _ in range(rng.randint(20, 60)):
        tab, dice = rng.choice(tabs), rng.random()
        if dice < 0.45:
            drawn.add(tab.draw(rng))
        elif dice < 0.5 and len(tabs) < 5:
            clone = copy.deepcopy(tab)
            clone.name = f"{tab.name}{len(tabs)}"
            tabs.append(clone)
        elif tab.queue:
            deliver(server, tab, tab.request(rng), rng, flying)
        if flying and rng.random() < 0.4:
            deliver(server, *flying.pop(rng.randrange(len(flying))), rng, flying)
    for tab, request in flying:
        deliver(server, tab, request, random.Random(1), [])
    for _ in range(400):
        waiting = [t for t in tabs if t.queue]
        if not waiting:
            break
        tab = rng.choice(waiting)
        request = tab.request(rng)
        tab.answer(request, *server.save(*request), rng)
    return server, tabs, drawn


def deliver(server, tab, request, rng, flying):
    fate = rng.random()
    if fate < 0.15:
        return  # the request is lost, or the server dies before its commit
    if fate < 0.35:
        flying.append((tab, copy.deepcopy(request)))  # a duplicate arrives later
    decision, revision = server.save(*request)
    if rng.random() < 0.25:
        return  # the answer is lost, or the server dies after its commit
    tab.answer(request, decision, revision, rng)


@pytest.mark.parametrize("block", range(10))
def test_no_history_of_losses_repeats_and_clones_loses_or_doubles_an_operation(block):
    for seed in range(block * 40, block * 40 + 40):
        server, tabs, drawn = history(seed)
        assert not any(t.queue for t in tabs), seed
        ids = [json.loads(data)["id"] for _, _, _, data, _, _ in server.log]
        assert len(ids) == len(set(ids)), f"doubled in history {seed}"
        acknowledged = set().union(*(t.acknowledged for t in tabs))
        given_up = set().union(*(t.given_up for t in tabs))
        assert acknowledged <= set(ids), f"lost in history {seed}"
        assert drawn <= set(ids) | given_up, f"neither saved nor given up in history {seed}"
        for rev, client, _, _, name, base in server.log:
            hidden = [
                entry
                for entry in server.log
                if entry[4] == name and entry[1] != client and base < entry[0] < rev
            ]
            assert not hidden, f"overwritten unseen in history {seed}"


def op(seq, name="x", kind="track.delete"):
    return {"id": f"id-{seq}-{name}", "seq": seq, "op": kind, "object": name}


def test_each_answer_of_the_protocol():
    held = {n: canonical_bytes(op(n)) for n in (1, 2, 3)}
    state = ServerState(9, 3, held, frozenset({"y"}))
    assert decide(state, 10, [op(4)]) == Decision("ahead")
    assert decide(state, 9, [op(5)]) == Decision("gap", expected_seq=4)
    assert decide(state, 9, [op(4), op(6)]) == Decision("gap", expected_seq=4)
    assert decide(state, 9, [op(2), op(3)]) == Decision("repeat", acknowledged_seq=3)
    assert decide(state, 9, [op(2)]) == Decision("repeat", acknowledged_seq=2)
    assert decide(state, 9, []) == Decision("repeat")
    assert decide(state, 9, [op(2), op(3, "z"), op(4)]) == Decision("forked", acknowledged_seq=2)
    assert decide(state, 9, [op(2, "z"), op(3)]) == Decision("forked")
    refused = decide(state, 9, [op(3), op(4), op(5, "y")])
    assert refused == Decision("conflict", acknowledged_seq=3, objects=("y",))
    applied = decide(state, 9, [op(3), op(4), op(5)])
    assert applied == Decision("apply", (op(4), op(5)), acknowledged_seq=5)
    assert touched_objects(op(1)) == {"x"}


def test_a_repeated_object_of_others_is_no_conflict_for_what_is_held_already():
    held = {1: canonical_bytes(op(1, "y"))}
    state = ServerState(4, 1, held, frozenset({"y"}))
    assert decide(state, 0, [op(1, "y"), op(2)]).kind == "apply"


def test_an_operation_held_under_another_client_takes_its_number_and_changes_nothing():
    state = ServerState(4, 0, {}, frozenset({"x"}), frozenset({"id-1-x"}))
    decision = decide(state, 0, [op(1), op(2, "z")])
    assert decision == Decision("apply", (op(2, "z"),), (op(1),), acknowledged_seq=2)
