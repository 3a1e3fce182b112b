"""Syslog over TLS: RFC 5424 messages, framed by their length (RFC 5425)."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings

_TIMEOUT_S = 10.0
# Facility 13 (log audit), severity 5 (notice).
_PRIORITY = 13 * 8 + 5
# No number is registered for us: 32473 is the one that RFC 5612 keeps for documents.
_DATA_ID = "clinicalAnnot@32473"


class SyslogError(Exception):
    """Why a message could not be handed over, in words."""


def address() -> tuple[str, int] | None:
    """Where ``CLINICAL_ANNOT_SYSLOG`` points, or None. Raises SyslogError for anything but
    ``tls://host[:port]``."""
    text = settings.CLINICAL_ANNOT_SYSLOG
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme != "tls" or not parts.hostname:
        raise SyslogError("CLINICAL_ANNOT_SYSLOG: tls://host[:port] is expected")
    return parts.hostname, parts.port or 6514


def message(kind: str, text: str, data: dict[str, str] | None = None) -> bytes:
    """One RFC 5424 message: ``kind`` is its MSGID, ``data`` its structured data."""
    at = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    host = socket.gethostname()[:255] or "-"
    parts = "".join(f' {name}="{_escaped(value)}"' for name, value in (data or {}).items())
    structured = f"[{_DATA_ID}{parts}]" if parts else "-"
    head = f"<{_PRIORITY}>1 {at}Z {host} clinicalannot {os.getpid()} {kind} {structured} "
    # The byte order mark says UTF-8 (section 6.4).
    return head.encode() + b"\xef\xbb\xbf" + text.encode()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


class Connection:
    """Messages to one collector. Syslog answers nothing: what TCP took and TLS sealed is sent."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self._stream = stream

    def send(self, sent: bytes) -> None:
        self._stream.sendall(b"%d %s" % (len(sent), sent))


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection to the collector, its certificate checked for its host name against
    ``CLINICAL_ANNOT_SYSLOG_CA`` (else the system's authorities). Raises SyslogError."""
    where = address()
    if where is None:
        raise SyslogError("no collector is named")
    try:
        context = ssl.create_default_context(cafile=settings.CLINICAL_ANNOT_SYSLOG_CA or None)
        if settings.CLINICAL_ANNOT_SYSLOG_CERT:
            context.load_cert_chain(settings.CLINICAL_ANNOT_SYSLOG_CERT)
        with (
            socket.create_connection(where, timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=where[0]) as stream,
        ):
            yield Connection(stream)
            _close(stream)
    except ssl.SSLCertVerificationError as error:
        raise SyslogError(f"the collector's certificate: {error.verify_message}") from None
    except OSError as error:
        raise SyslogError(f"the collector does not take it ({type(error).__name__})") from None


def _close(stream: ssl.SSLSocket) -> None:
    """Wait for the collector's closing word, so that what was sent is read before the connection
    ends: with TLS 1.3 a refusal of our certificate comes only now. Some close without a word."""
    try:
        stream.unwrap()
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            raise
    except TimeoutError:
        pass
