"""People, numbers and dates that are nobody's, and the ways in which records spell them."""

from __future__ import annotations

import base64
import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

_HEADS = re.findall(
    r"\w+",
    "Bral Drov Fesk Gwyl Hrad Jusk Klem Lorq Mazd Nyx Ostr Pruv Quel Rzep Skol Tvar Uzb Vlod Wrex"
    " Yark Zent",
)
_TAILS = re.findall(
    r"\w+",
    "anko ebrin idova ilgur oskar umarek ystad enrik azqui ovella ubinsk omwe ithan ezzo",
)
_SCRIPTS = {
    "ISO_IR 100": "äöüéñçßøå",
    "ISO_IR 101": "łąęśžčřő",
    "ISO_IR 144": "бдёжзиклщя",
    "ISO_IR 126": "αβγδλμρσω",
    "ISO_IR 138": "אבגדהלמש",
    "ISO_IR 127": "بتجحدرسم",
    "ISO_IR 148": "ğışöüÇ",
    "ISO_IR 166": "กขคงจชดต",
    "GB18030": "魏蔡蒋沈韩杨朱秦尤许",
    "ISO_IR 192": "魏łяقอ한かñ",
}


@dataclass(frozen=True)
class Plant:
    """One identifier: ``kind`` is the kind of place, ``needles`` what must not be found."""

    kind: str
    needles: tuple[str, ...]


@dataclass
class Sample:
    """One instance: its bytes, what was planted, and ``holds``: name to a check of (old, new)."""

    name: str
    data: bytes
    sop_class: str
    syntax: str
    profile: str
    plants: list[Plant] = field(default_factory=list)
    holds: dict[str, Callable[[Any, Any], bool]] = field(default_factory=dict)
    picture: str = "none"
    boxes: list[dict[str, Any]] = field(default_factory=list)


def made_up(rng: random.Random) -> str:
    """A name that no language has, of nine letters or more."""
    return (
        rng.choice(_HEADS) + rng.choice(_TAILS) + rng.choice("bdfgklmnprtvz") + rng.choice("aeiou")
    )


class Person:
    """A patient or somebody else, with numbers; ``text`` gives another spelling each time."""

    def __init__(self, rng: random.Random, charset: str = "") -> None:
        self.rng = rng
        self.given, self.family = made_up(rng), made_up(rng)
        letters = _SCRIPTS.get(charset, "")
        self.native = "".join(rng.choices(letters, k=4)) if letters else ""
        self.number = str(rng.randrange(10**7, 10**8 - 1))
        self.born = date(rng.randrange(1931, 2000), rng.randrange(1, 13), rng.randrange(1, 28))
        self.phone = (
            f"+{rng.randrange(30, 99)} {rng.randrange(100, 999)} {rng.randrange(10**6, 10**7)}"
        )

    @property
    def name(self) -> str:
        return f"{self.family}^{self.given}" + (f"^{self.native}" if self.native else "")

    def text(self) -> tuple[str, tuple[str, ...]]:
        """(text, needles) in one of many spellings, with or without words around it."""
        f, g, n, rng = self.family, self.given, self.number, self.rng
        d = self.born
        way = rng.randrange(16)
        if way == 0:
            return f"{g} {f}", (f, g)
        if way == 1:
            return f"{f.upper()}, {g[0]}.", (f,)
        if way == 2:
            return f"Pat. {f.lower()} geb. {d:%d.%m.%Y}", (f, f"{d:%d.%m.%Y}")
        if way == 3:
            return f"MRN {n[:2]}-{n[2:5]}-{n[5:]}", (n,)
        if way == 4:
            return f"id={n};", (n,)
        if way == 5:
            encoded = base64.b64encode(f"{g} {f}".encode()).decode()
            return encoded, (f, encoded.rstrip("="))
        if way == 6:
            encoded = n.encode().hex()
            return encoded, (n, encoded)
        if way == 7:
            return f"Tel. {self.phone}", (self.phone.replace(" ", ""),)
        if way == 8:
            return f"{d:%B} {d.day}, {d.year} {f}", (f, f"{d:%B} {d.day}, {d.year}")
        if way == 9:
            return f"{f[::1]}{g}", (f, g)
        if way == 10:
            return f"mailto:{g}.{f}@klinik.example".lower(), (f"{g}.{f}",)
        if way == 11:
            return f"{d:%Y-%m-%d}", (f"{d:%Y-%m-%d}",)
        if way == 12:
            return f"{f[0]}.{g[0]}. {n}", (n,)
        if way == 13:
            return "".join(c + "\u0301" if c in "aeiou" else c for c in f), (f,)
        if way == 14:
            return unicodedata.normalize("NFKC", f"ﬁle of {f}"), (f,)
        return f"colon {f} left", (f,)


def far_apart(rng: random.Random, count: int, forbidden_step_days: set[int]) -> list[date]:
    """Dates of which none is another moved by one of these numbers of days."""
    found: list[date] = []
    while len(found) < count:
        one = date(2001, 1, 1) + timedelta(days=rng.randrange(8000))
        if all(
            abs((one - other).days) not in forbidden_step_days and one != other for other in found
        ):
            found.append(one)
    return found
