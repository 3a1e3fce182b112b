"""The header by which a TCP balancer says whose connection it passes on: PROXY protocol, versions 1
and 2 (HAProxy, "The PROXY protocol", 2020/03/05)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_START_BYTES = len(SIGNATURE)
# Section 2.1: the longest line, with its end.
_LINE_BYTES = 107
# Section 2.2: addresses and what a balancer may add; ours are a few dozen bytes.
_REST_BYTES = 4096
# Neither a PDU (types 1 to 7) nor a TLS handshake (22) begins so.
FIRST_BYTES = (b"P", b"\r")


class ProxyHeaderError(ValueError):
    """There is no header, or none that can be understood."""


def read(receive: Callable[[int], bytes]) -> str | None:
    """The address of who called the balancer; None where the balancer speaks for itself (its health
    check) or does not say.

    ``receive(n)`` gives exactly ``n`` bytes or raises. Reads the header and no byte more. Raises
    ProxyHeaderError.
    """
    start = receive(_START_BYTES)
    if start == SIGNATURE:
        return _binary(receive)
    if start.startswith(b"PROXY "):
        return _text(start, receive)
    raise ProxyHeaderError("no PROXY header")


def _text(start: bytes, receive: Callable[[int], bytes]) -> str | None:
    line = start
    while not line.endswith(b"\r\n"):
        if len(line) >= _LINE_BYTES:
            raise ProxyHeaderError("a PROXY line without an end")
        line += receive(1)
    words = line[:-2].decode("ascii", "replace").split(" ")
    if words[1] == "UNKNOWN":
        return None
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise ProxyHeaderError("a PROXY line of another kind")
    try:
        source = ipaddress.ip_address(words[2])
    except ValueError:
        raise ProxyHeaderError("a PROXY line without an address") from None
    if source.version != int(words[1][-1]):
        raise ProxyHeaderError("a PROXY line whose address is of another family")
    return str(source)


def _binary(receive: Callable[[int], bytes]) -> str | None:
    version_command, family, high, low = receive(4)
    size_bytes = high << 8 | low
    if version_command >> 4 != 2 or size_bytes > _REST_BYTES:
        raise ProxyHeaderError("a PROXY header of another version or too long")
    rest = receive(size_bytes)
    command = version_command & 15
    if command == 0:
        return None
    if command != 1:
        raise ProxyHeaderError("a PROXY header of another command")
    address_bytes = {0x11: 4, 0x21: 16}.get(family)
    if address_bytes is None:
        return None
    if size_bytes < 2 * address_bytes + 4:
        raise ProxyHeaderError("a PROXY header shorter than its addresses")
    return str(ipaddress.ip_address(rest[:address_bytes]))
