"""What all instances of the corpus have, and what was planted in one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import headers
from .identities import Planted, Planter
from .wire import El, number, part10, text

US, USMF = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
VL, PHOTO = "1.2.840.10008.5.1.4.1.1.77.1.1", "1.2.840.10008.5.1.4.1.1.77.1.4"
VIDEO, VIDEO_PHOTO = f"{VL}.1", f"{PHOTO}.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
SR, BASIC_SR, KOS = (f"1.2.840.10008.5.1.4.1.1.88.{n}" for n in (33, 11, 59))
GSPS, SEG = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.66.4"
_MODALITY = {US: "US", USMF: "US", VL: "ES", VIDEO: "ES", PHOTO: "XC", VIDEO_PHOTO: "XC", SR: "SR",
             BASIC_SR: "SR", KOS: "KO", GSPS: "PR", SEG: "SEG"}  # fmt: skip
ROWS, COLUMNS = 48, 64
_TABLE = Path(__file__).resolve().parents[2] / "apps/deid/data/ps3.15-table-e1-1.json"


@dataclass(frozen=True)
class Made:
    """One instance. `needs`: keyword path to the text that a researcher needs to find unchanged
    ("|" parts a path of sequences). `moments`: pairs of keywords whose distance must stay.
    `samples`: the pictures as they must come out (outside `box`); None where the judge decodes."""

    name: str
    data: bytes = field(repr=False)
    planted: tuple[Planted, ...] = field(repr=False)
    needs: dict[str, str] = field(repr=False)
    profile: str
    sop_class: str
    syntax: str
    samples: np.ndarray | None = field(default=None, repr=False)
    box: tuple[int, int, int, int] | None = None
    pictures: str = "none"
    media: bytes = field(default=b"", repr=False)


class Instance:
    """What all objects have, and what was planted in one."""

    def __init__(self, p: Planter, sop_class: str, profile: str) -> None:
        self.p, self.sop_class, self.profile = p, sop_class, profile
        self.person = p.person()
        p.avoided = _retained() if profile == "research" else frozenset()
        p.begin(self.person)
        self.needs: dict[str, str] = {}
        self.elements: list[El] = []
        self._common()

    def need(self, keyword: str, tag: int, vr: str, value: str) -> None:
        self.needs[keyword] = value
        self.elements.append(text(tag, vr, value))

    def _common(self) -> None:
        p, person = self.p, self.person
        root, word = person.uid_root, p.a_word
        self.elements += [
            text(0x00080005, "CS", "ISO_IR 100"), text(0x00080016, "UI", self.sop_class),
            text(0x00080018, "UI", f"{root}.3.{p.rng.randrange(10**6)}"),
            text(0x0020000D, "UI", f"{root}.1"), text(0x0020000E, "UI", f"{root}.2"),
            text(0x00100010, "PN", person.name), text(0x00100020, "LO", person.patient_id),
            text(0x00100030, "DA", person.birth), text(0x00101040, "LO",
                f"{word('root address')} 7"),
            text(0x00102154, "SH", person.phone[:16]), text(0x00080050, "SH", person.accession),
            text(0x00200010, "SH", p.a_number("root study ID")),
            text(0x00080080, "LO", f"{word('root institution')} Klinik"),
            text(0x00081010, "SH", word("root station name")[:15]) if self.profile == "basic"
            else text(0x00081040, "LO", word("root department")),
            text(0x00080090, "PN", word("root referring physician") + "^A"),
            text(0x00081070, "PN", word("root operator") + "^B"),
            text(0x00081050, "PN", word("root performing physician")),
            text(0x00104000, "LT", f"Call {person.phone} about {word('root patient comments')}"),
        ]  # fmt: skip
        self.need("SeriesNumber", 0x00200011, "IS", str(p.rng.randint(1, 900)))
        self.need("InstanceNumber", 0x00200013, "IS", str(p.rng.randint(1, 900)))
        self.need("Modality", 0x00080060, "CS", _MODALITY.get(self.sop_class, "OT"))
        moments = [(0x00080020, 0x00080030, "235950"), (0x00080021, 0x00080031, "235958.250000"),
                   (0x00080023, 0x00080033, "000110.5")]  # fmt: skip
        for day, clock, at in moments:
            self.elements += [text(day, "DA", person.studied), text(clock, "TM", at)]
        self.elements += [text(0x0008002A, "DT", person.studied + "235959.125000")]
        if self.profile == "research":
            self.need("ManufacturerModelName", 0x00081090, "LO", "Tower 9 X1-CV")
            self.need("Manufacturer", 0x00080070, "LO", "Towerworks AG")
            self.need("SoftwareVersions", 0x00181020, "LO", "4.2.1 R7")
            self.need("PatientSex", 0x00100040, "CS", person.sex)
            self.elements.append(text(0x00101010, "AS", person.age))
            self.needs["PatientAge"] = "090Y" if person.age > "090Y" else person.age
            self.need("PatientSize", 0x00101020, "DS", "1.71")
            self.need("PatientWeight", 0x00101030, "DS", "71.5")
            self.elements.append(text(0x00081072, "LO", person.family))
            self.elements.append(
                text(0x00102160, "SH", p.note("ethnic group, a name", person.given)[:16])
            )
        else:
            self.elements += [text(0x00081090, "LO", f"Tower {word('model name, basic')}"),
                              text(0x00101010, "AS",
                                  person.age),
                              text(0x00181000, "LO", p.a_number(
                                  "device serial number"))]  # fmt: skip
        self.need("SeriesDescription", 0x0008103E, "LO", "Colonoscopy left colon")

    def image(self, photometric: str, frames: int, bits: int = 8, stored: int = 8, signed: int = 0,
              rows: int = ROWS, columns: int = COLUMNS) -> None:  # fmt: skip
        samples = 3 if photometric.startswith(("RGB", "YBR")) else 1
        self.elements += [
            number(0x00280002, "US", samples), text(0x00280004, "CS", photometric),
            number(0x00280010, "US", rows), number(0x00280011, "US", columns),
            number(0x00280100, "US", bits), number(0x00280101, "US", stored),
            number(0x00280102, "US", stored - 1), number(0x00280103, "US", signed),
            text(0x00080008, "CS", "ORIGINAL\\PRIMARY"), text(0x00280301, "CS", "YES"),
        ]  # fmt: skip
        if samples == 3:
            self.elements.append(number(0x00280006, "US", 0))
        if (
            frames > 1
            or self.sop_class in (USMF, VIDEO, VIDEO_PHOTO)
            or self.sop_class.startswith(SC + ".")
        ):
            self.need("NumberOfFrames", 0x00280008, "IS", str(frames))
            vector = [0.0] + [33.3 + (n % 3) * 4.2 for n in range(frames - 1)]
            if frames > 1:
                self.elements.append(number(0x00280009, "AT", 0x00181065))
                self.need(
                    "FrameTimeVector", 0x00181065, "DS", "\\".join(f"{v:.1f}" for v in vector)
                )
            self.need("CineRate", 0x00180040, "IS", "27")
            self.need("RecommendedDisplayFrameRate", 0x00082144, "IS", "25")
        if self.sop_class in (US, USMF):
            self._region()
        if self.sop_class.startswith(SC):
            self.need("ConversionType", 0x00080064, "CS", "WSD")
        self.need("PixelSpacing", 0x00280030, "DS", "0.214\\0.216")
        self.need("BodyPartExamined", 0x00180015, "CS", "COLON")

    def _region(self) -> None:
        region = [
            number(0x00186012, "US", 1), number(0x00186014, "US", 1), number(0x00186016, "UL", 2),
            number(0x00186018, "UL", 0), number(0x0018601A, "UL", 16),
            number(0x0018601C, "UL", COLUMNS - 1), number(0x0018601E, "UL", ROWS - 1),
            number(0x00186024, "US", 3), number(0x00186026, "US", 3),
            number(0x0018602C, "FD", 0.0123), number(0x0018602E, "FD", 0.0124),
            number(0x00186020, "SL", 31), number(0x00186030, "UL", 5000),
        ]  # fmt: skip
        self.elements.append(El(0x00186011, "SQ", [region], self.p.rng.choice(("", "undefined"))))
        for keyword, value in (
            ("PhysicalDeltaX", "0.0123"), ("PhysicalDeltaY", "0.0124"),
            ("RegionLocationMaxX1", str(COLUMNS - 1)), ("RegionLocationMinY0", "16"),
            ("PhysicalUnitsXDirection", "3"), ("ReferencePixelX0", "31"),
        ):  # fmt: skip
            self.needs[f"SequenceOfUltrasoundRegions|{keyword}"] = value
        self.need("DepthOfScanField", 0x00185050, "IS", "140")
        self.need("MechanicalIndex", 0x00185022, "DS", "0.71")
        self.need("HeartRate", 0x00181088, "IS", "71")

    def everywhere(self, richness: int) -> None:
        """Identifiers in the places that any object has."""
        p, person, taken = self.p, self.person, {e.tag for e in self.elements}
        depth = 1 + min(p.difficulty, 3) * (1 + p.rng.randrange(2))
        more = [
            *headers.some_public(p, person, "depth 0", richness),
            *headers.private(p, person, "depth 0"), *headers.retired(p, person),
            *headers.nested(p, person, depth, max(1, richness - 1)),
            *headers.as_numbers(p, person),
        ]  # fmt: skip
        if p.rng.random() < 0.6:
            taken.discard(0x0008103E)
            self.needs.pop("SeriesDescription")
            self.elements = [e for e in self.elements if e.tag != 0x0008103E]
            more += headers.spellings(p, person)
        if self.sop_class.startswith(SC):
            self.elements = [e for e in self.elements if e.tag != 0x00080008]
            taken.discard(0x00080008)
            more.append(headers.split_numbers(p, person))
        # Of two elements with one tag the first would be lost, and what was noted with it stays
        # noted: it is then nowhere, which harms no verdict.
        fresh = {e.tag: e for e in more if e.tag not in taken}
        self.elements += fresh.values()

    def meta(self) -> list[El]:
        p, word = self.p, self.p.a_word
        return [
            text(0x00020002, "UI", self.sop_class), text(0x00020003, "UI", p.a_uid(
                "meta: instance")),
            text(0x00020012, "UI", p.a_uid("meta: implementation class")),
            text(0x00020013, "SH", word("meta: implementation version")[:16]),
            text(0x00020016, "AE", word("meta: source AE title")[:16]),
            text(0x00020017, "AE", word("meta: sending AE title")[:16]),
            text(0x00020018, "AE", word("meta: receiving AE title")[:16]),
            text(0x00020026, "UR", word("meta: source address")),
            text(0x00020100, "UI", p.a_uid("meta: private creator")),
            text(0x00020102, "OB", word("meta: private information")),
        ]  # fmt: skip

    def made(self, name: str, syntax: str, pixels: bytes | None = None, **more: Any) -> Made:
        preamble = self.p.a_word("preamble").encode()
        meta = self.meta()
        data = part10(
            headers.shuffled(self.p.rng, self.elements), meta, syntax, preamble=preamble,
            pixels=pixels, undefined=self.p.rng.random() < 0.5,
        )  # fmt: skip
        return Made(
            name,
            data,
            tuple(self.p.planted),
            self.needs,
            self.profile,
            self.sop_class,
            syntax,
            **more,
        )


_KEPT: set[int] = set()


def _retained() -> frozenset[int]:
    """Tags that the standard's table lets the research options keep as they are."""
    if not _KEPT:
        columns = ("retain_device_identity", "retain_patient_characteristics")
        for row in json.loads(_TABLE.read_text("utf-8"))["rows"]:
            if (
                "x" not in row["tag"]
                and "g" not in row["tag"]
                and any(row["options"].get(column) == "K" for column in columns)
            ):
                _KEPT.add(int(row["tag"][1:5] + row["tag"][6:10], 16))
    # Device texts that the table does not list, kept with them.
    return frozenset(_KEPT | {0x00080070, 0x00081090, 0x00181020})
