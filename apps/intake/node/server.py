"""The DICOM node: associations and C-STORE. Not an archive: nothing can be queried or fetched."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from apps.access.actor import Actor, service
from apps.intake.domain.header_facts import UnreadableHeader
from apps.intake.node import commitment, seam
from apps.intake.node.guard import MAX_PDU_BYTES, REQUEST_S, BoundedReceive, WaitingRoom
from apps.intake.receiving import DiskFullError, take
from apps.intake.routing import project_of_titles
from apps.intake.services import note_association, note_refusal
from apps.projects.models import Project

logger = logging.getLogger(__name__)

ASSOCIATIONS = 120
ASSOCIATIONS_A_PEER = 16
IDLE_S = 60

SUCCESS, NO_ROOM, MISMATCH, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000


def _put_connection_away() -> None:
    """Between messages a pooled connection is another association's to use. SQLite's stays with
    its thread: to open one costs as much as to record an instance."""
    if connection.vendor != "sqlite":
        connection.close()


@dataclass
class _Running:
    """What is known of an association while it runs."""

    actor: Actor
    project: Project | None
    calling_ae: str
    called_ae: str
    peer: str
    began: float = field(default_factory=time.monotonic)
    stored: int = 0
    refused: int = 0


class _Handler(RequestHandler):
    """One connection: its reads are bounded, and its thread's end is where it is tidied up."""

    server: _Server

    def handle(self) -> None:
        association = self._create_association()
        association.dul.daemon = True
        association.dul.socket.recv = BoundedReceive(association)  # type: ignore
        run = association.run

        def run_and_tidy() -> None:
            try:
                run()
            finally:
                self.server.waiting.leave(self.client_address[0], self.request)
                self.server.node.ended(association)

        association.run = run_and_tidy  # type: ignore[method-assign]
        self.server.waiting.enter(self.client_address[0], self.request)
        association.start()


