"""The ways in which a name, a date or a number may be written, as text and as bytes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from apps.deid.domain.text import fold, squash

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
}
_OTHER_ENCODINGS = (
    "latin-1", "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_8", "iso8859_9", "cp1251", "cp1250",
    "gb18030", "shift_jis", "euc_jp", "iso2022_jp", "euc_kr", "big5", "tis_620", "iso8859_6",
)  # fmt: skip


def date_spellings(value: str) -> set[str]:
    """About thirty spellings of a date given as YYYYMMDD; the text itself when it is no date."""
    try:
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return {value}
    y, m, d = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    short_m, short_d = str(day.month), str(day.day)
    found = {f"{y}年{m}月{d}日", f"{y}年{short_m}月{short_d}日"}
    for sep in ("", "-", ".", "/", "_", " ", ":"):
        found |= {sep.join(parts) for parts in ((y, m, d), (d, m, y), (m, d, y), (y, d, m))}
        if sep:
            found |= {sep.join((short_d, short_m, y)), sep.join((short_m, short_d, y))}
            found.add(sep.join((y, short_m, short_d)))
    for names in _MONTHS.values():
        full = names.split()[day.month - 1]
        for name in (full, full[:3]):
            for dd in (d, short_d):
                found |= {f"{dd} {name} {y}", f"{dd}-{name}-{y}", f"{dd}. {name} {y}"}
                found |= {f"{dd}{name}{y}", f"{name} {dd}, {y}", f"{name} {dd} {y}"}
                found.add(f"{dd}/{name}/{y}")
    return found


def name_spellings(value: str) -> set[str]:
    """A person name (PN with ^ and =, or plain) by parts, and family and given in each order."""
    found: set[str] = set()
    for group in value.split("="):
        parts = [part.strip() for part in re.split(r"[\^,]", group)]
        if len(parts) == 1 and " " in parts[0]:
            parts = parts[0].split()
        parts = [part for part in parts if part]
        found.update(parts)
        found.update(word for part in parts for word in part.split())
        for first, second in pairwise(parts):
            for sep in ("^", " ", ", ", ",", "_", "-", ".", "", "/", "\\", "+", "%20", "%5E"):
                found.add(f"{first}{sep}{second}")
                found.add(f"{second}{sep}{first}")
        if len(parts) > 2:
            found |= {"^".join(parts), " ".join(parts), "".join(parts)}
    return {spelling for spelling in found if spelling}


def number_spellings(value: str) -> set[str]:
    """An ID or number as given, without its separators, and with others in their place."""
    groups = [group for group in re.split(r"[\s\-./_:]+", value) if group]
    found = {value, squash(value), *digit_runs(value, 8)}
    if len(groups) > 1:
        found |= {sep.join(groups) for sep in ("", "-", ".", "/", "_", " ", ":")}
    return {spelling for spelling in found if spelling}


def digit_runs(value: str, least: int) -> list[str]:
    """The runs of at least `least` digits in an ID ("MRN-4711885" has one), not all alike; also
    the one that separators part ("MRN-471-1885")."""
    joined = "".join(re.findall(r"\d+", value))
    runs = dict.fromkeys([*re.findall(rf"\d{{{least},}}", value), joined])
    return [run for run in runs if least <= len(run) and len(set(run)) > 2]


def is_long_enough_for_raw(text: str) -> bool:
    """At least 6 letters or 8 digits (or 8 of both): rare enough to search compressed bytes for."""
    letters = sum(char.isalpha() for char in text)
    digits = sum(char.isdigit() for char in text)
    folded = squash(text)
    return (letters >= 6 or digits >= 8 or letters + digits >= 8) and len(set(folded)) > 2


def spellings_of(kind: str, value: str) -> set[str]:
    """All spellings to search for of one harvested value."""
    if kind == "name":
        return name_spellings(value)
    if kind == "date":
        return date_spellings(value)
    if kind in ("id", "phone", "device", "time"):
        return number_spellings(value)
    return {value}


def case_variants(text: str) -> set[str]:
    """The text as it is, upper, lower, title case, and each without accents."""
    cases = {text, text.upper(), text.lower(), text.title()}
    if text.isascii():
        return cases
    plain = fold(text)
    return cases | {plain, plain.upper(), plain.title()}


def caseless_patterns(text: str) -> Iterator[bytes]:
    """Byte patterns for a search that ignores ASCII case: character sets, UTF-16 and hex."""
    for variant in {text.lower()} if text.isascii() else case_variants(text):
        yield variant.encode("utf-8")
        yield (
            variant.encode("utf-16-be").strip(b"\x00")
            if variant.isascii()
            else variant.encode("utf-16-be")
        )
        if not variant.isascii():
            yield variant.encode("utf-16-le")
            for encoding in _OTHER_ENCODINGS:
                try:
                    yield variant.encode(encoding)
                except UnicodeEncodeError:
                    continue
    for variant in case_variants(text):
        yield variant.encode("utf-8").hex().encode("ascii")
        if len(variant) <= 64:
            yield variant.encode("utf-16-le").hex().encode("ascii")


def base64_patterns(text: str) -> Iterator[bytes]:
    """Base64 of the text in its three alignments, ends cut where neighbours would change them."""
    for variant in case_variants(text):
        for data in {variant.encode("utf-8"), variant.encode("utf-16-le")}:
            for shift in range(3):
                encoded = base64.b64encode(b"\x00" * shift + data)
                start = (0, 2, 3)[shift]
                whole = (len(data) + shift) // 3 * 4
                if whole - start >= 8:
                    yield encoded[start:whole]


def patterns_of(kind: str, value: str) -> tuple[set[bytes], set[bytes]]:
    """(patterns to be found in any case, base64 patterns to be found as they are) of one value."""
    caseless: set[bytes] = set()
    exact: set[bytes] = set()
    for spelling in spellings_of(kind, value):
        if not is_long_enough_for_raw(spelling):
            continue
        for pattern in caseless_patterns(spelling):
            if len(pattern) >= 6:
                caseless.add(pattern.lower())
        if kind != "date" or "-" in spelling or spelling.isdigit() or "/" in spelling:
            exact.update(base64_patterns(spelling))
    return caseless, exact
