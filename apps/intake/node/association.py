"""One association, in one thread, from its first byte to its last (PS3.8 section 9.2, acceptor).

States: asked for (a request within ``guard.REQUEST_S``), established (C-STORE, C-ECHO and N-ACTION,
one at a time; between two messages the N-EVENT-REPORTs that are ready go out), over. Whatever ends
it, what was not finished of an instance is dropped.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error as DatabaseError

from apps.intake.domain import upper_layer as wire
from apps.intake.domain.header_facts import UnreadableHeader
from apps.intake.domain.proxy_header import ProxyHeaderError
from apps.intake.node import commitment, guard, negotiation, tls
from apps.intake.node.commits import put_connection_away
from apps.intake.node.negotiation import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION, Context
from apps.intake.pacs import committing
from apps.intake.receiving import DiskFullError, Incoming, TooLargeError, take
from apps.keys.keyring import KeyDestroyedError

if TYPE_CHECKING:
    from apps.intake.node.server import Caller, Node

logger = logging.getLogger(__name__)

# So often a thread that waits for its peer looks whether a report is ready.
_LOOK_S = 0.05

SUCCESS, NO_ROOM, MISMATCH, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
CLASS_NOT_SUPPORTED, UNRECOGNIZED_OPERATION, FAILED = 0x0122, 0x0211, 0xC211


class Association:
    """``run`` is the thread; ``interrupt`` may be called from another one."""

    def __init__(
        self, node: Node, line: guard.Line, peer: str, context: ssl.SSLContext | None
    ) -> None:
        self._node, self.line, self._tls = node, line, context
        self.peer = peer
        self.caller: Caller | None = None
        self.is_released = self._is_answered = False
        self.reason = ""
        self.stored = self.refused = 0
        self.began = time.monotonic()
        self._contexts: dict[int, Context] = {}
        self._command_bytes = bytearray()
        self._command: wire.Command | None = None
        self._context_id = 0
        self._max_pdu_bytes = 0
        self._incoming: Incoming | None = None
        self._information: bytearray | None = None
        self._reports = commitment.Reports()
        self.thread = threading.Thread(target=self.run, name="association", daemon=True)

    @property
    def received_bytes(self) -> int:
        return self.line.received_bytes

    def certificate(self) -> frozenset[str] | None:
        """None without TLS, else what the client's certificate says of itself."""
        held = self.line.socket
        return tls.says(held) if isinstance(held, ssl.SSLSocket) else None

    @property
    def is_in_message(self) -> bool:
        return self._command is not None or bool(self._command_bytes)

    @property
    def is_useless(self) -> bool:
        """It stands, but nothing that the peer asked for is offered here."""
        return self.caller is not None and self._is_answered and not self._contexts

    def interrupt(self) -> None:
        self.line.interrupt()

    def run(self) -> None:
        try:
            if self._node.is_balancer(self.peer):
                self._hear_whose()
            if self._tls is not None:
                self.line.secure(self._tls, guard.REQUEST_S)
            if self._open():
                self._serve()
        except ProxyHeaderError:
            self.reason = "no_proxy_header"
        except ssl.SSLCertVerificationError:
            self.reason = "tls_certificate_refused"
        except ssl.SSLError:
            self.reason = "tls_failed"
        except wire.BrokenMessageError as error:
            self.reason = self.reason or "broken_traffic"
            self.line.last_word(wire.abort_pdu(2, error.reason))
        except guard.LongPduError:
            self.reason = "too_long_a_pdu"
        except EOFError:
            self._cut_off()
        except TimeoutError:
            self.reason = "timed_out"
            if self.caller is not None:
                self.line.last_word(wire.abort_pdu(2, 0))
        except OSError:
            self.reason = self._lost
        except Exception as error:
            # Its text may quote what was received.
            logger.error("association failed", extra={"error": type(error).__name__})
            self.reason = "failed"
        finally:
            if self._incoming is not None:
                self._incoming.abort()
            if self.is_useless and self.reason in ("", "connection_lost", "peer_aborted"):
                self.reason = "no_service_accepted"
            self._reports.end()
            self.line.close()
            self._node.ended(self)

    def _hear_whose(self) -> None:
        """Take the caller's address from the balancer in front of us. Our own looks come without
        one from this machine."""
        source = self.line.announced(guard.REQUEST_S, is_needed=not self._is_from_here)
        if source is not None:
            self._node.waiting.leave(self.peer, self.line)
            self.peer = source
            self._node.waiting.enter(source, self.line)

    def _cut_off(self) -> None:
        if self._node.is_stopping:
            self.reason = "node_stopped"
            self.line.last_word(wire.abort_pdu(0, 0))
        else:
            self.reason = self._lost

    @property
    def _is_from_here(self) -> bool:
        return self.peer == self.line.socket.getsockname()[0]

    @property
    def _lost(self) -> str:
        return "connection_lost" if self.received_bytes else "nothing_sent"

    def _open(self) -> bool:
        """Negotiate; whether the association stands."""
        kind, payload = self.line.next_pdu(guard.REQUEST_S, guard.REQUEST_S)
        if kind != wire.ASSOCIATE_RQ:
            is_look = kind == wire.ABORT and bytes(payload) == wire.LOOK[6:]
            self.reason = "looked_at" if is_look and self._is_from_here else "no_request"
            if kind != wire.ABORT:
                self.line.last_word(wire.abort_pdu(2, 2))
            return False
        request = negotiation.read_request(payload)
        self._node.waiting.leave(self.peer, self.line)
        refusal = self._node.admit(self, request)
        if refusal is not None:
            self.line.last_word(wire.reject_pdu(*refusal))
            return False
        assert self.caller is not None
        commits = committing.is_on(self.caller.project)
        answer, self._contexts = negotiation.accept(request, commits=commits)
        self._max_pdu_bytes = negotiation.max_pdu_of(request)
        self._is_answered = True
        self.line.send(answer)
        return True

    def _serve(self) -> None:
        while True:
            if self._node.is_stopping and not self.is_in_message:
                raise EOFError
            if self._reports.are_awaited and not self.is_in_message:
                self._report()
            kind, payload = self.line.next_pdu(self._node.idle_s, guard.PDU_S)
            if kind == wire.P_DATA:
                self._take_fragments(payload)
            elif kind == wire.RELEASE_RQ:
                self.is_released = True
                if self.is_in_message:
                    self.reason = "broken_traffic"
                self.line.last_word(wire.RELEASE_RP)
                return
            elif kind == wire.ABORT:
                self.reason = "peer_aborted"
                return
            else:
                raise wire.UnexpectedPduError("a PDU that does not belong here")

    def _report(self) -> None:
        """Send reports as they get ready, until the peer says something. Raises TimeoutError."""
        deadline = time.monotonic() + self._node.idle_s
        while self._reports.are_awaited:
            for report in self._reports.ready():
                for pdu in report.pdus(self._max_pdu_bytes):
                    self.line.send(pdu)
            if self.line.has_news(_LOOK_S):
                return
            if time.monotonic() > deadline:
                raise TimeoutError

    def _take_fragments(self, payload: memoryview) -> None:
        for context_id, is_command, is_last, piece in wire.fragments(payload):
            if context_id not in self._contexts:
                raise wire.BrokenMessageError("a context that was not accepted")
            if is_command:
                self._take_command(context_id, piece, is_last)
                continue
            if self._command is None or context_id != self._context_id:
                raise wire.BrokenMessageError("a data set without its command")
            if self._incoming is not None:
                self._incoming.write(piece)
            if self._information is not None:
                commitment.keep(self._information, piece)
            if is_last:
                self._finish()

    def _take_command(self, context_id: int, piece: memoryview, is_last: bool) -> None:
        if self._command is not None or (self._command_bytes and context_id != self._context_id):
            raise wire.BrokenMessageError("a command within another message")
        self._context_id = context_id
        self._command_bytes += piece
        if len(self._command_bytes) > wire.MAX_COMMAND_BYTES:
            raise wire.BrokenMessageError("a command that does not end")
        if not is_last:
            return
        self._command = wire.read_command(bytes(self._command_bytes))
        self._command_bytes.clear()
        if self._is_action(self._command):
            self._information = bytearray()
        if not self._command.has_data_set:
            self._finish()
        elif self._is_storable(self._command):
            self._incoming = Incoming(settings.CLINICAL_ANNOT_NODE_INSTANCE_BYTES)
            self._incoming.write(
                wire.file_start(
                    self._command.sop_class_uid,
                    self._command.sop_instance_uid,
                    self._contexts[context_id].transfer_syntax,
                    IMPLEMENTATION_UID,
                    IMPLEMENTATION_VERSION,
                )
            )

    @property
    def _abstract_syntax(self) -> str:
        return self._contexts[self._context_id].abstract_syntax

    def _is_action(self, command: wire.Command) -> bool:
        is_ours = self._abstract_syntax == negotiation.COMMITMENT
        return command.field == wire.N_ACTION_RQ and is_ours

    def _is_storable(self, command: wire.Command) -> bool:
        uids = (command.sop_class_uid, command.sop_instance_uid)
        return (
            command.field == wire.C_STORE_RQ
            and self._abstract_syntax not in negotiation.NOT_STORAGE
            and all(0 < len(uid) <= wire.MAX_UID_CHARACTERS for uid in uids)
        )

    def _finish(self) -> None:
        """The message is whole: answer it."""
        command, incoming = self._command, self._incoming
        assert command is not None
        self._incoming = None
        try:
            if command.field == wire.C_CANCEL_RQ:
                return
            if command.field == wire.N_EVENT_REPORT_RSP:
                self._reports.answered(command.message_id, command.kind)
                return
            status = self._status_of(command, incoming)
        finally:
            self._command = self._information = None
            if incoming is not None:
                incoming.abort()
        self.line.send(wire.answer_pdu(self._context_id, command, status, self._max_pdu_bytes))

    def _status_of(self, command: wire.Command, incoming: Incoming | None) -> int:
        if command.field == wire.C_ECHO_RQ:
            return SUCCESS
        if self._information is not None:
            return self._act(command, bytes(self._information))
        if command.field != wire.C_STORE_RQ:
            return UNRECOGNIZED_OPERATION
        if incoming is not None:
            return self._store(command, incoming)
        if self._abstract_syntax in negotiation.NOT_STORAGE:
            return CLASS_NOT_SUPPORTED
        return self._refuse(NOT_UNDERSTOOD, "cannot_understand")

    def _act(self, command: wire.Command, information: bytes) -> int:
        """Take a request for storage commitment; its answer is found meanwhile."""
        caller = self.caller
        assert caller is not None
        syntax = self._contexts[self._context_id].transfer_syntax
        status, request = commitment.take_request(
            command.sop_instance_uid,
            command.kind,
            information,
            syntax,
            self._node.commits.run,
            caller.actor,
            caller.project,
            calling_ae=caller.calling_ae,
            called_ae=caller.called_ae,
            peer=self.peer,
        )
        if request is not None:
            self._reports.find(request, self._context_id, syntax)
        return status

    def _store(self, command: wire.Command, incoming: Incoming) -> int:
        caller = self.caller
        assert caller is not None
        try:
            take(
                caller.actor,
                caller.project,
                incoming,
                calling_ae=caller.calling_ae,
                called_ae=caller.called_ae,
                peer=self.peer,
                expected=(command.sop_class_uid, command.sop_instance_uid),
                is_routed=True,
                through=self._node.commits.run,
            )
        except TooLargeError:
            return self._refuse(NO_ROOM, "instance_too_large")
        except DiskFullError:
            return self._refuse(NO_ROOM, "disk_reserve_reached")
        except UnreadableHeader:
            return self._refuse(NOT_UNDERSTOOD, "cannot_understand")
        except ValueError:
            return self._refuse(MISMATCH, "does_not_match_its_command")
        except KeyDestroyedError:
            return self._refuse(FAILED, "subject_destroyed")
        except (DatabaseError, OSError) as error:
            logger.error("instance not taken", extra={"error": type(error).__name__})
            return self._refuse(NO_ROOM, "storage_or_database_away")
        except Exception as error:
            logger.error("instance not taken", extra={"error": type(error).__name__})
            return self._refuse(FAILED, "failed")
        finally:
            # Routing asks for its rules outside the common commit.
            put_connection_away()
        self.stored += 1
        return SUCCESS

    def _refuse(self, status: int, reason: str) -> int:
        self.refused += 1
        self._node.note_refusal(self, reason)
        return status
