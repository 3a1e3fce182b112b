"""What bounds a peer: how much it may announce, how long a PDU may take, how many may wait.

pynetdicom reads with no deadline and buffers whatever length a PDU announces, before an association
exists too (PS3.8 section 9.3 sets no limit for A-ASSOCIATE-RQ). One silent peer would then hold its
two threads for ever, and ten of them the node.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import defaultdict
from typing import Any

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
WAITING_A_PEER = 32


class BoundedReceive:
    """Stands in for ``AssociationSocket.recv``, which pynetdicom calls for the six bytes of a PDU's
    header and again for its announced length.

    Raises OSError when too much is announced and TimeoutError when a PDU takes longer than
    ``REQUEST_S`` (association not established) or ``PDU_S``; pynetdicom takes both for a closed
    connection.
    """

    def __init__(self, association: Any) -> None:
        self._association = association
        self._deadline: float | None = None
        self._is_patient = False
        # Sending is bounded by it as well: a peer that stops reading must not hold a thread.
        association.dul.socket.socket.settimeout(REQUEST_S)

    def __call__(self, size_bytes: int) -> bytearray:
        try:
            got = self._receive(size_bytes)
        except OSError:
            self._wake()
            raise
        if len(got) < size_bytes:
            self._wake()
        return got

    def _wake(self) -> None:
        """The association waits for a request that will not come: it need not wait longer."""
        if self._association.requestor.primitive is None:
            self._association.dul.to_user_queue.put(None)

    def _receive(self, size_bytes: int) -> bytearray:
        if self._deadline is not None:
            deadline, self._deadline = self._deadline, None
            return self._read(size_bytes, deadline)
        if not self._is_patient and self._association.is_established:
            self._is_patient = True
            self._association.dul.socket.socket.settimeout(PDU_S)
        deadline = time.monotonic() + (PDU_S if self._is_patient else REQUEST_S)
        header = self._read(size_bytes, deadline)
        if len(header) == 6:
            kind, announced = struct.unpack(">BxL", header)
            if kind in LIMITS_BYTES:
                if announced > LIMITS_BYTES[kind]:
                    raise OSError("a PDU longer than allowed was announced")
                self._deadline = deadline
        return header

    def _read(self, size_bytes: int, deadline: float) -> bytearray:
        source: socket.socket | None = self._association.dul.socket.socket
        if source is None:
            raise OSError("the connection is closed")
        held = bytearray(size_bytes)
        view, got = memoryview(held), 0
        while got < size_bytes:
            if time.monotonic() > deadline:
                raise TimeoutError("the PDU took too long")
            read = source.recv_into(view[got:])
            if not read:
                break
            got += read
        view.release()
        del held[got:]
        return held


class WaitingRoom:
    """Connections that have not asked for an association yet. A peer may have ``WAITING_A_PEER`` of
    them; one more costs it its oldest, so that what it sends properly is still heard."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, socket.socket]] = defaultdict(dict)
        self._lock = threading.Lock()

    def enter(self, peer: str, connection: socket.socket) -> None:
        with self._lock:
            held = self._waiting[peer]
            dropped = held.pop(next(iter(held))) if len(held) >= WAITING_A_PEER else None
            held[id(connection)] = connection
        if dropped is not None:
            try:
                dropped.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def leave(self, peer: str, connection: socket.socket) -> None:
        with self._lock:
            self._waiting[peer].pop(id(connection), None)
            if not self._waiting[peer]:
                del self._waiting[peer]
