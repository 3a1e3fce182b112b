"""Instances that must be refused, each with the reason code it must be refused with."""

from __future__ import annotations

import random
from collections.abc import Iterator

from . import instance, videos
from .identities import Planter
from .wire import EXPLICIT, El, encapsulated, number, part10, text


def refused(seed: int) -> Iterator[tuple[str, bytes, set[str]]]:
    """(what it is, the file, the codes one of which must be given)."""
    p = Planter(random.Random(f"refused {seed}"), 1)

    def one(
        sop_class: str = instance.SC, *more: El, syntax: str = EXPLICIT, sample_bytes: int = 1
    ) -> bytes:
        made = instance.Instance(p, sop_class, "basic")
        made.image("MONOCHROME2", 1)
        tags = {e.tag for e in more}
        elements = [e for e in made.elements if e.tag not in tags] + list(more)
        size = instance.ROWS * instance.COLUMNS * sample_bytes
        return part10(elements, made.meta(), syntax, pixels=bytes(size))

    sound = one()
    yield "text", b"Dear Sir or Madam", {"not_dicom"}
    yield "bytes behind", sound + p.word().encode(), {"trailing_bytes"}
    yield "cut in the pixels", sound[:-200], {"stream_truncated"}
    yield "cut in the header", sound[:900], {"unparsable", "trailing_bytes", "stream_truncated"}
    for name, sop in (("PDF", "1"), ("CDA", "2"), ("STL", "3")):
        document = El(0x00420011, "OB", b"%PDF-1.4 " + p.word().encode())
        yield name, one(f"1.2.840.10008.5.1.4.1.1.104.{sop}", document), {"encapsulated_document"}
    yield (
        "document within",
        one(instance.SC, El(0x00420011, "OB", b"%PDF")),
        {"encapsulated_document"},
    )
    yield "private class", one("1.2.826.0.1.3680043.9.1234.1"), {"private_sop_class"}
    yield "plan", one("1.2.840.10008.5.1.4.1.1.481.5"), {"unsupported_iod"}
    encrypted = El(0x04000500, "SQ", [[El(0x04000520, "OB", b"12345678")]])
    wide = [
        number(0x00280100, "US", 32),
        number(0x00280101, "US", 32),
        number(0x00280102, "US", 31),
    ]
    yield "32-bit samples cut", one(instance.SC, *wide), {"stream_truncated"}
    colour = [number(0x00280002, "US", 3), text(0x00280004, "CS", "RGB")]
    yield (
        "32-bit colour",
        one(instance.SC, *wide, *colour, sample_bytes=12),
        {"unsupported_samples"},
    )
    dose = one("1.2.840.10008.5.1.4.1.1.481.2", *wide, sample_bytes=4)
    yield "RT dose", dose, {"unsupported_iod"}
    yield "HTJ2K of zeros", one(syntax="1.2.840.10008.1.2.4.201"), {"decode_failed"}
    made = instance.Instance(p, instance.PHOTO, "basic")
    made.image("YBR_FULL", 1, 16, 12)
    yield "12-bit colour", part10(
        made.elements, made.meta(), "1.2.840.10008.1.2.4.51", pixels=encapsulated([b"\xff\xd8"])
    ), {"unsupported_samples"}  # fmt: skip
    yield "encrypted", one(instance.SC, encrypted), {"encrypted_attributes"}
    within = El(0x00081140, "SQ", [[encrypted]], "undefined")
    yield "encrypted within", one(instance.SC, within), {"encrypted_attributes"}
    yield (
        "group 0006",
        one(instance.SC, text(0x00060010, "LO", "x")),
        {"illegal_group", "unparsable"},
    )
    yield "no such syntax", one(syntax="1.2.840.10008.1.2.4.999"), {"transfer_syntax_unknown"}
    yield (
        "charset",
        one(instance.SC, text(0x00080005, "CS", "ISO_IR 999")),
        {"charset_undecodable"},
    )
    broken = El(0x00100010, "PN", b"\xff\xfe\xfa^\xc3")
    utf8 = text(0x00080005, "CS", "ISO_IR 192")
    yield "name not of its charset", one(instance.SC, utf8, broken), {"charset_undecodable"}
    within = El(0x00081140, "SQ", [[broken]])
    yield "name within", one(instance.SC, utf8, within), {"charset_undecodable"}
    for codec, said in (("h264", videos.HEVC), ("hevc", videos.H264), ("mpeg2", videos.H264)):
        made = instance.Instance(p, instance.VIDEO, "basic")
        made.image("YBR_PARTIAL_420", videos.FRAMES, rows=videos.HEIGHT, columns=videos.WIDTH)
        media = videos.contained(p, made.person, codec, "mpegts")
        data = part10(made.elements, made.meta(), said, pixels=encapsulated([media]))
        yield f"{codec} as another", data, {"transfer_syntax_mismatch"}
        yield f"{codec} of noise", part10(
            made.elements, made.meta(), said, pixels=encapsulated([p.rng.randbytes(9000)])
        ), {"decode_failed", "transfer_syntax_mismatch"}  # fmt: skip
    made = instance.Instance(p, instance.USMF, "basic")
    made.image("RGB", 4)
    yield "fewer frames than said", part10(
        made.elements, made.meta(), EXPLICIT, pixels=bytes(instance.ROWS * instance.COLUMNS * 3)
    ), {"stream_truncated", "decode_failed"}  # fmt: skip
    deep: list[El] = [number(0x00280010, "US", 1)]
    for _ in range(40):
        deep = [El(0x00081140, "SQ", [deep])]
    yield "too deep", one(instance.SC, *deep), {"unparsable"}
