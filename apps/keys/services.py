"""Verbs on keys: rotate the key-encryption key, retire older ones, destroy a subject's key."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.keys import destroyed, whereabouts, wrapped
from apps.keys.models import DestroyedKey, KeyRotation, Subject

State = KeyRotation.State
_KEEPERS = {roles.ADMINISTRATOR, roles.SERVICE}


@verb("keys.rotate", roles=_KEEPERS, lock=False)
def begin_rotation(actor: Actor, _: None, *, to_key: str) -> KeyRotation:
    """Begin to wrap every key anew under the current key-encryption key."""
    if KeyRotation.objects.filter(state=State.RUNNING).exists():
        raise Conflict("running", "A rotation is running already.", "Let it finish.")
    rotation = KeyRotation.objects.create(to_key=to_key)
    event(actor, rotation, outcome="begun", private={"to_key": to_key})
    return rotation


@verb("keys.rewrap", roles=_KEEPERS, states=(State.RUNNING,))
def put_rewrapped(
    actor: Actor, rotation: KeyRotation, keys: list[tuple[wrapped.WrappedKey, bytes]]
) -> int:
    """Store keys that were wrapped anew; one that changed or was destroyed meanwhile is left."""
    stored = sum(key.replace(new) for key, new in keys)
    rotation.n_rewrapped += stored
    rotation.save(update_fields=["n_rewrapped"])
    event(actor, rotation, public={"keys": stored}, private={"to_key": rotation.to_key})
    return stored


@verb("keys.rotated", roles=_KEEPERS, states=(State.RUNNING,))
def finish_rotation(actor: Actor, rotation: KeyRotation, *, key_id: str) -> KeyRotation:
    """End a rotation: no key is wrapped by any but the current key-encryption key."""
    if set(wrapped.counts()) - {key_id}:
        raise Conflict("not_done", "Keys are left under an older one.", "Run rotate_keys again.")
    rotation.state, rotation.finished_at = State.FINISHED, timezone.now()
    rotation.save(update_fields=["state", "finished_at"])
    event(actor, rotation, public={"keys": rotation.n_rewrapped}, private={"to_key": key_id})
    return rotation


@verb("keys.retire", roles=_KEEPERS, lock=False)
def note_retirement(
    actor: Actor, _: None, *, keep: list[str], outcome: str, since_s: float
) -> None:
    """Give up older key-encryption keys: what they wrapped in older copies is lost for good."""
    if outcome == "begun":
        limit = timezone.now() - dt.timedelta(seconds=since_s)
        last = KeyRotation.objects.first()
        if last is None or last.finished_at is None or last.finished_at > limit:
            raise Conflict(
                "too_early",
                "Older keys are given up only after a rotation has been finished for a while.",
                "Try again later: what other processes had in hand must be stored first.",
            )
    event(actor, None, outcome=outcome, private={"kept": sorted(keep)})


@verb("keys.destroy", roles={roles.DATA_STEWARD, roles.SERVICE})
def destroy_subject_key(actor: Actor, subject: Subject, *, reason: str) -> Subject:
    """Destroy a subject's key: all that shows or names the subject is unreadable for good."""
    reason = note_text(reason)
    if subject.wrapped_key is None:
        raise Conflict("destroyed", "The key is destroyed already.", "")
    if whereabouts.is_held(subject.pk):
        raise Conflict(
            "legal_hold",
            "A legal hold keeps what belongs to this subject.",
            "The compliance officer lifts it under Retention.",
        )
    now = timezone.now()
    _destroy(subject, now)
    event(actor, subject, private={"reason": reason})
    transaction.on_commit(destroyed.after_commit)
    return subject


@verb("keys.replay_destroyed", roles={roles.SERVICE}, lock=False)
def replay(actor: Actor, _: None, *, records: list[tuple[uuid.UUID, dt.datetime]]) -> int:
    """Destroy again what a list of destroyed keys names and a restore has brought back."""
    brought_back = 0
    for subject_id, destroyed_at in records:
        subject = Subject.objects.select_for_update().filter(pk=subject_id).first()
        if subject is not None and subject.wrapped_key is not None:
            brought_back += 1
            _destroy(subject, destroyed_at)
        elif not DestroyedKey.objects.filter(pk=subject_id).exists():
            DestroyedKey.objects.create(subject_id=subject_id, destroyed_at=destroyed_at)
    event(actor, None, public={"listed": len(records), "destroyed_again": brought_back})
    transaction.on_commit(destroyed.after_commit)
    return brought_back


def _destroy(subject: Subject, when: dt.datetime) -> None:
    subject.wrapped_key, subject.destroyed_at = None, when
    subject.save(update_fields=["wrapped_key", "destroyed_at"])
    if not DestroyedKey.objects.filter(pk=subject.pk).exists():
        DestroyedKey.objects.create(subject_id=subject.pk, destroyed_at=when)
