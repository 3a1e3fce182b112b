"""What a line read in a picture is: an identifier, a clock or measurement, or unknown.

Recognition confuses letters and digits that look alike and drops or adds one: a harvested value
is looked for with one such slip. A line that consists of common words is no slip of a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .harvest import Harvest
from .harvest_index import STOP_WORDS
from .text import allowed_words, squash, tokens

HarvestMatch = Callable[[str], bool]

_LEAST_WORD, _LEAST_CODE = 5, 6
_CODE_KINDS = ("id", "phone", "device", "ae")
_ALIKE = str.maketrans("oqdlijszbg", "0001115289")

_MONTH = (
    r"(?:jan|feb|f[ée]v|mar|m[äa]r|mrz|apr|avr|abr|ma[iy]|jun|juin|jul|juil|aug|ao[uû]|ago|sep|oct|okt|ott"
    r"|out|nov|dec|dez|d[ée]c|dic|gen|mag|giu|lug|set|ene)[a-zé]{0,7}"
)
_YEAR = r"(?:(?:19|20)?\d{2})"
_DATE = re.compile(
    r"(?<!\d)(?:"
    r"\d{1,4}\s?[./\-]\s?\d{1,2}\s?[./\-]\s?\d{2,4}"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d{2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[\s.,\-/]*{_MONTH}[\s.,\-/]*{_YEAR}"
    r")(?!\d)"
    r"|(?:19|20)?\d{2}\s?年\s?\d{1,2}\s?月"
    rf"|\b{_MONTH}[\s.,\-]*\d{{1,2}}[\s.,]+(?:19|20)\d{{2}}(?!\d)"
    rf"|(?<!\d)(?:19|20)\d{{2}}[\s.,\-/]*{_MONTH}[\s.,\-/]*\d{{1,2}}(?!\d)",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"^\D{0,3}\d{1,2}[:.;]\d{2}([:.;]\d{2})?([.,:]\d+)?\D{0,3}$")
_UNIT = r"(?:mm|cm|m|ml|cc|cm2|cm²|m/s|cm/s|mmhg|db|hz|khz|mhz|fps|%|°|°c|bpm|s|ms|x)"
_LABEL = (
    r"(?:d|dist|depth|mi|ti|tis|tib|tic|fr|gain|gn|zoom|f|freq|frq|dr|hr|area|vol|ef|map|pwr|focus|ap"
    r"|wf|prf|scale)"
)
_MEASURE = re.compile(
    rf"^(?:{_LABEL}[:=.]?)?[+\-±]?\d{{1,4}}(?:[.,]\d{{1,3}})?{_UNIT}?$", re.IGNORECASE
)


def classify(text: str, harvest_match: HarvestMatch | None = None) -> str:
    """``identifier`` (a harvested value, or a date: must go), ``clock`` (time, measurement or
    scale: a reviewer may keep it) or ``unknown`` (must go unless a person keeps it)."""
    if (harvest_match and harvest_match(text)) or _DATE.search(text):
        return "identifier"
    return "clock" if is_clock_or_measure(text) else "unknown"


def is_clock_or_measure(text: str) -> bool:
    """A line of a time or of one number with a unit; five digits and more are no measurement."""
    squeezed = text.replace(" ", "")
    return bool(_CLOCK.match(squeezed) or _MEASURE.match(squeezed))


def identifier_matcher(harvest: Harvest) -> HarvestMatch:
    """Says whether a line, as recognition read it, holds a harvested value: as it stands, or with
    one letter or digit wrong, missing or too many (names of five letters, codes and numbers of six
    characters and more). A clock does not match the time of an acquisition."""
    words, codes = _near_keys(harvest)

    def match(text: str) -> bool:
        kind = harvest.find_in_text(text)
        if kind is not None and not (kind == "time" and is_clock_or_measure(text)):
            return True
        read = [token for token in tokens(text) if token not in allowed_words()]
        for token in read:
            shape = token.translate(_ALIKE)
            if len(token) >= _LEAST_WORD - 1 and any(within_one(shape, key) for key in words):
                return True
        if is_clock_or_measure(text):
            return False
        line = squash(text).translate(_ALIKE)
        return any(holds_within_one(line, key) for key in codes)

    return match


def _near_keys(harvest: Harvest) -> tuple[frozenset[str], frozenset[str]]:
    words, codes = set(), set()
    for name in harvest.values.get("name", ()):
        for token in tokens(name):
            common = token in STOP_WORDS or token in allowed_words()
            if len(token) >= _LEAST_WORD and not common:
                words.add(token.translate(_ALIKE))
        whole = squash(name)
        if len(whole) >= _LEAST_CODE + 2:
            codes.add(whole.translate(_ALIKE))
    for kind in _CODE_KINDS:
        for value in harvest.values.get(kind, ()):
            squashed = squash(value)
            if len(squashed) >= _LEAST_CODE and len(set(squashed)) > 2:
                codes.add(squashed.translate(_ALIKE))
            for run in re.findall(r"\d{6,}", value):
                if len(set(run)) > 2:
                    codes.add(run)
    return frozenset(words), frozenset(codes)


def within_one(a: str, b: str) -> bool:
    """Whether the edit distance (insert, delete, replace) of two strings is at most one."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    if len(a) == len(b):
        return a[start + 1 :] == b[start + 1 :]
    shorter, longer = sorted((a, b), key=len)
    return shorter[start:] == longer[start + 1 :]


def holds_within_one(text: str, key: str) -> bool:
    """Whether some part of ``text`` is within one edit of ``key`` (six characters and more)."""
    half = len(key) // 2
    # One edit leaves one half as it is.
    for part, before in ((key[:half], 0), (key[half:], half)):
        at = text.find(part)
        while at >= 0:
            for slip in (-1, 0, 1):
                start = at - before - (slip if before else 0)
                if start >= 0 and within_one(text[start : start + len(key)], key):
                    return True
                length = len(key) + slip
                if start >= 0 and within_one(text[start : start + length], key):
                    return True
            at = text.find(part, at + 1)
    return False
