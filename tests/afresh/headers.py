"""Data sets with an identifier in any attribute of the dictionary, at any depth and encoding."""

from __future__ import annotations

import random
import re
import struct
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from pydicom import Dataset, FileMetaDataset, Sequence
from pydicom.charset import convert_encodings
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.uid import generate_uid

from .people import Person, Plant, Sample, far_apart, made_up

OFFSET_S = -101 * 86_400 - 4_321
ILE, ELE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
EBE, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"

_OWN = {
    "ReferencedFrameNumber",
    "FrameTime",
    "FrameTimeVector",
    "CineRate",
    "NumberOfFrames",
    "StartTrim",
    "RecommendedDisplayFrameRate",
    "SequenceOfUltrasoundRegions",
    "ContentSequence",
    "SOPClassUID",
    "SOPInstanceUID",
    "SpecificCharacterSet",
    "EncryptedAttributesSequence",
    "EncapsulatedDocument",
    "TimezoneOffsetFromUTC",
    "PixelRepresentation",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PixelAspectRatio",
    "Rows",
    "Columns",
    "FrameIncrementPointer",
    "Modality",
    "DataPointRows",
    "OtherPatientIDs",
    "FrameDelay",
    "ReferringPhysicianName",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "PatientSex",
    "Laterality",
    "StudyID",
    "SeriesNumber",
    "InstanceNumber",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "ManufacturerModelName",
    "Manufacturer",
}
_ATTRIBUTES = [
    (tag, entry[0].split(" or ")[0], entry[4])
    for tag, entry in DicomDictionary.items()
    if tag >> 16 not in (0, 2, 4, 0x28, 0x7FE0, 0xFFFC, 0xFFFA, 0xFFFE, 0x5400)
    and tag >> 16 not in range(0x5000, 0x5100)
    and tag >> 16 not in range(0x6000, 0x6100)
    and tag & 0xFFFF
    and entry[4] not in _OWN
    and entry[0] not in ("NONE", "")
]
_OF_VR: dict[str, list[tuple[int, str, str]]] = {}
for _one in _ATTRIBUTES:
    _OF_VR.setdefault(_one[1], []).append(_one)
_SEQUENCES = _OF_VR["SQ"]


_OF_A_DEVICE = re.compile(
    "Serial|Lens|Device|Manufacturer|Detector|Station|Software|UDI|Source|Gantry|Plate|Cassette"
    "|Performed|Scheduled|Equipment|Generator|Maker|Model|Camera|Machine|Applicator|Transducer|Probe|Filter"
    "|Algorithm|Attenuator|ModifyingSystem"
)


_PRIVATE_VRS = ["LO", "UT", "PN", "SH", "UI", "DA", "DT", "IS", "DS", "UL", "OB", "UN", "FD", "UC"]


