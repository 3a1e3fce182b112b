"""Verbs on label sets: make, save operations, submit, return, lock."""

from __future__ import annotations

import json
import uuid
from hashlib import sha256
from typing import Any

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.annotation import log, store
from apps.annotation.domain import ops, saving
from apps.annotation.models import LabelSet, LabelSetClip, Operation
from apps.annotation.proposing import check_decisions
from apps.library.models import Clip
from apps.ontology.domain.geometries import interpolator_of
from apps.ontology.models import OntologyVersion

State = LabelSet.State
WORKABLE = (State.ASSIGNED, State.IN_PROGRESS, State.RETURNED, State.OPEN)
_json = json.JSONEncoder(separators=(",", ":")).encode
_WORKERS = {roles.ANNOTATOR, roles.ADJUDICATOR}


@verb(
    "label_set.create",
    roles={roles.SERVICE, roles.PROJECT_LEAD, roles.ADJUDICATOR},
    lock=False,
)
def create_label_set(
    actor: Actor,
    clip: Clip,
    *,
    author: User,
    ontology: OntologyVersion,
    origin: str = LabelSet.Origin.MANUAL,
    state: str = LabelSet.State.ASSIGNED,
    supersedes: LabelSet | None = None,
) -> LabelSet:
    """Make an empty label set on a clip for a person, on a published ontology version."""
    if ontology.state != OntologyVersion.State.PUBLISHED:
        raise Refused(
            "ontology_draft",
            "The ontology version is a draft.",
            "Publish it first.",
            field="ontology",
        )
    interpolator = interpolator_of(ontology.definition)
    label_set = LabelSet.objects.create(
        project=clip.project,
        interpolator=f"{interpolator['name']}@{interpolator['version']}",
        author=author,
        ontology=ontology,
        origin=origin,
        state=state,
        supersedes=supersedes,
    )
    LabelSetClip.objects.create(label_set=label_set, clip=clip, position=0)
    event(
        actor,
        label_set,
        public={"origin": origin, "ontology": ontology.digest},
        private={"author": str(author.pk), "clip": str(clip.pk)},
    )
    return label_set


@verb("label_set.save", roles=_WORKERS, states=WORKABLE, relation="author")
def save_operations(
    actor: Actor,
    label_set: LabelSet,
    *,
    client_id: str,
    base_revision: int,
    operations: list[Any],
) -> dict[str, Any]:
    """Apply a batch of operations once, in order, as one new revision (or say why not)."""
    sizes = store.clip_sizes(label_set)
    definition = label_set.ontology.definition
    _checked(lambda: ops.validate_batch(operations, definition, sizes))
    check_decisions(label_set, operations)
    state = _server_state(label_set, client_id, base_revision, operations)
    decision = saving.decide(state, base_revision, operations)
    others = log.others(label_set, client_id, base_revision) or []
    _refuse_unless_taken(decision, label_set, others)
    if decision.kind == "apply":
        first = len(operations) - len(decision.operations) - len(decision.skipped)
        _apply(actor, label_set, client_id, decision, definition, sizes, first, are_valid=True)
    else:
        event(actor, label_set, public={"repeated": len(operations)})
    return {
        "revision": label_set.revision,
        "acknowledged_seq": decision.acknowledged_seq,
        "others": others,
    }


def _checked(check: Any) -> Any:
    try:
        return check()
    except ops.InvalidOperation as error:
        raise Refused(
            error.code,
            f"Operation {error.index}: {error.field} {error.message}.",
            error.remedy,
            field=error.field,
            index=error.index,
        ) from None


def _server_state(
    label_set: LabelSet, client_id: str, base_revision: int, operations: list[Any]
) -> saving.ServerState:
    last, held_ids = log.held(label_set, client_id, [op["id"] for op in operations])
    bodies: dict[int, bytes] = {}
    if repeated := [op["seq"] for op in operations if op["seq"] <= last]:
        mine = Operation.objects.filter(label_set=label_set, client_id=client_id, seq__in=repeated)
        bodies = {seq: bytes(body) for seq, body in mine.values_list("seq", "body")}
    changed: set[str] = set()
    if base_revision < label_set.revision:
        theirs = Operation.objects.filter(label_set=label_set, revision__gt=base_revision).exclude(
            client_id=client_id
        )
        for body in theirs.values_list("body", flat=True):
            changed |= ops.touched_objects(json.loads(bytes(body)))
    return saving.ServerState(label_set.revision, last, bodies, frozenset(changed), held_ids)


def _refuse_unless_taken(
    decision: saving.Decision, label_set: LabelSet, others: list[dict[str, Any]]
) -> None:
    match decision.kind:
        case "ahead":
            raise Conflict(
                "ahead_of_server",
                "The server holds an older revision than this page.",
                "Reload; unsent work is kept on this device.",
                revision=label_set.revision,
            )
        case "gap":
            raise Conflict(
                "gap",
                "Operations are missing before these.",
                "Send again from the expected one.",
                expected_seq=decision.expected_seq,
            )
        case "forked":
            raise Conflict(
                "forked",
                "Another tab uses this tab's identity.",
                "Take a new client id and send again.",
                acknowledged_seq=decision.acknowledged_seq,
            )
        case "conflict":
            raise Conflict(
                "conflict",
                "Others changed the same objects since.",
                "Decide an object at a time and send again.",
                objects=list(decision.objects),
                revision=label_set.revision,
                acknowledged_seq=decision.acknowledged_seq,
                others=others,
            )


