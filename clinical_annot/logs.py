"""Log lines without identifiers: the event's name and named plain fields; no message arguments of
other people's libraries, no URL, no traceback values."""

from __future__ import annotations

import logging

_FIELDS = ("kind", "error", "route", "status", "method", "count", "state", "reason", "job", "ms")


class PlainFormatter(logging.Formatter):
    """One line: time, level, logger, message, and the known extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        # Messages of our own modules are constants; what others pass as arguments stays out.
        ours = record.name.startswith(("apps.", "clinical_annot"))
        text = record.getMessage() if ours else str(record.msg).split("\n")[0][:200]
        extra = "".join(
            f" {name}={getattr(record, name)}" for name in _FIELDS if hasattr(record, name)
        )
        if record.exc_info and record.exc_info[0] is not None:
            extra += f" exception={record.exc_info[0].__name__}"
        return f"{stamp} {record.levelname} {record.name} {text}{extra}"
