"""Unique words, numbers, dates and UIDs, and what was planted where."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date as date_of

_FIRST = ["Br", "Dr", "Fr", "Gr", "Kr", "Pl", "Tr", "Vr", "Zw", "Schm", "Wl", "Kn", "Sk", "Sw"]
_MIDDLE = ["ab", "ox", "uz", "ik", "ov", "uk", "ez", "yl", "ag", "ud", "oz", "iv"]
_LAST = ["ovsk", "quist", "zman", "rvuk", "thorp", "dzik", "nwald", "vrek", "lkof", "zurk", "pplov"]


@dataclass(frozen=True)
class Planted:
    """`needle`: what must be nowhere in the result. `form`: word, number, date or uid."""

    kind: str
    form: str
    needle: str


@dataclass
class Person:
    family: str
    given: str
    patient_id: str
    accession: str
    birth: str
    studied: str
    phone: str
    uid_root: str
    sex: str
    age: str
    zone: str = "+0100"

    @property
    def name(self) -> str:
        return f"{self.family}^{self.given}"


@dataclass
class Planter:
    """Draws identifiers and notes each; `kinds` of place are told apart by their name."""

    rng: random.Random
    difficulty: int
    used: set[str] = field(default_factory=set)
    planted: list[Planted] = field(default_factory=list)
    avoided: frozenset[int] = frozenset()

    def word(self) -> str:
        while True:
            word = (
                self.rng.choice(_FIRST)
                + "".join(self.rng.sample(_MIDDLE, 2))
                + self.rng.choice(_LAST)
            )
            if word not in self.used:
                self.used.add(word)
                return word

    def digits(self, count: int = 9) -> str:
        while True:
            number = str(self.rng.randrange(10 ** (count - 1), 10**count))
            if number not in self.used and len(set(number)) > 4:
                self.used.add(number)
                return number

    def date(self, low: int = 1921, high: int = 1961) -> str:
        while True:
            days = date_of(low, 1, 1).toordinal(), date_of(high, 12, 31).toordinal()
            # One weekday alone: a date moved by other than whole weeks is never another one.
            chosen = date_of.fromordinal(self.rng.randint(days[0] // 7 + 1, days[1] // 7) * 7)
            date = f"{chosen:%Y%m%d}"
            if date not in self.used:
                self.used.add(date)
                return date

    def person(self) -> Person:
        return Person(
            family=self.word(), given=self.word(), patient_id=f"PX-{self.digits(8)}",
            accession=f"AC{self.digits(9)}", birth=self.date(),
            studied=self.date(2011, 2019), phone=f"+49 30 {self.digits(8)}",
            uid_root=f"1.2.826.0.1.3680043.{self.digits(7)}.{self.digits(8)}",
            sex=self.rng.choice("MF"), age=self.rng.choice(("091Y", "097Y", "063Y")),
        )  # fmt: skip

    def begin(self, person: Person) -> None:
        """A new instance: the patient's own values count as planted in each."""
        self.planted = [
            Planted("root patient name", "word", person.family),
            Planted("root patient given name", "word", person.given),
            Planted("root patient ID", "number", person.patient_id[3:]),
            Planted("root accession number", "number", person.accession[2:]),
            Planted("root birth date", "date", person.birth),
            Planted("root study date", "date", person.studied),
            Planted("root telephone", "number", person.phone[-8:]),
            Planted("root UIDs", "uid", person.uid_root),
        ]

    def note(self, kind: str, needle: str, form: str = "word") -> str:
        self.planted.append(Planted(kind, form, needle))
        return needle

    def a_word(self, kind: str) -> str:
        return self.note(kind, self.word())

    def a_number(self, kind: str, count: int = 9) -> str:
        return self.note(kind, self.digits(count), "number")

    def a_uid(self, kind: str) -> str:
        root = f"1.3.6.1.4.1.{self.digits(7)}.{self.digits(8)}"
        return self.note(kind, root, "uid")
