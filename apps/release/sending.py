"""Verbs and the work of sending a published release's DICOM instances to a PACS (C-STORE)."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from pydicom.filereader import read_file_meta_info
from pynetdicom import _config

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.access.verb import event, verb
from apps.intake.pacs.client import Context, PeerError, association
from apps.intake.pacs.models import RemoteNode
from apps.jobs.work import enqueue
from apps.keys.keyring import open_vault_file
from apps.release.collecting import Progress
from apps.release.models import Release, Sending

SEND = "release.send"
_BLOCK = 1 << 20


@verb("release.send", roles={roles.PROJECT_LEAD}, states=(Release.State.PUBLISHED,))
def send(actor: Actor, release: Release, *, node: RemoteNode) -> Sending:
    """Send the DICOM instances of a published release to a PACS, in the background."""
    if release.archive is None or not release.is_archive_approved:
        raise Conflict("being_prepared", "The archive is still being written.", "Try again soon.")
    if node.removed_at is not None:
        raise Conflict("node_removed", "This PACS was removed.", "Choose another.")
    if Sending.objects.filter(release=release, node=node, state=Sending.State.QUEUED).exists():
        raise Conflict("being_sent", "It is being sent there already.", "Wait until it ended.")
    made = Sending.objects.create(
        release=release,
        node=node,
        sha256=release.archive.sha256,
        asked_by=actor.user,
        asked_at=timezone.now(),
    )
    enqueue(SEND, made.pk, priority=10, is_long=True)
    event(
        actor,
        release,
        public={"version": release.version, "sha256": made.sha256},
        private={"node": str(node.pk), "sending": str(made.pk)},
    )
    return made


@verb("release.sent", roles={roles.SERVICE}, states=(Sending.State.QUEUED,))
def end_sending(
    actor: Actor, sending: Sending, *, n_instances: int, n_taken: int, reason: str
) -> Sending:
    """Record how many instances of a release a PACS took, and why not all where it did not."""
    sending.n_instances, sending.n_taken, sending.reason = n_instances, n_taken, reason
    sending.state = Sending.State.FAILED if reason else Sending.State.DONE
    sending.ended_at = timezone.now()
    sending.save()
    event(
        actor,
        sending,
        outcome="failed" if reason else "done",
        public={"sha256": sending.sha256, "instances": n_instances, "taken": n_taken},
        private={"node": str(sending.node_id), "reason": reason},
    )
    return sending


def store_instances(sending: Sending, progress: Progress) -> tuple[int, int, str]:
    """C-STORE every instance of the release's archive: how many there are, how many were taken,
    and the first reason for one that was not ("" when all were).

    Each lies in a plain file of its own among the releases that are being written while it is
    sent (it holds what is de-identified), so that a video of any length fits into memory.
    """
    release = sending.release
    assert release.archive is not None
    place = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "releases"
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    n_taken, first = 0, ""
    with (
        open_vault_file(release.archive) as source,
        zipfile.ZipFile(source) as archive,
        tempfile.TemporaryDirectory(prefix="sending-", dir=place) as folder,
    ):
        names = sorted(n for n in archive.namelist() if _is_instance(n))
        for place_, name in enumerate(names):
            progress(Path(name).parent.name, place_, len(names))
            path = Path(folder) / "instance.dcm"
            with archive.open(name) as member, path.open("wb") as out:
                shutil.copyfileobj(member, out, _BLOCK)
            try:
                _store(sending.node, path)
                n_taken += 1
            except PeerError as error:
                first = first or error.reason
                if error.is_transient:
                    break
    return len(names), n_taken, first


def _is_instance(name: str) -> bool:
    parts = name.split("/")
    return len(parts) > 2 and parts[1] == "dicom" and name.endswith(".dcm")


def _store(node: RemoteNode, path: Path) -> None:
    """One instance in one association, in its own transfer syntax. Raises PeerError."""
    meta = read_file_meta_info(path)
    context = Context(meta.MediaStorageSOPClassUID, (meta.TransferSyntaxUID,))
    with association(node, [context]) as made, _in_chunks():
        status = made.send_c_store(path)
    code = status.get("Status") if status else None
    if code is None:
        raise PeerError("no_answer", is_transient=True)
    if code != 0 and code not in range(0xB000, 0xC000):
        raise PeerError("failure_status")


@contextmanager
def _in_chunks() -> Iterator[None]:
    """pynetdicom sends a file in pieces instead of reading it whole."""
    before = _config.STORE_SEND_CHUNKED_DATASET
    _config.STORE_SEND_CHUNKED_DATASET = True
    try:
        yield
    finally:
        _config.STORE_SEND_CHUNKED_DATASET = before