class Planter:
    def __init__(self, rng: random.Random, charset: str, research: bool) -> None:
        self.rng, self.charset, self.research = rng, charset, research
        self.patient = Person(rng, charset)
        self.other = Person(rng, charset)
        self.plants: list[Plant] = []
        self.dates = far_apart(rng, 60, {101, 102})

    def note(self, kind: str, *needles: str) -> None:
        self.plants.append(Plant(kind, needles))

    def value(self, vr: str, place: str, tag: int) -> Any:
        """A value of this VR with an identifier in it, noted as planted at ``place``."""
        rng = self.rng
        # What the research profile keeps of a device is nobody's own word: a name that stands
        # nowhere else cannot be told from a model's.
        is_device = self.research and _OF_A_DEVICE.search(keyword_for_tag(tag))
        who = self.patient if rng.random() < 0.6 or is_device else Person(rng, self.charset)
        kind = f"{vr} of group {tag >> 16:04X} {place}"
        if vr == "PN":
            ideographic = (
                f"={who.native}^{who.native[:2]}" if who.native and rng.random() < 0.5 else ""
            )
            self.note(kind, who.family, who.given)
            return who.name + ideographic
        if vr in ("LO", "UC", "ST", "LT", "UT", "SH"):
            text, needles = who.text()
            if vr == "SH":
                text, needles = who.family[:16], (who.family[:16],)
            if vr == "LO":
                text = text[:64]
                needles = tuple(n for n in needles if n in text.replace("\u0301", "") or n in text)
                if not needles:
                    text, needles = who.family, (who.family,)
            if (
                who.native
                and self.charset != ""
                and vr != "SH"
                and rng.random() < 0.4
                and vr != "LO"
            ):
                text += " " + who.native
            text = text if self.charset in ("ISO_IR 192", "GB18030") else _ascii(text, self.charset)
            self.note(kind, *needles)
            if vr in ("ST", "LT", "UT"):
                return text.replace("\\", "/")
            return text
        if vr == "CS":
            self.note(kind, who.family)
            return who.family.upper()[:16]
        if vr == "AE":
            self.note(kind, who.family)
            return who.family[:16]
        if vr == "UR":
            self.note(kind, who.family)
            return f"https://pacs.example/{who.family}?id={who.number}"
        if vr == "UI":
            number, last = rng.randrange(10**4, 10**5), rng.randrange(10**9)
            uid = f"1.3.6.1.4.1.{number}.{self.patient.number}.{last}"
            self.note(kind, uid)
            return uid
        if vr == "AS":
            return "097Y"
        if vr in ("DA", "DT"):
            day = rng.choice(self.dates)
            self.note(kind, f"{day:%Y%m%d}")
            return f"{day:%Y%m%d}" + (f"{rng.randrange(24):02d}1537.25+0100" if vr == "DT" else "")
        if vr == "TM":
            return f"{rng.randrange(24):02d}{rng.randrange(60):02d}17.{rng.randrange(10**5, 10**6)}"
        n = self.patient.number
        if vr == "IS":
            self.note(kind, n)
            return n
        if vr == "DS":
            self.note(kind, n)
            return rng.choice([n, f"{n}.0", f"+{n}"])
        if vr in ("UL", "SL", "UV", "SV"):
            self.note(kind, f"#{n}")
            return int(n)
        if vr in ("FD",):
            self.note(kind, f"#{n}")
            return float(n)
        if vr in ("US",):
            self.note(kind, who.family)
            data = [ord(c) for c in who.family]
            return data
        if vr in ("SS", "FL", "AT"):
            return None
        text, needles = who.text()
        self.note(kind, *needles)
        data = text.encode("utf-8")
        size = {"OF": 4, "OL": 4, "OD": 8, "OV": 8, "OW": 2}.get(vr, 2)
        return data + b" " * (-len(data) % size)

    def scatter(self, ds: Dataset, count: int, place: str, depth: int = 0) -> None:
        """Plant ``count`` attributes at random, some of them in items of a random sequence."""
        rng = self.rng
        vrs = sorted(_OF_VR)
        for _ in range(count):
            vr = rng.choice(vrs)
            if vr == "SQ" and depth < 6:
                tag, _, _ = rng.choice(_SEQUENCES)
                if tag in ds:
                    continue
                item = Dataset()
                self.scatter(item, rng.randrange(2, 5), f"depth {depth + 1}", depth + 1)
                if rng.random() < 0.5:
                    item.is_undefined_length_sequence_item = True
                ds.add_new(tag, "SQ", Sequence([item]))
                ds[tag].is_undefined_length = rng.random() < 0.5
                continue
            tag, vr, _ = rng.choice(_OF_VR[vr])
            if vr == "SQ" or tag in ds:
                continue
            value = self.value(vr, place, tag)
            if value is not None:
                ds.add_new(tag, vr, value)

    def private(self, ds: Dataset) -> None:
        """A private block with each VR, a UN that holds a sequence, and a block without creator."""
        group = self.rng.choice([0x0009, 0x0019, 0x0029, 0x0099, 0x7FE1, 0x3009])
        creator = f"{self.patient.family.upper()} PRIV"
        self.note("private creator", self.patient.family)
        block = ds.private_block(group, creator, create=True)
        for number, vr in enumerate(_PRIVATE_VRS, 1):
            value = self.value(vr, "in a private block", group << 16)
            if value is not None:
                block.add_new(number, vr, value)
        inner = Dataset()
        self.scatter(inner, 3, "in a private sequence", 6)
        block.add_new(0x40, "SQ", Sequence([inner]))
        hidden = Dataset()
        hidden.PatientName = self.other.name
        hidden.PatientComments = f"{self.other.number}"
        self.note("UN with a sequence, private", self.other.family, self.other.number)
        block.add_new(0x41, "UN", _implicit_items([hidden], self.charset))
        ds.add_new(0x00111001 if group != 0x11 else 0x00131001, "LO", self.other.name)
        self.note("private element without creator", self.other.family)

    def odd(self, ds: Dataset) -> None:
        """Overlays, curves, group lengths, unknown even groups, padding, a public tag as UN."""
        o = self.other
        for group, text in ((0x6000, o.family), (0x601E, o.given)):
            ds.add_new((group, 0x0010), "US", 4)
            ds.add_new((group, 0x0011), "US", 4)
            ds.add_new((group, 0x0022), "LO", text)
            ds.add_new((group, 0x1500), "LO", text + " overlay")
            ds.add_new((group, 0x3000), "OW", (text * 3).encode().ljust(64)[:64])
            self.note("overlay", text)
        ds.add_new((0x5000, 0x2500), "LO", o.family)
        ds.add_new((0x5000, 0x3000), "OW", o.number.encode().ljust(32))
        self.note("curve", o.family, o.number)
        ds.add_new(0x00080099, "LO", o.given)
        ds.add_new(0x00234711, "ST", o.given + " in an odd place")
        ds.add_new(0x12341234, "UT", o.family)
        ds.add_new(0xFFFCFFFC, "OB", o.family.encode().ljust(32))
        self.note("unregistered attribute", o.given)
        self.note("data set trailing padding", o.family)
        hidden = Dataset()
        hidden.ReferringPhysicianName = o.name
        hidden.AccessionNumber = o.number
        hidden.TextValue = o.given
        if 0x00081111 not in ds:
            told = DataElement(0x00081111, "OB", _implicit_items([hidden], self.charset))
            told.VR = "UN"
            ds.add(told)
        self.note("UN with a sequence, public", o.family, o.number, o.given)


