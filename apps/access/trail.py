"""Verbs on the trail itself: verify it, export it. Doing so is an event too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.access import roles
from apps.access.actor import Actor, system_roles
from apps.access.errors import NotFound
from apps.access.verb import event, verb
from apps.audit import delivery, export, proving, tree
from apps.audit.models import Checkpoint, Delivery
from apps.audit.verify import TrailBrokenError, Verdict, verify_trail

_OFFICERS = {roles.COMPLIANCE_OFFICER, roles.SERVICE}


@verb("audit.verify", roles=_OFFICERS)
def note_verification(actor: Actor, _: None, *, outcome: str, entries: int, finding: str) -> None:
    """Record that the trail was checked and what came of it."""
    event(
        actor,
        None,
        outcome=outcome,
        public={"entries": entries},
        private={"finding": finding} if finding else None,
    )


@verb("audit.export", roles=_OFFICERS)
def note_export(actor: Actor, _: None, *, size: int, with_private: bool) -> None:
    """Record that the trail was handed out."""
    event(actor, None, public={"size": size, "with_private": with_private})


@verb("audit.report", roles=_OFFICERS)
def note_report(actor: Actor, target: Any, *, form: str, asked: dict[str, str], rows: int) -> None:
    """Record that accesses were asked for, in which form (target: the project, or None for all)."""
    private = {name: value[:80] for name, value in asked.items() if value}
    event(actor, target, public={"form": form[:12], "rows": rows}, private=private)


@verb("audit.prove", roles=_OFFICERS)
def note_proof(actor: Actor, target: Any, *, event_id: UUID, with_private: bool) -> None:
    """Record that the proof of one entry was handed out (target: its project, or None)."""
    private = {"event": str(event_id)}
    event(actor, target, public={"with_private": with_private}, private=private)


def prove(
    actor: Actor, event_id: UUID, project: Any, *, with_private: bool, since: int | None = None
) -> bytes:
    """The proof file of one entry. Raises NoSuchSizeError for a ``since`` that never was."""
    if since is not None and not 0 < since <= tree.size():
        raise proving.NoSuchSizeError
    note_proof(actor, project, event_id=event_id, with_private=with_private)
    return proving.prove_event(event_id, with_private=with_private, since=since)


def checkpoint_json() -> dict[str, Any]:
    """The newest signed checkpoint with its witnesses' lines, and how far each place outside has
    been given the log."""
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        raise NotFound
    return {
        "size": newest.size,
        "root": bytes(newest.root).hex(),
        "signed_at": newest.created_at.isoformat(),
        "note": delivery.witnessed_note(newest),
        "places": [
            {
                "place": row.place,
                "size": row.size,
                "at": row.delivered_at.isoformat() if row.delivered_at else None,
                "problem": row.problem,
            }
            for row in Delivery.objects.order_by("place")
        ],
    }


def _is_officer(actor: Actor) -> bool:
    """Asked before the long work; the verb that notes it then refuses, as an event."""
    return actor.user.is_active and bool(system_roles(actor.user) & _OFFICERS)


def verify(
    actor: Actor,
    outside: list[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Verdict:
    """Check the whole trail. Raises TrailBrokenError; either way an event says so."""
    if not _is_officer(actor):
        note_verification(actor, None, outcome="refused", entries=0, finding="")
    try:
        verdict = verify_trail(outside, progress)
    except TrailBrokenError as error:
        with transaction.atomic():
            note_verification(
                actor, None, outcome="failed", entries=tree.size(), finding=str(error)
            )
        raise
    note_verification(actor, None, outcome="done", entries=verdict.entries, finding="")
    return verdict


def export_bundle(actor: Actor, *, with_private: bool = True) -> Iterator[bytes]:
    """The bundle's lines; the event of the export itself stands in the next one."""
    if not _is_officer(actor):
        note_export(actor, None, size=0, with_private=with_private)
    lines = export.bundle_lines(with_private=with_private)
    note_export(actor, None, size=tree.size(), with_private=with_private)
    return lines
