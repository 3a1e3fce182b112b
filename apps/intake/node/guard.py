"""What bounds a peer: how much it may announce, how long a PDU may take, how many may wait."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict

from apps.intake.domain import proxy_header
from apps.intake.domain.upper_layer import KNOWN_PDUS, BrokenMessageError

MAX_PDU_BYTES = 1 << 18
# What a peer may announce, by PDU type: A-ASSOCIATE-RQ is as long as its 128 contexts with every
# transfer syntax make it (170 KB); the slack is for senders that count the PDU's header too.
LIMITS_BYTES = {
    0x01: MAX_PDU_BYTES,
    0x02: MAX_PDU_BYTES,
    0x03: 1024,
    0x04: MAX_PDU_BYTES + 1024,
    0x05: 1024,
    0x06: 1024,
    0x07: 1024,
}
REQUEST_S = 5.0
PDU_S = 30.0
# After the last word: how long the peer has to take it and close.
GOODBYE_S = 1.0
WAITING_A_PEER = 32
_FIRST_BUFFER_BYTES = 1 << 15
# Of a peer that sends much: several of its PDUs come with one look at the socket.
_BUFFER_BYTES = 1 << 19


class LongPduError(OSError):
    """More was announced than is allowed; nothing of it was read."""


class UnknownPduError(BrokenMessageError):
    """A PDU type that the standard does not know."""

    reason = 1


class Line:
    """One connection, read PDU by PDU into a buffer that is used again and again."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.received_bytes = 0
        self._held = memoryview(bytearray(_FIRST_BUFFER_BYTES))
        self._start = self._end = 0

    def secure(self, context: ssl.SSLContext, within_s: float) -> None:
        """The TLS handshake. Raises OSError (``ssl.SSLError`` is one), EOFError when the peer has
        closed without a byte."""
        self.socket.settimeout(within_s)
        if not self.socket.recv(1, socket.MSG_PEEK):
            raise EOFError
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def announced(self, within_s: float, *, is_needed: bool) -> str | None:
        """Whom a balancer passes on, from its PROXY header; None without one, where it need not be.
        Raises ProxyHeaderError, OSError, EOFError when the peer has closed without a byte."""
        deadline = time.monotonic() + within_s
        self.socket.settimeout(within_s)
        first = self.socket.recv(1, socket.MSG_PEEK)
        if not first:
            raise EOFError
        if first not in proxy_header.FIRST_BYTES and not is_needed:
            return None

        def receive(size_bytes: int) -> bytes:
            got = b""
            while len(got) < size_bytes:
                self.socket.settimeout(max(0.001, deadline - time.monotonic()))
                if not (piece := self.socket.recv(size_bytes - len(got))):
                    raise ConnectionError("the connection ended in the middle of a PROXY header")
                got += piece
            return got

        return proxy_header.read(receive)

    def next_pdu(self, idle_s: float, whole_s: float) -> tuple[int, memoryview]:
        """Type and payload of the next PDU; the payload is good until the next call.

        Raises EOFError when the peer has closed between two PDUs, ConnectionError in the middle of
        one, TimeoutError when its first byte does not come within ``idle_s`` or all of it within
        ``whole_s`` from then, LongPduError, UnknownPduError.
        """
        if self._start == self._end and not self._fill(time.monotonic() + idle_s):
            raise EOFError
        deadline = time.monotonic() + whole_s
        self._need(6, deadline)
        kind, announced = struct.unpack_from(">BxL", self._held, self._start)
        if kind not in KNOWN_PDUS:
            raise UnknownPduError("unknown PDU type")
        if announced > LIMITS_BYTES[kind]:
            raise LongPduError("a PDU longer than allowed was announced")
        self._need(6 + announced, deadline)
        payload = self._held[self._start + 6 : self._start + 6 + announced]
        self._start += 6 + announced
        return kind, payload

    def _need(self, size_bytes: int, deadline: float) -> None:
        if self._start + size_bytes > len(self._held):
            rest = self._held[self._start : self._end]
            if size_bytes > len(self._held):
                self._held = memoryview(bytearray(max(size_bytes, _BUFFER_BYTES)))
            # Over what was read before: the payload given last is done with.
            self._held[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        while self._end - self._start < size_bytes:
            if not self._fill(deadline):
                raise ConnectionError("the connection ended in the middle of a PDU")

    def _fill(self, deadline: float) -> int:
        if self._start == self._end:
            self._start = self._end = 0
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the PDU took too long")
        self.socket.settimeout(left_s)
        read = self.socket.recv_into(self._held[self._end :])
        self._end += read
        self.received_bytes += read
        return read

    def has_news(self, within_s: float) -> bool:
        """Whether there is something to read, or the end of the connection."""
        if self._start != self._end:
            return True
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        watched = select.poll()
        watched.register(self.socket, select.POLLIN)
        return bool(watched.poll(round(within_s * 1000)))

    def send(self, pdu: bytes) -> None:
        """A peer that does not read is let go. Raises OSError."""
        self.socket.settimeout(REQUEST_S)
        self.socket.sendall(pdu)

    def last_word(self, pdu: bytes) -> None:
        """Send a PDU after which the peer closes (PS3.8 state 13), and give it a moment: closing
        over unread bytes would take the PDU away from it."""
        try:
            self.send(pdu)
            deadline = time.monotonic() + GOODBYE_S
            while (left_s := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left_s)
                if not self.socket.recv_into(self._held):
                    return
        except OSError:
            return

    def interrupt(self, how: int = socket.SHUT_RD) -> None:
        """Wake the thread that reads, from another one: it finds the connection at its end."""
        try:
            # Not SSLSocket.shutdown, which drops the session under the reader's feet.
            socket.socket.shutdown(self.socket, how)
        except OSError:
            return

    def close(self) -> None:
        self.socket.close()


class WaitingRoom:
    """Connections that have not asked for an association yet. A peer may have ``WAITING_A_PEER`` of
    them; one more costs it its oldest, so that what it sends properly is still heard."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, Line]] = defaultdict(dict)
        self._lock = threading.Lock()

    def enter(self, peer: str, line: Line) -> None:
        with self._lock:
            held = self._waiting[peer]
            dropped = held.pop(next(iter(held))) if len(held) >= WAITING_A_PEER else None
            held[id(line)] = line
        if dropped is not None:
            dropped.interrupt(socket.SHUT_RDWR)

    def leave(self, peer: str, line: Line) -> None:
        with self._lock:
            if peer not in self._waiting:
                return
            self._waiting[peer].pop(id(line), None)
            if not self._waiting[peer]:
                del self._waiting[peer]
