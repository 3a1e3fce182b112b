"""The DICOM node: who may call, how many at once, and the end. Not an archive: nothing can be
queried or fetched. What an association says is in ``association.py``."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from apps.access.actor import Actor, service
from apps.intake import services
from apps.intake.domain.callers import is_within, refusal_of
from apps.intake.node import configuration, guard, negotiation, tls
from apps.intake.node.association import Association
from apps.intake.node.commits import Commits
from apps.intake.routing import project_of_titles
from apps.projects.models import Project

logger = logging.getLogger(__name__)

Rejection = tuple[int, int, int]
# Result, source and reason of A-ASSOCIATE-RJ (PS3.8 table 9-21), by the reason of the event.
REJECTIONS: dict[str, Rejection] = {
    "unknown_called_ae": (1, 1, 7),
    "unknown_calling_ae": (1, 1, 3),
    "calling_ae_not_listed": (1, 1, 3),
    "address_not_listed": (1, 1, 1),
    "certificate_not_listed": (1, 1, 1),
    "tls_required": (1, 1, 1),
    "unknown_application_context": (1, 1, 2),
    "unknown_protocol_version": (1, 2, 2),
    "too_many_associations": (2, 3, 2),
    "database_away": (2, 3, 1),
    "node_stopped": (2, 3, 1),
}


@dataclass(frozen=True)
class Caller:
    """Who an admitted association is."""

    actor: Actor
    project: Project
    calling_ae: str
    called_ae: str


class Node:
    """One process of the node."""

    def __init__(self) -> None:
        self.waiting = guard.WaitingRoom()
        self.commits = Commits()
        self.is_stopping = False
        self.idle_s = float(settings.CLINICAL_ANNOT_NODE_IDLE_S)
        self._rules = configuration.rules()
        self._checkers = configuration.checkers()
        self._balancers = configuration.balancers()
        self._lock = threading.Lock()
        self._open: set[Association] = set()
        self._admitted: set[Association] = set()
        self._peers: Counter[str] = Counter()
        self._listening: list[socket.socket] = []
        self._accepting: list[threading.Thread] = []

    def start(self, host: str, port: int, tls_port: int | None = None) -> None:
        """Listen without blocking. Raises OSError when a port is taken, ValueError when the
        certificates cannot be used."""
        self._listen(host, port, None)
        if tls_port is not None:
            self._listen(host, tls_port, tls.context())

    def _listen(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Several node processes listen on one port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind((host, port))
            listening.listen(64)
        except OSError:
            listening.close()
            raise
        self._listening.append(listening)
        thread = threading.Thread(target=self._accept, args=(listening, context), daemon=True)
        self._accepting.append(thread)
        thread.start()

    @property
    def port(self) -> int:
        return int(self._listening[0].getsockname()[1])

    @property
    def tls_port(self) -> int:
        return int(self._listening[1].getsockname()[1])

    def busy(self) -> int:
        """Associations that stand."""
        return len(self._admitted)

    def stop(self, grace_s: float = 2.0) -> None:
        """Take no new association. Those between two messages are aborted at once; one in the
        middle of an instance has ``grace_s`` to finish it and is aborted after its answer."""
        deadline = time.monotonic() + grace_s
        self.is_stopping = True
        for listening in self._listening:
            # Closing alone does not wake the thread that accepts.
            listening.shutdown(socket.SHUT_RDWR)
        for thread in self._accepting:
            thread.join(2)
        for listening in self._listening:
            listening.close()
        while (left := self._snapshot()) and time.monotonic() < deadline:
            for association in left:
                if not association.is_in_message:
                    association.interrupt()
            time.sleep(0.05)
        for association in self._snapshot():
            association.interrupt()
        for association in left:
            association.thread.join(1)

    def _snapshot(self) -> list[Association]:
        with self._lock:
            return list(self._open)

    def _accept(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        while not self.is_stopping:
            try:
                accepted, address = listening.accept()
            except OSError:
                if not self.is_stopping:
                    # Out of file descriptors: those who have one end in time.
                    time.sleep(0.1)
                continue
            self._begin(accepted, address[0], context)

    def _begin(self, accepted: socket.socket, peer: str, context: ssl.SSLContext | None) -> None:
        association = Association(self, guard.Line(accepted), peer, context)
        with self._lock:
            self._open.add(association)
        self.waiting.enter(peer, association.line)
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            association.thread.start()
        except (OSError, RuntimeError) as error:
            # No thread is to be had, or the peer is gone already.
            logger.error("connection not taken", extra={"error": type(error).__name__})
            association.reason = "connection_lost"
            association.line.close()
            self.ended(association)

    def is_balancer(self, address: str) -> bool:
        """Whether connections from ``address`` begin by saying whose they are."""
        return is_within(address, self._balancers)

    def admit(self, association: Association, request: negotiation.Request) -> Rejection | None:
        """Whether this association may stand: None, or how it is rejected (with its event)."""
        calling, called = request.calling_ae, request.called_ae
        if self.is_stopping:
            reason: str | None = "node_stopped"
            project = None
        else:
            try:
                actor, project = self.commits.run(
                    lambda: (service("node"), project_of_titles(called, calling))
                )
                reason = self._reason_against(association, request, project)
            except DatabaseError:
                return REJECTIONS["database_away"]
        if reason is None and project is not None:
            association.caller = Caller(actor, project, calling, called)
            return None
        association.reason = reason or ""
        self._note(association, "refused", project, calling, called)
        return REJECTIONS[association.reason]

    def _reason_against(
        self, association: Association, request: negotiation.Request, project: Project | None
    ) -> str | None:
        if not request.has_our_version:
            return "unknown_protocol_version"
        if request.application_context != negotiation.APPLICATION_CONTEXT:
            return "unknown_application_context"
        if project is None:
            return "unknown_called_ae"
        against = refusal_of(
            request.calling_ae,
            association.peer,
            association.certificate(),
            listed=project.calling_ae_titles,
            rules=self._rules,
            plain=settings.CLINICAL_ANNOT_DICOM_PLAIN,
        )
        if against is not None:
            return against
        with self._lock:
            if (
                len(self._admitted) >= settings.CLINICAL_ANNOT_NODE_ASSOCIATIONS
                or self._peers[association.peer] >= settings.CLINICAL_ANNOT_NODE_ASSOCIATIONS_A_PEER
            ):
                return "too_many_associations"
            self._admitted.add(association)
            self._peers[association.peer] += 1
        return None

    def note_refusal(self, association: Association, reason: str) -> None:
        """An instance was not taken. Logged where the database cannot be told."""
        caller = association.caller
        assert caller is not None
        try:
            self.commits.run(
                lambda: services.note_refusal(
                    caller.actor,
                    caller.project,
                    reason=reason,
                    calling_ae=caller.calling_ae,
                    peer=association.peer,
                )
            )
        except DatabaseError:
            logger.error("refusal not recorded", extra={"reason": reason})

    def ended(self, association: Association) -> None:
        """The association's thread is at its end: say how it ended."""
        self.waiting.leave(association.peer, association.line)
        caller = association.caller
        with self._lock:
            if association in self._admitted:
                self._admitted.discard(association)
                self._peers[association.peer] -= 1
                if not self._peers[association.peer]:
                    del self._peers[association.peer]
        if caller is not None:
            outcome = "done" if association.is_released else "aborted"
            if association.reason == "no_service_accepted":
                outcome = "refused"
            self._note(association, outcome, caller.project, caller.calling_ae, caller.called_ae)
        elif association.reason not in REJECTIONS and not self._is_a_check(association):
            self._note(association, "aborted", None, "", "")
        connection.close()
        with self._lock:
            self._open.discard(association)

    def _is_a_check(self, association: Association) -> bool:
        """Health, the node's page, a balancer or a monitor looked whether the port answers."""
        if association.reason == "looked_at":
            return True
        return association.reason == "nothing_sent" and is_within(
            association.peer, [*self._checkers, *self._balancers]
        )

    def _note(
        self,
        association: Association,
        outcome: str,
        project: Project | None,
        calling: str,
        called: str,
    ) -> None:
        try:
            self.commits.run(
                lambda: services.note_association(
                    service("node"),
                    project,
                    outcome=outcome,
                    calling_ae=calling,
                    called_ae=called,
                    peer=association.peer,
                    stored=association.stored,
                    refused=association.refused,
                    duration_s=time.monotonic() - association.began,
                    reason=association.reason,
                )
            )
        except DatabaseError:
            logger.error("association not recorded", extra={"reason": association.reason})