def _implicit_items(items: list[Dataset], charset: str = "") -> bytes:
    out = b""
    for item in items:
        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, True
        write_dataset(buffer, item, parent_encoding=convert_encodings(charset or "ISO_IR 6"))
        body = buffer.getvalue()
        out += struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
    return out


def _ascii(text: str, charset: str) -> str:
    """The text as far as the character set can hold it."""
    from pydicom.charset import python_encoding

    encoding = python_encoding.get(charset, "ascii") if charset else "ascii"
    kept = ""
    for c in text:
        try:
            c.encode(encoding)
            kept += c
        except UnicodeEncodeError:
            kept += "" if c == "\u0301" else "?"
    return kept.replace("?", "fi") if "?" in kept and "of " in kept else kept.replace("?", "")


def identity(ds: Dataset, planter: Planter, sop_class: str, day_number: int = 0) -> datetime:
    """Patient, study and series modules, with what a researcher needs; the study's moment."""
    rng, p, o = planter.rng, planter.patient, planter.other
    when = datetime.combine(planter.dates[day_number], datetime.min.time()) + timedelta(
        seconds=rng.randrange(86_000)
    )
    if planter.charset:
        ds.SpecificCharacterSet = planter.charset
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid("1.2.826.0.1.3680043.9.7433.")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = (
        generate_uid("1.2.826.0.1.3680043.9.7433.") for _ in "ab"
    )
    ds.FrameOfReferenceUID = generate_uid("1.2.826.0.1.3680043.9.7433.")
    for keyword in (
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "FrameOfReferenceUID",
    ):
        planter.note(keyword, str(ds[keyword].value))
    ds.PatientName, ds.PatientID = p.name, p.number
    planter.note("PatientName", p.family, p.given)
    planter.note("PatientID", p.number)
    ds.PatientBirthDate = f"{p.born:%Y%m%d}"
    planter.note("PatientBirthDate", f"{p.born:%Y%m%d}")
    ds.PatientSex, ds.PatientAge = rng.choice("MF"), "052Y"
    ds.PatientSize, ds.PatientWeight = "1.71", "68.5"
    ds.OtherPatientIDs = [f"X{p.number}", f"{o.number}"]
    planter.note("OtherPatientIDs", o.number)
    ds.ReferringPhysicianName = o.name
    planter.note("ReferringPhysicianName", o.family)
    ds.AccessionNumber = f"ACC{o.number}"
    ds.StudyID = str(rng.randrange(10**5, 10**6))
    ds.StudyDate, ds.StudyTime = f"{when:%Y%m%d}", f"{when:%H%M%S}.125"
    later = when + timedelta(seconds=rng.randrange(60, 90_000))
    ds.SeriesDate, ds.SeriesTime = f"{later:%Y%m%d}", f"{later:%H%M%S}"
    last = later + timedelta(seconds=rng.randrange(60, 90_000))
    ds.AcquisitionDateTime = f"{last:%Y%m%d%H%M%S}.500000"
    planter.note("StudyDate", ds.StudyDate)
    planter.note("SeriesDate", ds.SeriesDate)
    planter.note("AcquisitionDateTime", ds.AcquisitionDateTime[:8])
    ds.InstitutionName = f"{o.given} Klinikum"
    ds.InstitutionAddress = f"{o.family}strasse 7"
    planter.note("InstitutionName", o.given)
    planter.note("InstitutionAddress", o.family)
    ds.Manufacturer, ds.ManufacturerModelName = "OLYMPUS", "CV-190"
    ds.SoftwareVersions, ds.DeviceSerialNumber = ["V2.10", "4.0.1"], f"SN{rng.randrange(10**6)}"
    ds.SeriesNumber, ds.InstanceNumber = "3", str(rng.randrange(1, 90))
    return when


def pixels(ds: Dataset, rng: random.Random, frames: int = 1, size: int = 24) -> None:
    """A native picture without text."""
    ds.Rows = ds.Columns = size
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.PixelData = bytes(rng.randrange(256) for _ in range(frames * size * size))
    ds["PixelData"].VR = "OB"


