"""Reasons and notes that people write: whole or refused, never cut."""

from __future__ import annotations

from apps.access.errors import Refused

MOST_CHARACTERS = 400


def note_text(text: str, field: str = "reason") -> str:
    """A reason as it is stored. Raises Refused where there is none, or one that is too long."""
    said = text.strip()
    if not said:
        raise Refused("reason_missing", "A reason is needed.", "Say why.", field=field)
    if len(said) > MOST_CHARACTERS:
        raise Refused(
            "reason_too_long",
            f"The reason has {len(said)} characters; at most {MOST_CHARACTERS} are kept.",
            "Say it shorter.",
            field=field,
        )
    return said
