"""One arriving instance: encrypted while it comes, digested, then offered to the verb."""

from __future__ import annotations

import errno
from collections.abc import Callable
from hashlib import sha256
from typing import Any, BinaryIO

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import IntegrityError

from apps.access.actor import Actor
from apps.intake.domain.header_facts import DatasetStart, HeaderFacts, read_facts
from apps.intake.domain.quick_header import HEAD_BYTES, quick_facts
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import intake_key
from apps.projects.models import Project
from apps.vault.files import VaultWriter, create_file, open_file, storage
from apps.vault.models import VaultFile

# So often while an instance arrives is the free space looked at.
_LOOK_EVERY_BYTES = 16 << 20


class DiskFullError(Exception):
    """There is no room to take the instance safely."""


class TooLargeError(Exception):
    """The instance is larger than the site allows."""


class Incoming:
    """Takes a Part 10 file's bytes in order. Nothing plain touches a disk.

    After a failed write the rest is swallowed, so that the peer can be told in its answer.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        self._limit_bytes = limit_bytes
        self._looked_at = 0
        self._head = bytearray()
        self.failed: BaseException | None = None
        self._writer: VaultWriter | None = None
        self._start = DatasetStart()
        self._passed = 0
        if not _has_room():
            self.failed = DiskFullError("disk reserve reached")
        else:
            try:
                self._writer = create_file("original", intake_key())
            except OSError as error:
                self.failed = error

    def write(self, data: bytes | memoryview) -> int:
        if self.failed is not None or self._writer is None:
            return len(data)
        if failure := self._limit_reached(len(data)):
            self.abort()
            self.failed = failure
            return len(data)
        if self._start.offset is None:
            self._start.feed(data)
            if self._start.offset is not None:
                self._writer.digest_from(self._start.offset)
        try:
            self._writer.write(data)
        except OSError as error:
            self.abort()
            self.failed = error
            return len(data)
        if (room := HEAD_BYTES - len(self._head)) > 0:
            self._head += data[:room]
        self._passed += len(data)
        return len(data)

    def _limit_reached(self, size_bytes: int) -> Exception | None:
        """Out of room is said before the disk is full, not after."""
        if self._limit_bytes is not None and self._passed + size_bytes > self._limit_bytes:
            return TooLargeError("larger than the site allows")
        if self._passed - self._looked_at >= _LOOK_EVERY_BYTES:
            self._looked_at = self._passed
            if not _has_room():
                return DiskFullError("disk reserve reached")
        return None

    def finish(self) -> tuple[VaultFile, HeaderFacts]:
        """Sync the file and read its header: the unsaved row, whose digest is the data set's, and
        the facts.

        Raises DiskFullError, TooLargeError, OSError, UnreadableHeader; then nothing is kept.
        """
        if self.failed is not None or self._writer is None:
            self.abort()
            if isinstance(self.failed, TooLargeError):
                raise self.failed
            if isinstance(self.failed, OSError) and self.failed.errno not in (
                errno.ENOSPC,
                errno.EDQUOT,
            ):
                raise self.failed
            raise DiskFullError("no room")
        try:
            file = self._writer.finish()
        except OSError:
            self.abort()
            raise
        quick = quick_facts(bytes(self._head))
        if quick is not None and quick.dataset_offset == file.digest_from:
            return file, quick
        try:
            with open_file(file, intake_key()) as source:
                facts = read_facts(source)
                if file.digest_from != facts.dataset_offset:
                    # The file's own word about where its data set begins was missing or wrong.
                    file.digest_from = facts.dataset_offset
                    file.sha256 = digest_from(source, facts.dataset_offset).hexdigest()
        except BaseException:
            storage().delete(file.storage_name)
            raise
        return file, facts

    def abort(self) -> None:
        """Drop what came; what still comes is swallowed."""
        if self.failed is None:
            self.failed = InterruptedError("the instance was dropped")
        if self._writer is not None:
            self._writer.abort()

    def __del__(self) -> None:
        self.abort()


def _has_room() -> bool:
    return storage().free_bytes() >= settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES


def digest_from(source: BinaryIO, offset: int) -> Any:
    """SHA-256 of all from ``offset`` on."""
    total = sha256()
    source.seek(offset)
    while block := source.read(1 << 20):
        total.update(block)
    return total


def _here(record: Callable[[], ReceivedInstance]) -> ReceivedInstance:
    return record()


def take(
    actor: Actor,
    project: Project,
    incoming: Incoming,
    *,
    calling_ae: str = "",
    called_ae: str = "",
    peer: str = "",
    pixels_choice: str = "",
    expected: tuple[str, str] | None = None,
    is_routed: bool = False,
    through: Callable[[Callable[[], ReceivedInstance]], ReceivedInstance] | None = None,
) -> ReceivedInstance:
    """Finish an arriving instance and record it; on a failure nothing of it is left (or, where the
    database broke off, a file that the sweep removes).

    ``expected``: SOP Class UID and SOP Instance UID that the sender named (ValueError when the
    data set says otherwise). ``is_routed``: a routing rule may send it to another project.
    ``through``: who runs the verb and answers once it is committed (the node commits for several
    associations at once); None runs it here.
    """
    from apps.intake.routing import project_of_instance
    from apps.intake.services import receive_instance

    file, facts = incoming.finish()
    try:
        if expected is not None and expected != (facts.sop_class_uid, facts.sop_instance_uid):
            raise ValueError("the data set does not match its command")
        rule = ""
        if is_routed:
            project, rule = project_of_instance(project, file, called_ae, calling_ae)
        wrapped = file.wrapping_key, file.wrapped_data_key

        def record() -> ReceivedInstance:
            file.wrapping_key, file.wrapped_data_key = wrapped
            file._state.adding = True
            return receive_instance(
                actor,
                project,
                file=file,
                facts=facts,
                sha256=file.sha256,
                calling_ae=calling_ae,
                called_ae=called_ae,
                peer=peer,
                pixels_choice=pixels_choice,
                rule=rule,
            )

        run = through or _here
        try:
            received = run(record)
        except IntegrityError:
            # Another process took the same SOP Instance UID meanwhile: now it is seen.
            received = run(record)
    except IntegrityError:
        storage().delete(file.storage_name)
        raise
    except DatabaseError:
        # Whether the commit arrived is unknown when the connection breaks at that moment. A row
        # without its file must be impossible; a file without a row is swept.
        raise
    except BaseException:
        storage().delete(file.storage_name)
        raise
    if received.original_id != file.pk:
        storage().delete(file.storage_name)
    return received