class _Server(ThreadedAssociationServer):
    """Several node processes listen on one port."""

    request_queue_size = 64
    daemon_threads = True

    def __init__(self, node: Node, address: tuple[str, int], handlers: list[Any]) -> None:
        self.node, self.waiting = node, WaitingRoom()
        ae = node.ae
        super().__init__(
            ae,
            address,
            ae.ae_title,
            ae.supported_contexts,
            evt_handlers=handlers,
            request_handler=_Handler,
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        """In the accepting thread: making an association starts threads of its own."""
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
            self.shutdown_request(request)

    def server_bind(self) -> None:
        assert self.socket is not None
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def get_request(self) -> Any:
        client, address = super().get_request()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The base class prints a traceback, which may quote what was received."""
        logger.warning("connection failed")


class Node:
    """One process of the node."""

    def __init__(self) -> None:
        seam.install()
        self._running: dict[Any, _Running] = {}
        self._peers: Counter[str] = Counter()
        self._lock = threading.Lock()
        ae = AE(settings.CLINICAL_ANNOT_AE_TITLE)
        ae.maximum_associations = ASSOCIATIONS
        ae.maximum_pdu_size = MAX_PDU_BYTES
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = REQUEST_S, IDLE_S, IDLE_S
        ae.add_supported_context(Verification)
        self.ae = ae
        self._server: Any = None

    def start(self, host: str, port: int) -> None:
        """Listen without blocking. Raises OSError when the port is taken."""
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_ECHO, lambda _: SUCCESS),
            (evt.EVT_N_ACTION, self._commit),
        ]
        self._server = _Server(self, (host, port), handlers)
        self.ae._servers.append(self._server)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def busy(self) -> int:
        return len(self._running)

    def stop(self, grace_s: float = 1.0) -> None:
        """Take no new association, give the running ones a moment, then end."""
        deadline = time.monotonic() + grace_s
        self._server.shutdown()
        while self._running and time.monotonic() < deadline:
            time.sleep(0.05)
        for association in self.ae.active_associations:
            association.abort()

    def _requested(self, event: Any) -> None:
        assoc = event.assoc
        self._server.waiting.leave(assoc.requestor.address, assoc.dul.socket.socket)
        request = assoc.requestor.primitive
        calling, called = request.calling_ae_title.strip(), request.called_ae_title.strip()
        peer = str(assoc.requestor.address)
        try:
            project = project_of_titles(called, calling)
            refusal = self._refusal(project, calling, peer)
            if refusal is None and project is not None:
                commitment.offer(assoc, project)
                actor = service("node")
                with self._lock:
                    self._peers[peer] += 1
                self._running[assoc] = _Running(actor, project, calling, called, peer)
                return
            assert refusal is not None
            reject, reason = refusal
            note_association(
                service("node"),
                project,
                outcome="refused",
                calling_ae=calling,
                called_ae=called,
                peer=peer,
                reason=reason,
            )
        except DatabaseError:
            connection.close()
            reject = (0x02, 0x03, 0x01)
        finally:
            _put_connection_away()
        assoc.acse.send_reject(*reject)
        assoc.kill()

    def _refusal(
        self, project: Project | None, calling: str, peer: str
    ) -> tuple[tuple[int, int, int], str] | None:
        if project is None:
            return (0x01, 0x01, 0x07), "unknown_called_ae"
        allowed = project.calling_ae_titles
        if allowed and calling not in allowed:
            return (0x01, 0x01, 0x03), "unknown_calling_ae"
        if not allowed and not ipaddress.ip_address(peer).is_loopback:
            return (0x01, 0x01, 0x03), "calling_ae_not_listed"
        if self._peers[peer] >= ASSOCIATIONS_A_PEER:
            return (0x02, 0x03, 0x02), "too_many_associations"
        return None

    def _commit(self, event: Any) -> tuple[int, None]:
        running = self._running.get(event.assoc)
        if running is None or running.project is None:
            return 0x0110, None
        try:
            status, request = commitment.take_request(
                str(event.request.RequestedSOPInstanceUID),
                event.action_type,
                lambda: event.action_information,
                running.actor,
                running.project,
                calling_ae=running.calling_ae,
                called_ae=running.called_ae,
                peer=running.peer,
            )
            if request is not None:
                commitment.answer_soon(event.assoc, request)
            return status, None
        finally:
            _put_connection_away()

    def _store(self, event: Any) -> int:
        try:
            return self._take(event)
        finally:
            _put_connection_away()

    def _take(self, event: Any) -> int:
        running = self._running.get(event.assoc)
        incoming: seam.StreamedInstance = event.request._dataset_file
        if running is None or running.project is None or incoming is None:
            return NOT_UNDERSTOOD
        try:
            take(
                running.actor,
                running.project,
                incoming,
                calling_ae=running.calling_ae,
                called_ae=running.called_ae,
                peer=running.peer,
                expected=(
                    str(event.request.AffectedSOPClassUID),
                    str(event.request.AffectedSOPInstanceUID),
                ),
                is_routed=True,
            )
        except DiskFullError:
            return self._refuse(running, NO_ROOM, "disk_reserve_reached")
        except ValueError as error:
            if isinstance(error, UnreadableHeader):
                return self._refuse(running, NOT_UNDERSTOOD, "cannot_understand")
            return self._refuse(running, MISMATCH, "does_not_match_its_command")
        except (DatabaseError, OSError) as error:
            logger.error("instance not taken", extra={"error": type(error).__name__})
            connection.close()
            return self._refuse(running, NO_ROOM, "storage_or_database_away")
        running.stored += 1
        return SUCCESS

    @staticmethod
    def _refuse(running: _Running, status: int, reason: str) -> int:
        running.refused += 1
        try:
            note_refusal(
                running.actor,
                running.project,
                reason=reason,
                calling_ae=running.calling_ae,
                peer=running.peer,
            )
        except DatabaseError:
            logger.error("refusal not recorded", extra={"reason": reason})
        return status

    def ended(self, association: Any) -> None:
        """The association's thread is at its end: drop what it did not finish, and say so."""
        for unfinished in seam.unfinished(association):
            unfinished.abort()
        running = self._running.pop(association, None)
        if running is None:
            connection.close()
            return
        with self._lock:
            self._peers[running.peer] -= 1
        try:
            note_association(
                running.actor,
                running.project,
                outcome="done" if association.is_released else "aborted",
                calling_ae=running.calling_ae,
                called_ae=running.called_ae,
                peer=running.peer,
                stored=running.stored,
                refused=running.refused,
                duration_s=time.monotonic() - running.began,
            )
        except DatabaseError:
            logger.error("association not recorded")
        finally:
            connection.close()
