"""Verbs and the work of sending a published release to a PACS (C-STORE, STOW-RS) or a bucket."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.verb import event, verb
from apps.intake.pacs.client import PeerError
from apps.intake.pacs.models import RemoteNode
from apps.jobs.work import cancel, enqueue
from apps.keys.keyring import open_vault_file
from apps.release.domain.manifest import UNLISTED
from apps.release.models import Destination, Release, Sending
from apps.release.outside import way_to

SEND = "release.send"
State = Sending.State
_BLOCK = 1 << 20


@verb("release.send", roles={roles.PROJECT_LEAD}, states=(Release.State.PUBLISHED,))
def send(actor: Actor, release: Release, *, to: RemoteNode | Destination) -> Sending:
    """Send a published release in the background: its DICOM instances to a PACS (C-STORE or
    STOW-RS), or all its files into a bucket."""
    if release.archive is None or not release.is_archive_approved:
        raise Conflict("being_prepared", "The archive is still being written.", "Try again soon.")
    _present(to)
    place = {"node": to} if isinstance(to, RemoteNode) else {"destination": to}
    if Sending.objects.filter(release=release, state=State.QUEUED, **place).exists():
        raise Conflict("being_sent", "It is being sent there already.", "Wait until it ended.")
    made = Sending.objects.create(
        release=release,
        sha256=release.archive.sha256,
        asked_by=actor.user,
        asked_at=timezone.now(),
        **place,
    )
    enqueue(SEND, made.pk, priority=10, is_long=True)
    event(
        actor,
        release,
        public={"version": release.version, "sha256": made.sha256},
        private={"place": str(to.pk), "kind": _kind(made), "sending": str(made.pk)},
    )
    return made


@verb("release.cancel_sending", roles={roles.PROJECT_LEAD}, states=(State.QUEUED,))
def cancel_sending(actor: Actor, sending: Sending) -> Sending:
    """Stop sending a release; what was taken stays where it is."""
    sending.state, sending.ended_at = State.CANCELLED, timezone.now()
    sending.save(update_fields=["state", "ended_at"])
    cancel(sending.pk, SEND)
    event(actor, sending, public={"sha256": sending.sha256, "taken": sending.n_taken})
    return sending


@verb("release.resume_sending", roles={roles.PROJECT_LEAD}, states=(State.FAILED, State.CANCELLED))
def resume_sending(actor: Actor, sending: Sending) -> Sending:
    """Go on with a sending that ended before its end; what was taken is not sent again."""
    release = sending.release
    if release.state != Release.State.PUBLISHED:
        raise Conflict("not_published", "This release is not handed out any more.", "See why.")
    if release.archive is None or release.archive.sha256 != sending.sha256:
        raise Conflict("another_archive", "The archive is another by now.", "Send it anew.")
    _present(sending.place)
    sending.state, sending.reason, sending.ended_at = State.QUEUED, "", None
    try:
        with transaction.atomic():
            sending.save(update_fields=["state", "reason", "ended_at"])
    except IntegrityError:
        raise Conflict(
            "being_sent", "It is being sent there already.", "Wait until it ended."
        ) from None
    enqueue(SEND, sending.pk, priority=10, is_long=True)
    event(actor, sending, public={"sha256": sending.sha256, "taken": sending.n_taken})
    return sending


def _present(place: RemoteNode | Destination) -> None:
    if place.removed_at is not None:
        raise Conflict("place_removed", "This place was removed.", "Choose another.")


def _kind(sending: Sending) -> str:
    return sending.destination.kind if sending.destination is not None else "c-store"


@verb("release.sent", roles={roles.SERVICE}, states=(State.QUEUED,))
def end_sending(actor: Actor, sending: Sending, *, reason: str) -> Sending:
    """Record how much of a release a place took, and why not all where it did not."""
    sending.reason, sending.state = reason, State.FAILED if reason else State.DONE
    sending.ended_at = timezone.now()
    sending.save(update_fields=["reason", "state", "ended_at"])
    event(
        actor,
        sending,
        outcome="failed" if reason else "done",
        public={
            "sha256": sending.sha256,
            "instances": sending.n_instances,
            "taken": sending.n_taken,
        },
        private={"place": str(sending.place.pk), "kind": _kind(sending), "reason": reason},
    )
    return sending


def store_files(
    sending: Sending, told: Callable[[float, str], None], kept: Callable[[], None]
) -> str:
    """Store what is not stored yet: the first reason for a file that was not taken, "" when all
    were.

    What was tried stands in the row after each file (then ``kept`` is called), so whatever stops
    this, it goes on there.
    Each lies in a plain file of its own among the releases that are being written while it is
    sent (it holds what is de-identified), so that a video of any length fits into memory.
    """
    release = sending.release
    assert release.archive is not None
    place = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "releases"
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    first, way = "", way_to(sending.place, f"{release.project.slug}-{release.version}")
    with (
        open_vault_file(release.archive) as source,
        zipfile.ZipFile(source) as archive,
        tempfile.TemporaryDirectory(prefix="sending-", dir=place) as folder,
    ):
        names = _names(archive, sending)
        again = list(sending.not_taken)
        todo = [*again, *names[sending.n_tried :]]
        sending.n_instances = len(names)
        for at, name in enumerate(todo):
            if not Release.objects.filter(pk=release.pk, state=Release.State.PUBLISHED).exists():
                return "cancelled"
            path = Path(folder) / "instance.dcm"
            with archive.open(name) as member, path.open("wb") as out:
                shutil.copyfileobj(member, out, _BLOCK)
            share = _Share(told, name, len(names) - len(todo) + at, len(names), path)
            share(0)
            try:
                way.put(name.partition("/")[2], path, share)
            except PeerError as error:
                first = first or error.reason
                if error.is_transient:
                    return first
                _note(sending, name, is_again=at < len(again), is_taken=False)
            else:
                _note(sending, name, is_again=at < len(again), is_taken=True)
            kept()
    return first


class _Share:
    """Tells how far all is while one file goes out; raises what the listener raises."""

    def __init__(self, told: Callable[[float, str], None], name: str, at: int, of: int,
                 path: Path) -> None:  # fmt: skip
        self._told, self._step = told, f"sending {Path(name).parent.name}"[:80]
        self._at, self._of, self._size, self._sent = at, of, path.stat().st_size, 0

    def __call__(self, n_bytes: int) -> None:
        self._sent += n_bytes
        inside = min(self._sent / max(self._size, 1), 1.0)
        self._told((self._at + inside) / self._of, self._step)


def _note(sending: Sending, name: str, *, is_again: bool, is_taken: bool) -> None:
    """What became of one file. A row's own account of its work, as a job's progress is."""
    if is_again and is_taken:
        sending.not_taken = [each for each in sending.not_taken if each != name]
    if not is_again:
        sending.n_tried += 1
        if not is_taken:
            sending.not_taken = [*sending.not_taken, name]
    sending.n_taken = sending.n_tried - len(sending.not_taken)
    sending.save(update_fields=["n_tried", "n_taken", "n_instances", "not_taken"])


def _names(archive: zipfile.ZipFile, sending: Sending) -> list[str]:
    """What goes there, in its order: the instances, or every file with the manifest's own last, so
    that what is not whole cannot be taken for whole."""
    names = sorted(name for name in archive.namelist() if not name.endswith("/"))
    if sending.destination is None or sending.destination.kind != Destination.Kind.BUCKET:
        return [name for name in names if _is_instance(name)]
    return sorted(names, key=lambda name: name.partition("/")[2] in UNLISTED)


def _is_instance(name: str) -> bool:
    parts = name.split("/")
    return len(parts) > 2 and parts[1] == "dicom" and name.endswith(".dcm")
