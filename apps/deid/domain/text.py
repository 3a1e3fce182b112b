"""Folding of text, and the words of which a kept description may consist."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from apps.deid.domain.profile import DATA_DIR

_TOKEN = re.compile(r"[^\W_]+")
_ESZETT = str.maketrans({"ß": "ss", "ẞ": "ss", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d"})


def fold(text: str) -> str:
    """Lower case without accents, compatibility forms unified ("Müller" → "muller")."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.translate(_ESZETT))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def tokens(text: str) -> list[str]:
    """Runs of letters and digits of the folded text, in order."""
    if text.isascii() and text.isalnum():
        return [text.lower()]
    return _TOKEN.findall(fold(text))


def squash(text: str) -> str:
    """The folded text's letters and digits alone: separators folded away."""
    if text.isascii() and text.isalnum():
        return text.lower()
    return "".join(tokens(text))


@lru_cache(1)
def allowed_words() -> frozenset[str]:
    """Words of `data/words.txt`."""
    lines = (DATA_DIR / "words.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@lru_cache(4096)
def is_allowed_phrase(text: str) -> bool:
    """Whether a description consists of allow-listed words, letters and short numbers alone.

    Callers must also ask the harvest: a name may be a common word.
    """
    if len(text) > 256 or any(unicodedata.category(c).startswith("C") for c in text):
        return False
    words = tokens(text)
    if sum(word.isdigit() for word in words) > 2 or sum(len(word) == 1 for word in words) > 3:
        # A name or a number may be spelled out in single letters.
        return False
    return all(
        word in allowed_words()
        or (len(word) <= 3 and word.isascii() and word.isdigit())
        or (len(word) == 1 and word.isascii())
        for word in words
    )


# Makers who are called as people are: in a description nobody can tell which of the two is meant.
_MAKERS_NAMES = frozenset({"karl", "storz", "wolf", "braun", "philips", "stryker", "zeiss"})


def may_name_somebody(text: str) -> bool:
    """Whether an allow-listed phrase holds a maker's name that is a person's as well."""
    return not _MAKERS_NAMES.isdisjoint(tokens(text))


@lru_cache(1)
def coded_terms() -> frozenset[str]:
    """Values of VR CS that may stay."""
    return frozenset((DATA_DIR / "cs-terms.txt").read_text("utf-8").split("\n")) - {""}


def is_coded_term(text: str) -> bool:
    """Whether a CS value may stay: a known term, or too short to name anybody ("01", "0001")."""
    return text in coded_terms() or re.fullmatch(r"[A-Z0-9]{1,2}|[0-9]{3,4}", text) is not None
