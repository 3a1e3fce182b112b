"""The one seam into pynetdicom: what it would write to a plain temporary file goes to the vault.

In its chunked mode pynetdicom writes each C-STORE data set to a ``NamedTemporaryFile`` whose name
it looks up in ``pynetdicom.dimse_messages``: ``write``, ``file.flush``, ``close`` and ``name`` are
all that it uses. ``install()`` puts a streaming encryptor there; a test holds it to the pinned
version and to the promise that no plain byte is found on disk.
"""

from __future__ import annotations

from typing import Any

from pynetdicom import _config, dimse_messages

from apps.intake.receiving import Incoming


class _NoFlush:
    def flush(self) -> None:
        """Durability comes once, when the instance is whole."""


class StreamedInstance(Incoming):
    """An Incoming that looks like the temporary file it replaces."""

    name = "/nonexistent/streamed-to-vault"

    def __init__(self) -> None:
        super().__init__()
        self.file = _NoFlush()

    def close(self) -> None:
        """Called after the handler: what it did not finish is dropped."""
        self.abort()


def _factory(*_: Any, **__: Any) -> StreamedInstance:
    return StreamedInstance()


def unfinished(association: Any) -> list[StreamedInstance]:
    """What arrived of an association that has ended: the message being read, and whole messages
    that no handler has taken."""
    dimse = association.dimse
    held = [getattr(dimse.message, "_data_set_file", None)]
    held += [getattr(item, "_dataset_file", None) for _, item in list(dimse.msg_queue.queue)]
    return [item for item in held if isinstance(item, StreamedInstance)]


def install() -> None:
    """Receive in chunks, into the vault, of every storage class."""
    _config.STORE_RECV_CHUNKED_DATASET = True
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    # Its own handlers put every message into words for its log, which is off: it quotes values.
    _config.LOG_HANDLER_LEVEL = "none"
    dimse_messages.NamedTemporaryFile = _factory  # type: ignore[attr-defined, assignment]