def part10(ds: Dataset, syntax: str, planter: Planter | None = None) -> bytes:
    """A Part 10 file; with a planter, its preamble and file meta hold identifiers too."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.9.7433.1"
    preamble = bytes(128)
    if planter is not None:
        o = planter.other
        meta.SourceApplicationEntityTitle = o.given[:16]
        meta.SendingApplicationEntityTitle = o.family[:16]
        meta.PrivateInformationCreatorUID = "1.2.826.0.1.3680043.9.7433.2"
        meta.PrivateInformation = f"{o.name} {o.number}".encode().ljust(64)
        preamble = f"MM {o.name} {o.number}".encode().ljust(128, b"\0")
        for kind in ("file meta AE", "file meta private", "preamble"):
            planter.note(kind, o.family)
    out = BytesIO()
    dcmwrite(out, _whole(ds, meta, preamble, syntax), enforce_file_format=True)
    return out.getvalue()


def _whole(ds: Dataset, meta: FileMetaDataset, preamble: bytes, syntax: str) -> Any:
    from pydicom.dataset import FileDataset

    whole = FileDataset("", ds, preamble=preamble, file_meta=meta)
    return whole


IMAGE_CLASSES = {
    "video endoscopic": "1.2.840.10008.5.1.4.1.1.77.1.1.1",
    "vl endoscopic": "1.2.840.10008.5.1.4.1.1.77.1.1",
    "us multi-frame": "1.2.840.10008.5.1.4.1.1.3.1",
    "secondary capture": "1.2.840.10008.5.1.4.1.1.7",
    "photographic": "1.2.840.10008.5.1.4.1.1.77.1.4",
    "ct": "1.2.840.10008.5.1.4.1.1.2",
    "mr": "1.2.840.10008.5.1.4.1.1.4",
    "dx": "1.2.840.10008.5.1.4.1.1.1.1",
    "ophthalmic": "1.2.840.10008.5.1.4.1.1.77.1.5.1",
    "sc byte": "1.2.840.10008.5.1.4.1.1.7.2",
    "enhanced ct": "1.2.840.10008.5.1.4.1.1.2.1",
}
_CHARSETS = [
    "",
    "ISO_IR 100",
    "ISO_IR 101",
    "ISO_IR 144",
    "ISO_IR 126",
    "ISO_IR 138",
    "ISO_IR 127",
    "ISO_IR 148",
    "ISO_IR 166",
    "GB18030",
    "ISO_IR 192",
]


def scattered(seed: int, number: int) -> Sample:
    """An image whose header holds an identifier in some 70 attributes drawn from the dictionary."""
    rng = random.Random(f"{seed} scattered {number}")
    name, sop_class = sorted(IMAGE_CLASSES.items())[number % len(IMAGE_CLASSES)]
    syntax = (ELE, ILE, EBE, DEFLATED)[number % 4]
    profile = ("basic", "research")[rng.randrange(2)]
    planter = Planter(rng, _CHARSETS[number % len(_CHARSETS)], profile == "research")
    ds = Dataset()
    identity(ds, planter, sop_class)
    ds.Modality = {"us multi-frame": "US", "ct": "CT", "mr": "MR", "dx": "DX"}.get(name, "ES")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    planter.scatter(ds, 110, "root")
    planter.private(ds)
    planter.odd(ds)
    pixels(ds, rng, 3 if name in ("us multi-frame", "sc byte", "enhanced ct") else 1)
    if "PhotometricInterpretation" in ds:
        needed(ds, rng)
    sample = Sample(
        f"{number}: {name}",
        part10(ds, syntax, planter),
        sop_class,
        syntax,
        profile,
        planter.plants,
        picture="native",
    )
    from .judging import standard_holds

    sample.holds = standard_holds(profile)
    return sample


def needed(ds: Dataset, rng: random.Random) -> None:
    """Geometry, times, calibration: what a researcher needs and what is nobody's."""
    ds.PixelSpacing = ["0.19831204", "0.19831204"]
    ds.SliceThickness, ds.KVP = "1.25", "120"
    ds.ImagePositionPatient = ["-120.5", "33.25", "1012.75"]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.SeriesDescription = "colonoscopy right colon"
    ds.BodyPartExamined = "COLON"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "71854001", "SCT", made_up(rng)
    ds.AnatomicRegionSequence = [code]
    if ds.get("NumberOfFrames"):
        ds.FrameTime = "33.366"
        ds.FrameIncrementPointer = 0x00181063
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 23, 23
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = 3, 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.0123456789, 0.0123456789
    region.ReferencePixelX0, region.ReferencePixelY0 = 12, -3
    region.TransducerFrequency = 7500
    ds.SequenceOfUltrasoundRegions = [region]
