"""Departments of the institutions that send: by a code that only who knows a name can make."""

from __future__ import annotations

from apps.keys import keyring


def code_of(name: str) -> str:
    """16 hexadecimal digits of a keyed digest of a department's name, whatever its case and spaces;
    empty for an empty name. Institutional Department Name (0008,1040) as the header has it."""
    plain = " ".join(name.split()).casefold()
    return keyring.lookup_digest("department", plain).hex()[:16] if plain else ""