def _apply(
    actor: Actor,
    label_set: LabelSet,
    client_id: str,
    decision: saving.Decision,
    definition: dict[str, Any],
    sizes: dict[str, tuple[int, int, int]],
    first_index: int = 0,
    *,
    are_valid: bool = False,
) -> None:
    """``first_index``: place of the first new operation in the batch as sent."""
    fresh = list(decision.operations)
    opened = store.open_for(label_set, sizes, fresh)
    before = opened.labels
    after, undo = _checked(
        lambda: ops.take(before, fresh, definition, sizes, first_index, are_valid=are_valid)
    )
    label_set.revision += 1
    label_set.state = State.IN_PROGRESS if label_set.state != State.OPEN else State.OPEN
    rows = [
        log.Row(place, op["id"], op["seq"], ops.canonical_bytes(op), _json(inverse).encode(), True)
        for place, (op, inverse) in enumerate(zip(fresh, undo, strict=True))
    ]
    rows += [
        log.Row(place, op["id"], op["seq"], ops.canonical_bytes(op), b"[]", False)
        for place, op in enumerate(decision.skipped, len(rows))
    ]
    log.append(label_set, actor.user, client_id, rows)
    # A track takes its relations with it when it goes.
    gone = before.get("relations", {}).keys() - after.get("relations", {}).keys()
    store.save(label_set, opened, after, sorted({op["object"] for op in fresh} | gone))
    event(
        actor,
        label_set,
        public={
            "revision": label_set.revision,
            "operations": len(rows),
            "digest": sha256(b"".join(row.body for row in rows)).hexdigest(),
        },
        private={"client": client_id},
    )


@verb(
    "label_set.derive",
    roles={roles.SERVICE, roles.ADJUDICATOR},
    states=(State.OPEN, State.ASSIGNED, State.IN_PROGRESS),
)
def derive_operations(
    actor: Actor, label_set: LabelSet, *, source: str, steps: list[dict[str, Any]]
) -> LabelSet:
    """Apply operations that follow from a decision or an import, as one revision.

    ``steps`` are operations without id and seq; ``source`` names what they follow from, and the
    same steps of the same source at the same revision get the same ids.
    """
    if not steps:
        event(actor, label_set, public={"operations": 0}, private={"source": source})
        return label_set
    client = derived_client(label_set)
    last = (
        Operation.objects.filter(label_set=label_set, client_id=client)
        .order_by("-seq")
        .values_list("seq", flat=True)
        .first()
        or 0
    )
    _apply_steps(actor, label_set, client, source, steps, last)
    return label_set


def derived_client(label_set: LabelSet) -> str:
    """Whose operations they are that followed from decisions: everything else was drawn by hand."""
    return str(uuid.uuid5(label_set.pk, "derived"))


def _apply_steps(
    actor: Actor,
    label_set: LabelSet,
    client: str,
    source: str,
    steps: list[dict[str, Any]],
    last_seq: int,
) -> None:
    """Apply steps as one revision, numbered on from ``last_seq``."""
    operations = [
        {**step, "id": str(uuid.uuid5(label_set.pk, f"{source}/{seq}")), "seq": seq}
        for seq, step in enumerate(steps, last_seq + 1)
    ]
    _apply(
        actor,
        label_set,
        client,
        saving.Decision("apply", tuple(operations)),
        label_set.ontology.definition,
        store.clip_sizes(label_set),
    )


@verb("label_set.import", roles={roles.SERVICE, roles.PROJECT_LEAD}, lock=False)
def import_label_set(
    actor: Actor,
    clip: Clip,
    *,
    ontology: OntologyVersion | None,
    steps: list[dict[str, Any]],
    source: dict[str, Any],
    refusal: Refused | None = None,
) -> LabelSet:
    """Keep another tool's labels as a locked label set of origin imported, whole or not at all.

    ``steps`` are operations without id and seq; ``source`` says format and digest of the files.
    ``refusal`` is why what was read is not taken.
    """
    if refusal is not None:
        raise refusal
    assert ontology is not None
    label_set = create_label_set(
        actor, clip, author=actor.user, ontology=ontology, origin=LabelSet.Origin.IMPORTED,
        state=State.IN_PROGRESS,
    )  # fmt: skip
    client = str(uuid.uuid5(label_set.pk, "imported"))
    for start in range(0, len(steps), ops.MAX_OPERATIONS):
        batch = steps[start : start + ops.MAX_OPERATIONS]
        _apply_steps(actor, label_set, client, "import", batch, start)
    label_set.state, label_set.submitted_at = State.LOCKED, timezone.now()
    label_set.save(update_fields=["state", "submitted_at"])
    event(actor, label_set, public={**source, "revision": label_set.revision})
    return label_set


@verb(
    "label_set.submit",
    roles={roles.ANNOTATOR},
    states=(State.ASSIGNED, State.IN_PROGRESS, State.RETURNED),
    relation="author",
)
def submit_label_set(actor: Actor, label_set: LabelSet, *, revision: int) -> LabelSet:
    """Hand in one's label set; it locks."""
    if revision != label_set.revision:
        raise Conflict(
            "stale_revision",
            "The label set has another revision than the one you saw.",
            "Wait until everything is saved, look at it, then submit.",
            field="revision",
            revision=label_set.revision,
        )
    label_set.state = State.SUBMITTED
    label_set.submitted_at = timezone.now()
    label_set.save(update_fields=["state", "submitted_at"])
    event(actor, label_set, public={"revision": revision})
    return label_set
