"""C-GET into the vault: where pynetdicom, as a client, is bent.

In its chunked mode pynetdicom writes each C-STORE data set to a ``NamedTemporaryFile`` whose name
it looks up in ``pynetdicom.dimse_messages``: ``write``, ``file.flush``, ``close`` and ``name`` are
all that it uses. ``install()`` puts a streaming encryptor there, so that no plain byte of what is
pulled touches a disk.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from pynetdicom import _config, dimse_messages

from apps.intake.receiving import Incoming


class _NoFlush:
    def flush(self) -> None:
        """Durability comes once, when the instance is whole."""


class PulledInstance(Incoming):
    """An Incoming that looks like the temporary file it replaces."""

    name = "/nonexistent/streamed-to-vault"

    def __init__(self) -> None:
        super().__init__(settings.CLINICAL_ANNOT_NODE_INSTANCE_BYTES)
        self.file = _NoFlush()

    def close(self) -> None:
        """Called after the handler: what it did not finish is dropped."""
        self.abort()


def _factory(*_: Any, **__: Any) -> PulledInstance:
    return PulledInstance()


def install() -> None:
    """Receive in chunks, into the vault."""
    _config.STORE_RECV_CHUNKED_DATASET = True
    # Its own handlers put every message into words for its log, which is off: it quotes values.
    _config.LOG_HANDLER_LEVEL = "none"
    dimse_messages.NamedTemporaryFile = _factory  # type: ignore[attr-defined, assignment]
