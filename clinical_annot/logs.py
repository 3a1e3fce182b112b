"""Log lines without identifiers: the event's name and named plain fields; no message of other
people's libraries, no URL, no traceback values. One line as plain text or as JSON."""

from __future__ import annotations

import json
import logging
import traceback
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

FIELDS = (
    "kind", "error", "frames", "route", "status", "method", "count", "state", "reason", "job", "ms",
)  # fmt: skip
# Their messages tell of processes and ports, never of a request.
_TRUSTED = ("apps.", "clinical_annot", "_granian", "granian")
_OURS = f"{Path(__file__).resolve().parents[1]}/"

request_id: ContextVar[str] = ContextVar("request_id", default="")


def new_request_id(offered: str = "") -> str:
    """The id a proxy offers, where it is a UUID and so can hold no name; else a new one."""
    try:
        return uuid.UUID(offered).hex
    except ValueError:
        return uuid.uuid4().hex


def frames_of(trace: TracebackType | None) -> str:
    """Where an error came from, innermost last: files, lines and functions of ours, no values."""
    own = [
        f"{frame.filename.removeprefix(_OURS)}:{frame.lineno}:{frame.name}"
        for frame in traceback.extract_tb(trace)
        if frame.filename.startswith(_OURS) and "/site-packages/" not in frame.filename
    ]
    return " < ".join(reversed(own[-6:]))


def told(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says, in order: time, level, logger, message, known fields.

    A library's message is not shown, for it may quote what a request held: its place is.
    """
    is_ours = record.name.startswith(_TRUSTED)
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": record.getMessage() if is_ours else f"at {record.module}:{record.lineno}",
    }
    if current := request_id.get():
        fields["request"] = current
    fields |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
    if not is_ours:
        fields = {name: value for name, value in fields.items() if name not in FIELDS}
    if record.exc_info and record.exc_info[0] is not None:
        fields["error"] = record.exc_info[0].__name__
        fields["frames"] = frames_of(record.exc_info[2])
    return fields


class PlainFormatter(logging.Formatter):
    """``time level logger message name=value …``"""

    def format(self, record: logging.LogRecord) -> str:
        fields = told(record)
        head = " ".join(str(fields.pop(name)) for name in ("time", "level", "logger", "message"))
        return head + "".join(f" {name}={value}" for name, value in fields.items())


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for a collector of logs."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(told(record), default=str)
