"""Shifting of dates, times and ages (PS3.5 section 6.2: DA, TM, DT, AS).

An offset is in whole seconds. Its whole days (rounded down) move a lone date, the rest of the day
moves a lone time, and a date with its time moves by both, so midnight is crossed rightly.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache

_DA = re.compile(r"(\d{4})(?:\.?(\d{2})(?:\.?(\d{2}))?)?")
_TM = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_DT = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?")
_AS = re.compile(r"(\d{3})([DWMY])")
_DAY_S = 86_400


def _moved(moment: datetime, offset_s: int) -> datetime | None:
    try:
        return moment + timedelta(seconds=offset_s)
    except OverflowError:
        return None


@lru_cache(4096)
def shift_date(value: str, offset_s: int) -> str | None:
    """A lone DA moved by the whole days of the offset; partial stays partial; None: impossible."""
    match = _DA.fullmatch(value.strip())
    if match is None:
        return None
    year, month, day = match.groups()
    try:
        start = date(int(year), int(month or 1), int(day or 1))
        moved = start + timedelta(days=offset_s // _DAY_S)
    except (ValueError, OverflowError):
        return None
    length = 4 + 2 * (month is not None) + 2 * (day is not None)
    return f"{moved.year:04d}{moved:%m%d}"[:length]


def _time_parts(value: str) -> tuple[timedelta, int, str] | None:
    match = _TM.fullmatch(value.strip())
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        return None
    length = 2 + 2 * (minute is not None) + 2 * (second is not None)
    span = timedelta(hours=int(hour), minutes=int(minute or 0), seconds=int(second or 0))
    return span, length, f".{fraction}" if fraction else ""


@lru_cache(4096)
def shift_time(value: str, offset_s: int) -> str | None:
    """A lone TM moved by the part of a day; precision and fraction stay; None: impossible."""
    parts = _time_parts(value)
    if parts is None:
        return None
    span, length, fraction = parts
    total = (int(span.total_seconds()) + offset_s) % _DAY_S
    text = f"{total // 3600:02d}{total // 60 % 60:02d}{total % 60:02d}"
    return text[:length] + fraction


@lru_cache(4096)
def shift_date_and_time(da: str, tm: str, offset_s: int) -> tuple[str | None, str | None]:
    """A DA and the TM that belongs to it, moved together. Each falls back to moving alone."""
    match = _DA.fullmatch(da.strip())
    parts = _time_parts(tm)
    if match is None or match.group(3) is None or parts is None:
        return shift_date(da, offset_s), shift_time(tm, offset_s)
    span, length, fraction = parts
    try:
        moment = datetime(*(int(part) for part in match.groups())) + span  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None, shift_time(tm, offset_s)
    moved = _moved(moment, offset_s)
    if moved is None:
        return None, shift_time(tm, offset_s)
    return (
        f"{moved.year:04d}{moved:%m%d}",
        f"{moved:%H%M%S}"[:length] + fraction,
    )


def zone_minutes(zone: str | None) -> int | None:
    """Minutes east of UTC of "&ZZXX"; None when absent or impossible (PS3.5: -1200 to +1400)."""
    if not zone or re.fullmatch(r"[+-]\d{4}", zone.strip()) is None:
        return None
    zone = zone.strip()
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    minutes = -minutes if zone[0] == "-" else minutes
    return minutes if -720 <= minutes <= 840 and int(zone[3:5]) < 60 else None


@lru_cache(4096)
def shift_datetime(value: str, offset_s: int, local_zone: str | None = None) -> str | None:
    """A DT moved, without zone: one with a zone is first converted to `local_zone` ("+0100").

    Partial stays partial (a year moves as its first moment). None: impossible.
    """
    match = _DT.fullmatch(value.strip())
    if match is None:
        return None
    *parts, fraction, zone = match.groups()
    given = [part for part in parts if part is not None]
    if any(part is not None for part in parts[len(given) :]):
        return None
    year, month, day, hour, minute, second = [int(p) for p in given] + [1, 1, 1, 0, 0, 0][
        len(given) :
    ]
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    own, local = zone_minutes(zone), zone_minutes(local_zone)
    correction_s = (local - own) * 60 if own is not None and local is not None else 0
    if len(given) < 4:
        offset_s = offset_s // _DAY_S * _DAY_S
        correction_s = 0
    moved = _moved(moment, offset_s + correction_s)
    if moved is None:
        return None
    text = f"{moved.year:04d}{moved:%m%d%H%M%S}"[: 2 + 2 * len(given)]
    return text + (f".{fraction}" if fraction and len(given) == 6 else "")


def cap_age(value: str, cap_years: int = 90) -> str | None:
    """An AS with ages of `cap_years` and more written as the cap ("090Y"). None: not an age."""
    match = _AS.fullmatch(value.strip())
    if match is None:
        return None
    count, unit = int(match.group(1)), match.group(2)
    years = count / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[unit]
    return f"{cap_years:03d}Y" if years >= cap_years else value.strip()
