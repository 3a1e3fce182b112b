"""Pulling a picked study: list what the PACS has, leave out what is here, fetch the rest."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import StoragePresentationContexts
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from apps.access.actor import service
from apps.access.errors import Refused
from apps.intake.domain.header_facts import UnreadableHeader
from apps.intake.models import ReceivedInstance
from apps.intake.pacs import services, stream
from apps.intake.pacs.asking import PLAIN, Listed, identifier, list_instances
from apps.intake.pacs.client import SILENCE_S, Context, PeerError, association, final
from apps.intake.pacs.models import Pull, RemoteNode
from apps.intake.receiving import DiskFullError, TooLargeError, take
from apps.intake.services import note_refusal, sop_uid_digest
from apps.jobs import work
from apps.keys.keyring import KeyDestroyedError
from apps.projects.models import Project

State = Pull.State
# A context a class and syntax lets the PACS send each instance as it has it; 128 contexts are the
# limit of an association (PS3.8 section 9.3.2.2).
_CLASSES_A_TIME = 3


@dataclass
class _Pulling:
    """What a running pull knows."""

    pull: Pull
    project: Project
    node: RemoteNode
    study_uid: str
    listed: list[Listed]
    handle: work.JobHandle
    method: str = ""
    told: float = 0.0

    def missing(self) -> list[Listed]:
        """What the PACS lists and the project does not hold."""
        digests = {sop_uid_digest(one.sop_uid): one for one in self.listed}
        here: set[bytes] = set()
        wanted = list(digests)
        for start in range(0, len(wanted), 400):
            rows = ReceivedInstance.objects.filter(
                project=self.project, sop_uid_digest__in=wanted[start : start + 400]
            )
            here |= {bytes(row) for row in rows.values_list("sop_uid_digest", flat=True)}
        return [one for digest, one in digests.items() if digest not in here]

    def tell(self) -> None:
        """Progress for the screen, twice a second. Raises StoppedError when it was cancelled."""
        now = time.monotonic()
        if now - self.told < 0.5 and not self.handle.cancelled():
            return
        self.told = now
        total = len(self.listed)
        here = total - len(self.missing())
        self.handle.progress(here / total, f"{here} of {total}")


@work.job(services.PULL, waits_for_peer=True)
def pull_study(handle: work.JobHandle) -> None:
    """Carry a pull on from wherever it stands; nothing is fetched twice."""
    pull = Pull.objects.select_related("project", "node", "subject").get(pk=handle.job.object_id)
    if pull.state not in (State.QUEUED, State.RUNNING):
        raise work.StoppedError
    stream.install()
    running: _Pulling | None = None
    try:
        study_uid = services.study_uid_of(pull)
        handle.progress(0.0, "asking what there is")
        listed = list_instances(pull.node, study_uid)
        if not listed:
            raise PeerError("study_not_found")
        running = _Pulling(pull, pull.project, pull.node, study_uid, listed, handle)
        missing = running.missing()
        services.note_begin(
            service("worker"), pull, n_expected=len(listed), n_here=len(listed) - len(missing)
        )
        if missing:
            _fetch(running, missing)
        missing = running.missing()
    except KeyDestroyedError:
        raise work.FailedError("key_destroyed") from None
    except PeerError as error:
        if error.is_transient and handle.job.attempts < work.ATTEMPTS:
            raise
        _end(pull, running, error.reason)
        return
    _end(pull, running, "not_all_came" if missing else "")


def _end(pull: Pull, running: _Pulling | None, reason: str) -> None:
    here = len(running.listed) - len(running.missing()) if running else pull.n_here
    state = State.DONE if not reason else State.INCOMPLETE if here else State.FAILED
    try:
        services.note_end(
            service("worker"),
            pull,
            state=state,
            n_here=here,
            method=running.method if running else "",
            reason=reason,
        )
    except Refused:
        # Cancelled in the same moment: that stands.
        raise work.StoppedError from None


@work.on_parked(services.PULL)
def _parked(job: Any) -> None:
    pull = Pull.objects.filter(pk=job.object_id, state__in=[State.QUEUED, State.RUNNING]).first()
    if pull is not None:
        reason = job.reason if job.reason in ("key_destroyed",) else "given_up"
        services.note_end(
            service("worker"), pull, state=State.FAILED, n_here=pull.n_here, reason=reason
        )


def _fetch(running: _Pulling, missing: list[Listed]) -> None:
    """By C-GET where the peer has it; what it cannot give that way, by C-MOVE to our own node."""
    way = running.node.retrieval
    if way == RemoteNode.Retrieval.MOVE:
        _move(running, missing)
        return
    try:
        _get(running, missing)
    except PeerError as error:
        if error.reason != "not_supported" or way == RemoteNode.Retrieval.GET:
            raise
        _move(running, missing)
        return
    rest = running.missing()
    if rest and way == RemoteNode.Retrieval.AUTO:
        # A peer that moves to nobody has said all that it can by C-GET.
        with contextlib.suppress(PeerError):
            _move(running, rest)


def _requests(running: _Pulling, missing: list[Listed]) -> Iterator[Dataset]:
    """A request a series of which nothing is here; one an instance for the others."""
    whole: dict[str, list[Listed]] = defaultdict(list)
    for one in running.listed:
        whole[one.series_uid].append(one)
    lacking: dict[str, list[Listed]] = defaultdict(list)
    for one in missing:
        lacking[one.series_uid].append(one)
    for series_uid, some in lacking.items():
        where = {"StudyInstanceUID": running.study_uid, "SeriesInstanceUID": series_uid}
        if len(some) == len(whole[series_uid]):
            yield identifier("SERIES", **where)
            continue
        for one in some:
            yield identifier("IMAGE", **where, SOPInstanceUID=one.sop_uid)


def _get(running: _Pulling, missing: list[Listed]) -> None:
    running.method = "get"
    model = StudyRootQueryRetrieveInformationModelGet
    for classes, contexts in _proposals(missing):
        part = [one for one in missing if one.sop_class in classes]
        store = _Store(running, {one.sop_uid for one in part})
        proposed = [Context(model, PLAIN), *contexts]
        with association(running.node, proposed, on_store=store, answer_s=SILENCE_S) as made:
            if not any(one.abstract_syntax == model for one in made.accepted_contexts):
                raise PeerError("not_supported")
            _run(running, made, made.send_c_get, model, part)


def _proposals(missing: list[Listed]) -> Iterator[tuple[list[str], list[Context]]]:
    """Classes and the contexts to get them by. Where the PACS names the class, each syntax has a
    context of its own, so that it sends each instance as it holds it; where it does not, there is
    room for the ordinary classes alone, in whichever one syntax it chooses of all."""
    syntaxes = sorted(AllTransferSyntaxes, key=lambda uid: uid.is_compressed)
    named = sorted({one.sop_class for one in missing if one.sop_class})
    for start in range(0, len(named), _CLASSES_A_TIME):
        some = named[start : start + _CLASSES_A_TIME]
        yield (
            some,
            [
                Context(sop_class, (syntax,), we_serve=True)
                for sop_class in some
                for syntax in syntaxes[: 127 // len(some)]
            ],
        )
    if any(not one.sop_class for one in missing):
        ordinary = [str(one.abstract_syntax) for one in StoragePresentationContexts[:127]]
        yield [""], [Context(one, tuple(syntaxes), we_serve=True) for one in ordinary]


def _move(running: _Pulling, missing: list[Listed]) -> None:
    running.method = "move"
    model = StudyRootQueryRetrieveInformationModelMove

    def send(identifier: Dataset, model: Any, msg_id: int) -> Any:
        return made.send_c_move(identifier, running.project.ae_title, model, msg_id=msg_id)

    with association(running.node, [Context(model, PLAIN)], answer_s=SILENCE_S) as made:
        _run(running, made, send, model, missing)


def _run(
    running: _Pulling,
    made: Association,
    send: Callable[..., Any],
    model: Any,
    missing: list[Listed],
) -> None:
    with _ended_when_cancelled(running.handle, made):
        for number, identifier in enumerate(_requests(running, missing), 1):
            msg_id = number % 65000 + 1
            try:
                for _ in final(send(identifier, model, msg_id=msg_id)):
                    running.tell()
            except work.StoppedError:
                with contextlib.suppress(Exception):
                    made.send_c_cancel(msg_id, query_model=model)
                raise
            except PeerError as error:
                if error.reason != "failure_status" or not made.is_established:
                    if running.handle.cancelled():
                        raise work.StoppedError from None
                    raise
                # One of them failed: the others are still wanted, and the count tells of it.
            running.tell()


@contextlib.contextmanager
def _ended_when_cancelled(handle: work.JobHandle, made: Association) -> Iterator[None]:
    """A peer that is silent for long must not keep a cancelled pull alive."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            if handle.cancelled():
                made.abort()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


