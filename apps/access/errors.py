"""Refusals: what a person or program is told when something may or can not be done.

A message names the field, the value's kind and the remedy; never a value that could identify.
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A clear refusal. ``status`` is the HTTP status a door answers with."""

    status = 400

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str = "",
        *,
        field: str | None = None,
        status: int | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy, self.field = code, message, remedy, field
        self.details = details
        if status is not None:
            self.status = status

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": self.code, "message": self.message, "remedy": self.remedy}
        if self.field is not None:
            body["field"] = self.field
        return {"error": {**body, **self.details}}


class NotFound(Refused):
    """There is nothing here for this person: the same answer whether it exists or not."""

    status = 404

    def __init__(self, message: str = "There is nothing here that you may see.") -> None:
        super().__init__("not_found", message, "Check the address, or ask the project lead.")


class Forbidden(Refused):
    status = 403

    def __init__(self, message: str, remedy: str = "Ask the project lead for the role.") -> None:
        super().__init__("forbidden", message, remedy)


class Conflict(Refused):
    status = 409


class Locked(Refused):
    status = 423
