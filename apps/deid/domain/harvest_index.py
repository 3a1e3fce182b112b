"""What a harvest's values are found by in a text: words, and phrases without separators."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from apps.deid.domain.spellings import date_spellings, digit_runs, name_spellings
from apps.deid.domain.text import allowed_words, is_allowed_phrase, squash, tokens

KINDS = (
    "name", "id", "uid", "date", "time", "ae", "phone", "address", "institution", "device",
    "private", "text",
)  # fmt: skip
STOP_WORDS = frozenset(
    word
    for words in (
        "doctor prof patient anonymous anonymized anonymised unknown removed none test null true",
        "false isom iso2 iso4 iso5 iso6 mp41 mp42 avc1 hvc1 qt lavf lavc libx264 x264 x265",
        "videohandler soundhandler handler core encoder encoded software version original primary",
        "secondary derived january february march april june july august september october",
        "november december",
        # What every result says of itself (CID 7050 and the profile's name): "Research^Subject".
        "clinicalannot application basic characteristics clean confidentiality content data dates",
        "descriptors device features graphics identity information institution modified option",
        "pixel private profile recognizable research retain safe temporal uids visual",
    )
    for word in words.split()
)


@dataclass
class Index:
    """Words, names that are common words, phrases without separators (by their first letters
    too), and what of these is a number (without leading zeros), each with its kind."""

    words: dict[str, str] = field(default_factory=dict)
    common: dict[str, str] = field(default_factory=dict)
    phrases: dict[str, str] = field(default_factory=dict)
    by_gram: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)


_Entries = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
GRAM = 6


def build_index(values: dict[str, set[str]]) -> Index:
    index = Index()
    # A value that came as several kinds counts as the first of KINDS: who before what device.
    for kind in KINDS:
        for value in values.get(kind, ()):
            words, common, phrases = _entries_of(kind, value)
            for word in words:
                index.words.setdefault(word, kind)
            for word in common:
                index.common.setdefault(word, kind)
            for phrase in phrases:
                if phrase not in index.phrases:
                    index.phrases[phrase] = kind
                    index.by_gram.setdefault(phrase[:GRAM], []).append(phrase)
    for digits, kind in (*index.words.items(), *index.phrases.items()):
        if digits.isdigit() and len(digits.lstrip("0")) >= 5:
            index.numbers.setdefault(digits.lstrip("0"), kind)
    return index


@lru_cache(4096)
def _entries_of(kind: str, value: str) -> _Entries:
    """(words, common words, phrases without separators) that one value is found by."""
    words: list[str] = []
    common: list[str] = []
    phrases: list[str] = []

    def phrase(text: str, least: int) -> None:
        squashed = squash(text)
        if len(squashed) >= least and len(set(squashed)) > 1:
            phrases.append(squashed)

    if kind == "name":
        for token in tokens(value):
            if len(token) >= 3 and not token.isdigit():
                is_common = token in STOP_WORDS or token in allowed_words()
                (common if is_common else words).append(token)
        for spelling in name_spellings(value):
            if len(tokens(spelling)) > 1 or not spelling.isascii():
                phrase(spelling, GRAM)
    elif kind == "date":
        for spelling in date_spellings(value):
            phrase(spelling, 7)
    elif kind in ("private", "text", "institution", "address"):
        if not is_allowed_phrase(value):
            phrase(value, GRAM)
        if kind in ("institution", "address"):
            for token in tokens(value):
                if len(token) >= 6 and token not in allowed_words():
                    common.append(token)
    else:
        phrase(value, GRAM)
        squashed = squash(value)
        is_short_code = 4 <= len(squashed) < GRAM and any(c.isdigit() for c in squashed)
        if is_short_code and len(set(squashed)) > 1:
            words.append(squashed)
        if kind == "time":
            # The digits of a fraction of a second are many a measure's as well.
            words += digit_runs(value.partition(".")[0], GRAM)
        elif kind != "uid":
            words += digit_runs(value, GRAM)
            phrases += digit_runs(value, 7)
    return tuple(words), tuple(common), tuple(dict.fromkeys(phrases))
