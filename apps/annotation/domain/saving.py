"""What the server does with a batch of operations: the saving protocol as one pure decision.

Lost requests and answers, repeats, cloned tabs and two tabs on one label set all end in one of six
answers, taken in this order:

1. ``ahead``: the base revision is above the server's; its database was set back: reload.
2. ``gap``: the batch does not start at or below the next sequence of this client.
3. ``forked``: an operation already held under this client id and sequence has other bytes, so two
   tabs share the id; the tab takes a new one. What it may drop is ``acknowledged_seq``.
4. ``repeat``: all of it is held already; nothing changes.
5. ``conflict``: others changed an object after the base revision that new operations touch; nothing
   is applied.
6. ``apply``: the new operations make one new revision.

A client that gives up part of a batch after a conflict, or takes a new id after a fork, counts its
waiting operations anew; a clone of it may have sent some of them under other numbers. So an
operation whose UUID is held already under another number or client is ``skipped``: its number is
taken, it changes nothing. (Without this, clones doubled operations in most random histories.)

The caller holds the label set's row lock from reading the state until the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .ops import canonical_bytes, touched_objects

Kind = Literal["apply", "repeat", "gap", "forked", "conflict", "ahead"]


@dataclass(frozen=True)
class ServerState:
    """What the server knows when a batch arrives.

    ``revision``: newest revision of the label set. ``last_seq``: highest sequence held of this
    client, 0 when none. ``held``: canonical bytes by sequence of this client's held operations, at
    least for the sequences in the batch. ``changed_since_base``: objects that OTHER clients changed
    in revisions above the batch's base revision. ``held_ids``: those of the batch's operation UUIDs
    that the label set holds, under whichever client.
    """

    revision: int
    last_seq: int
    held: Mapping[int, bytes] = field(default_factory=dict)
    changed_since_base: frozenset[str] = frozenset()
    held_ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """The answer to a batch.

    ``operations``: what to apply now, in order (empty unless ``apply``). ``skipped``: operations to
    record with their sequence and bytes, without effect (``apply`` only). ``acknowledged_seq``:
    highest sequence of this batch that is durable once the caller has committed (0 when none).
    ``expected_seq``: where to start again (``gap``). ``objects``: those in conflict, sorted.
    """

    kind: Kind
    operations: tuple[Mapping[str, Any], ...] = ()
    skipped: tuple[Mapping[str, Any], ...] = ()
    acknowledged_seq: int = 0
    expected_seq: int | None = None
    objects: tuple[str, ...] = ()


def decide(
    state: ServerState, base_revision: int, operations: Sequence[Mapping[str, Any]]
) -> Decision:
    """The protocol's answer to one batch of one client; operations have passed ``ops.validate``.

    Raises KeyError when ``state.held`` lacks a sequence of the batch that is not above
    ``state.last_seq``.
    """
    if base_revision > state.revision:
        return Decision("ahead")
    expected = operations[0]["seq"] if operations else 0
    if expected > state.last_seq + 1:
        return Decision("gap", expected_seq=state.last_seq + 1)
    for op in operations:
        if op["seq"] != expected:
            return Decision("gap", expected_seq=min(expected, state.last_seq + 1))
        expected += 1
    repeats = [op for op in operations if op["seq"] <= state.last_seq]
    new = tuple(op for op in operations if op["seq"] > state.last_seq)
    for op in repeats:
        if state.held[op["seq"]] != canonical_bytes(op):
            durable = op["seq"] - 1 if op is not operations[0] else 0
            return Decision("forked", acknowledged_seq=durable)
    durable = repeats[-1]["seq"] if repeats else 0
    if not new:
        return Decision("repeat", acknowledged_seq=durable)
    fresh = tuple(op for op in new if op["id"] not in state.held_ids)
    skipped = tuple(op for op in new if op["id"] in state.held_ids)
    touched = frozenset[str]().union(*(touched_objects(op) for op in fresh))
    conflicts = touched & state.changed_since_base
    if conflicts:
        return Decision("conflict", acknowledged_seq=durable, objects=tuple(sorted(conflicts)))
    return Decision("apply", fresh, skipped, acknowledged_seq=new[-1]["seq"])
