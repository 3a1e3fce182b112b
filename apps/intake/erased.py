"""The list of erased originals, in the database and outside it, beside the list of destroyed keys.

A restored database knows originals that were erased after it was copied, and their bytes come back
with its files. The list outside survives that; a restore erases again what it names.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import logging
import os
import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.verb import event, verb
from apps.intake.models import ErasedOriginal, ReceivedInstance
from apps.vault.files import delete_file
from apps.vault.models import VaultFile

logger = logging.getLogger(__name__)
_NAME = "erased-originals.jsonl"


class BadErasedListError(ValueError):
    """A line of the list of erased originals is none; names the line."""


def place() -> Path:
    """Where the list outside lies."""
    return Path(settings.CLINICAL_ANNOT_DESTROYED_FILE).with_name(_NAME)


def erase(file: VaultFile) -> None:
    """Erase an original that no row names any more: in the list now, its bytes and its place in
    the list outside once this is committed. Call it inside the verb's transaction."""
    ErasedOriginal.objects.create(file_id=file.pk, sha256=file.sha256, erased_at=timezone.now())
    transaction.on_commit(partial(_finish, file))


def _finish(file: VaultFile) -> None:
    delete_file(file)
    try:
        sync_outside()
    except (OSError, ValueError) as error:
        # Made good by the next call.
        logger.error("erased original not listed outside", extra={"error": type(error).__name__})


def finish_left_over(most: int = 100) -> int:
    """Delete the bytes of erased originals that a crash, or a store that was away, has left."""
    listed = ErasedOriginal.objects.values("pk")
    left = list(VaultFile.objects.filter(purpose="original", pk__in=listed)[:most])
    for file in left:
        _finish(file)
    return len(left)


def read_list(source: Path | Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """The records ``{"erased_at", "file", "sha256"}`` of a list; a last line without its end was
    never acknowledged. Raises BadErasedListError; a list that is not there is empty."""
    if isinstance(source, Path):
        if not source.exists():
            return []
        *lines, _ = source.read_bytes().split(b"\n")
    else:
        lines = [json.dumps(record).encode() for record in source]
    found = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            when = dt.datetime.fromisoformat(record["erased_at"]).astimezone(dt.UTC)
            held = {"file": str(uuid.UUID(record["file"])), "sha256": str(record["sha256"])}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadErasedListError(
                f"line {number} of the list of erased originals is damaged"
            ) from None
        found.append({**held, "erased_at": when.isoformat()})
    return found


def records() -> list[dict[str, str]]:
    """The database's own list, as ``replay`` takes it."""
    return [
        {"erased_at": row.erased_at.isoformat(), "file": str(row.file_id), "sha256": row.sha256}
        for row in ErasedOriginal.objects.all()
    ]


def sync_outside() -> int:
    """Append what the outside list does not have yet, synced; the number of lines appended."""
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        held = out.read()
        whole = held.rfind(b"\n") + 1
        known = {row["file"] for row in read_list(map(json.loads, held[:whole].splitlines()))}
        new = [row for row in records() if row["file"] not in known]
        out.seek(whole)
        out.truncate()
        out.write(b"".join(json.dumps(row).encode() + b"\n" for row in new))
        out.flush()
        os.fsync(out.fileno())
    return len(new)


@verb("retention.replay", roles={roles.SERVICE}, lock=False)
def replay(actor: Actor, _: None, *, listed: list[dict[str, str]]) -> int:
    """Erase again the originals that a list names and a restore has brought back."""
    known = {str(pk) for pk in ErasedOriginal.objects.values_list("pk", flat=True)}
    again = []
    # The list outside and the one of the database that is replaced name most of them twice.
    for row in {row["file"]: row for row in listed}.values():
        file = VaultFile.objects.filter(pk=row["file"]).first()
        if file is not None:
            ReceivedInstance.objects.filter(original=file).update(original=None)
            again.append(file)
        if row["file"] not in known:
            ErasedOriginal.objects.create(
                file_id=uuid.UUID(row["file"]),
                sha256=row["sha256"],
                erased_at=dt.datetime.fromisoformat(row["erased_at"]),
            )
    event(
        actor,
        None,
        public={"listed": len(listed), "erased_again": len(again)},
        private={"files": [str(file.pk) for file in again]},
    )
    for file in again:
        transaction.on_commit(partial(_finish, file))
    return len(again)
