"""Verbs of the top floor: backups and restores, kept files."""

from __future__ import annotations

from typing import Any

from apps.access import roles
from apps.access.actor import Actor
from apps.access.verb import event, verb


@verb("system.backup", roles={roles.SERVICE})
def note_backup(actor: Actor, _: None, *, outcome: str, public: dict[str, Any]) -> None:
    """Record that a backup began, and what came of it."""
    event(actor, None, outcome=outcome, public=public)


@verb("system.restore", roles={roles.SERVICE})
def note_restore(actor: Actor, _: None, *, public: dict[str, Any]) -> None:
    """Record that this system goes on from a backup. Names the newest checkpoint held outside, and
    with it what was lost."""
    event(actor, None, public=public)


@verb("vault.release_kept", roles={roles.SERVICE})
def release_kept(actor: Actor, _: None, *, count: int) -> None:
    """Let the sweep remove files again that a restore left without a row."""
    event(actor, None, public={"count": count})
