"""The PROXY header: what it says, how far it is read, and what is no header."""

from __future__ import annotations

import io
import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.intake.domain.proxy_header import SIGNATURE, ProxyHeaderError, read


def binary(source: str, *, command: int = 1, more: bytes = b"", family: int | None = None) -> bytes:
    """Version 2, by section 2.2 of the specification."""
    where = ipaddress.ip_address(source)
    kind = family if family is not None else {4: 0x11, 6: 0x21}[where.version]
    rest = where.packed + bytes(len(where.packed)) + struct.pack(">HH", 40000, 11112) + more
    return SIGNATURE + bytes([0x20 | command, kind]) + struct.pack(">H", len(rest)) + rest


def heard(data: bytes) -> tuple[str | None, bytes]:
    """What it says, and what is left unread."""
    stream = io.BytesIO(data)

    def receive(size_bytes: int) -> bytes:
        got = stream.read(size_bytes)
        if len(got) < size_bytes:
            raise ConnectionError
        return got

    return read(receive), stream.read()


@given(st.ip_addresses(), st.binary(max_size=300), st.binary(max_size=40))
def test_the_source_is_read_and_not_a_byte_behind_the_header(source, more, behind):
    word = f"TCP{source.version}"
    line = f"PROXY {word} {source} {source} 40000 11112\r\n".encode()
    assert heard(line + behind) == (str(source), behind)
    assert heard(binary(str(source), more=more) + behind) == (str(source), behind)


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ff::1 ff::2 1 2\r\n",
        binary("10.0.0.1", command=0),
        SIGNATURE + b"\x20\x00\x00\x00",
        binary("10.0.0.1", family=0x31),
        binary("10.0.0.1", family=0x12),
    ],
)
def test_a_balancer_that_speaks_for_itself_names_nobody(header):
    assert heard(header + b"rest") == (None, b"rest")


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\x00\x00\x00\x00\xcd" + bytes(200),
        b"PROXY TCP4 somewhere 10.0.0.2 1 2\r\n",
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP4 10.0.0.1\r\n",
        b"PROXY SCTP 10.0.0.1 10.0.0.2 1 2\r\n",
        b"PROXY TCP4 " + b"1" * 200,
        SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),
        SIGNATURE + b"\x21\x11\xff\xff" + bytes(70_000),
    ],
)
def test_what_is_no_header_is_refused(header):
    with pytest.raises(ProxyHeaderError):
        heard(header)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_header_or_refused(data):
    for start in (b"", b"PROXY ", SIGNATURE):
        try:
            heard(start + data)
        except (ProxyHeaderError, ConnectionError):
            continue