class _Store:
    """What comes by C-GET goes the way of everything that arrives: encrypted while it comes."""

    def __init__(self, running: _Pulling, wanted: set[str]) -> None:
        self._running, self._wanted = running, wanted
        self._actor = service("worker", "pull")

    def __call__(self, event: Any) -> int:
        incoming: stream.PulledInstance = event.request._dataset_file
        try:
            return self._take(event, incoming)
        finally:
            # A no-op once the instance is whole.
            incoming.abort()

    def _take(self, event: Any, incoming: stream.PulledInstance) -> int:
        running, node = self._running, self._running.node
        uid = str(event.request.AffectedSOPInstanceUID)
        if running.handle.cancelled():
            return 0xC000
        if uid not in self._wanted:
            return self._refuse(0xA900, "not_asked_for")
        try:
            take(
                self._actor,
                running.project,
                incoming,
                calling_ae=node.ae_title,
                called_ae=settings.CLINICAL_ANNOT_AE_TITLE,
                peer=node.host,
                expected=(str(event.request.AffectedSOPClassUID), uid),
            )
        except TooLargeError:
            return self._refuse(0xA700, "instance_too_large")
        except DiskFullError:
            return self._refuse(0xA700, "disk_reserve_reached")
        except KeyDestroyedError:
            return self._refuse(0xC211, "subject_destroyed")
        except ValueError as error:
            if isinstance(error, UnreadableHeader):
                return self._refuse(0xC000, "cannot_understand")
            return self._refuse(0xA900, "does_not_match_its_command")
        except (DatabaseError, OSError):
            connection.close()
            return self._refuse(0xA700, "storage_or_database_away")
        return 0x0000

    def _refuse(self, status: int, reason: str) -> int:
        with contextlib.suppress(DatabaseError):
            note_refusal(
                self._actor,
                self._running.project,
                reason=reason,
                calling_ae=self._running.node.ae_title,
                peer=self._running.node.host,
            )
        return status
