"""The corpus: instances of every kind of object and encoding, from a seed and a difficulty."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import documents, headers, scripts, stills, unlikely, videos
from .identities import Person, Planter
from .instance import (
    COLUMNS,
    GSPS,
    KOS,
    PHOTO,
    ROWS,
    SC,
    SEG,
    SR,
    US,
    USMF,
    VIDEO,
    VIDEO_PHOTO,
    VL,
    Instance,
    Made,
)  # fmt: skip
from .wire import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, El, number, text


def _still(
    sop_class: str, syntax: str, photometric: str = "RGB", frames: int = 1,
    encode: Callable[..., bytes] = stills.native, burned: bool = True, **options: Any,
) -> Callable[[Planter, str, int], Made]:  # fmt: skip
    def make(p: Planter, profile: str, richness: int) -> Made:
        one = Instance(p, sop_class, profile)
        colour = photometric.startswith(("RGB", "YBR"))
        array = stills.pictures(p, frames, ROWS, COLUMNS, colour)
        box = None
        if burned and p.rng.random() < 0.7:
            array, box = stills.burn(array, one.person.family[:8])
        one.image(photometric, frames)
        one.everywhere(richness)
        known = array if photometric in ("RGB", "MONOCHROME2") and syntax not in (
            stills.JPEG, stills.J2K, stills.JPEG_LS_NEAR) else None  # fmt: skip
        pixels = encode(p, one.person, array, **options)
        return one.made(
            f"{sop_class} {syntax}", syntax, pixels, samples=known, box=box, pictures="cine"
        )

    return make


def _high_bits(p: Planter, profile: str, richness: int) -> Made:
    one = Instance(p, f"{SC}.3", profile)
    sent, meant = stills.high_bits(p, stills.pictures(p, 3, ROWS, COLUMNS, False))
    one.image("MONOCHROME2", 3, 16, 12)
    one.everywhere(richness)
    return one.made("high bits", EXPLICIT, sent.tobytes(), samples=meant, pictures="cine")


def _unlikely(p: Planter, profile: str, richness: int) -> Made:
    one = Instance(p, USMF, profile)
    array = stills.pictures(p, 2, ROWS, COLUMNS, True)
    one.image("RGB", 2)
    for keyword, (tag, vr, value) in unlikely.NEEDED.items():
        one.need(keyword, tag, vr, value)
    inner = [*unlikely.in_numbers(p, one.person), *unlikely.in_profiles(p, one.person)]
    one.elements += [*unlikely.in_numbers(p, one.person), *unlikely.in_profiles(p, one.person)]
    one.elements.append(El(0x00081200, "SQ", [inner], p.rng.choice(("", "undefined", "un"))))
    one.everywhere(richness)
    return one.made("unlikely places", EXPLICIT, array.tobytes(), samples=array, pictures="cine")


def _palette(p: Planter, profile: str, richness: int) -> Made:
    one = Instance(p, US, profile)
    array = stills.pictures(p, 1, ROWS, COLUMNS, False)
    one.image("PALETTE COLOR", 1)
    tables = [np.arange(256, dtype=np.uint16) << 8, np.arange(256, dtype=np.uint16) << 7,
              np.arange(256, dtype=np.uint16)[::-1] << 8]  # fmt: skip
    for place, table in enumerate(tables):
        one.elements.append(number(0x00281101 + place, "US", 256, 0, 16))
        tail = p.a_word("palette table, behind its entries").encode()
        one.elements.append(El(0x00281201 + place, "OW", table.astype("<u2").tobytes() + tail))
    one.everywhere(richness)
    colour = np.stack([(t >> 8).astype(np.uint8)[array] for t in tables], -1)
    return one.made("palette", EXPLICIT, array.tobytes(), samples=colour, pictures="cine")


def _segmentation(p: Planter, profile: str, richness: int) -> Made:
    one = Instance(p, SEG, profile)
    frames = 3
    masks = (stills.pictures(p, frames, ROWS, COLUMNS, False) > 120).astype(np.uint8)
    one.elements += [
        number(0x00280002, "US", 1), text(0x00280004, "CS", "MONOCHROME2"),
        number(0x00280100, "US", 1), number(0x00280101, "US", 1), number(0x00280102, "US", 0),
        number(0x00280103, "US", 0), *documents.segmentation(p, one.person, ROWS, COLUMNS, frames),
    ]  # fmt: skip
    one.needs["NumberOfFrames"] = str(frames)
    one.needs["SegmentSequence|SegmentNumber"] = "1"
    one.needs["SharedFunctionalGroupsSequence|PixelMeasuresSequence|PixelSpacing"] = "0.25\\0.25"
    one.everywhere(richness)
    packed = np.packbits(masks.reshape(-1), bitorder="little").tobytes()
    return one.made("segmentation", EXPLICIT, packed, samples=masks, pictures="cine")


def _document(
    sop_class: str, syntax: str, body: Callable[[Planter, Person], list[El]], needs: dict[str, str]
) -> Callable[[Planter, str, int], Made]:
    def make(p: Planter, profile: str, richness: int) -> Made:
        one = Instance(p, sop_class, profile)
        one.elements += body(p, one.person)
        one.needs.update(needs)
        one.everywhere(richness)
        return one.made(f"{sop_class} {syntax}", syntax)

    return make


def _video(sop_class: str, syntax: str, codec: str, container: str) -> Callable[..., Made]:
    def make(p: Planter, profile: str, richness: int) -> Made:
        from .wire import encapsulated

        one = Instance(p, sop_class, profile)
        media = videos.contained(p, one.person, codec, container)
        one.image("YBR_PARTIAL_420", videos.FRAMES, rows=videos.HEIGHT, columns=videos.WIDTH)
        one.everywhere(richness)
        return one.made(
            f"{sop_class} {codec} {container}", syntax, encapsulated([media]), pictures="video",
            media=media,
        )  # fmt: skip

    return make


def _script(said: str) -> Callable[[Planter, str, int], Made]:
    charset, letters, encode = scripts.SCRIPTS[said]

    def make(p: Planter, profile: str, richness: int) -> Made:
        one = Instance(p, f"{SC}.2" if p.rng.random() < 0.5 else SC, profile)
        frames = 2 if one.sop_class != SC else 1
        array = stills.pictures(p, frames, ROWS, COLUMNS, False)
        one.image("MONOCHROME2", frames)
        one.elements = [
            e for e in one.elements if e.tag not in (0x00080005, 0x00100010, 0x00204000)
        ]
        native = [p.note(f"{said}: {place}", scripts.name(p.rng, letters)) for place in
                  ("patient name", "comments", "nested name", "nested private")]  # fmt: skip
        latin = one.person.name
        groups = (
            f"={native[0]}^{native[0][::-1]}" if "2022" in said or "GB" in said else f"={native[0]}"
        )
        one.elements += [
            text(0x00100010, "PN", latin + groups, encode),
            text(0x00204000, "LT", f"seen with {native[1]}", encode),
            El(0x00081140, "SQ", [[
                text(0x00100010, "PN", native[2], encode),
                text(0x00190010, "LO", "VENDOR"), text(0x00191001, "LO", native[3], encode)]]),
        ]  # fmt: skip
        if charset:
            one.elements.append(text(0x00080005, "CS", charset))
        return one.made(f"script {said}", EXPLICIT, array.tobytes() + bytes(array.size % 2),
                        samples=array, pictures="cine")  # fmt: skip

    return make


def _own_charset_inside(p: Planter, profile: str, richness: int) -> Made:
    """Each item with a character set of its own."""
    one = Instance(p, SC, profile)
    array = stills.pictures(p, 1, ROWS, COLUMNS, False)
    one.image("MONOCHROME2", 1)
    inner: list[El] = []
    for said in p.rng.sample(sorted(scripts.SCRIPTS), 6):
        charset, letters, encode = scripts.SCRIPTS[said]
        if not charset:
            continue
        name = p.note("item with its own character set", scripts.name(p.rng, letters))
        item = [text(0x00080005, "CS", charset), text(0x00100010, "PN", name, encode)]
        inner = [El(p.rng.choice(headers.CONTAINERS[:6]), "SQ", [item + inner])]
    one.elements += inner
    one.everywhere(richness)
    return one.made("own character sets", EXPLICIT, array.tobytes(), samples=array, pictures="cine")


_REPORT_NEEDS = {
    "CompletionFlag": "COMPLETE",
    "ContentSequence|MeasuredValueSequence|NumericValue": "12.5",
}
MAKERS: list[Callable[[Planter, str, int], Made]] = [
    _still(US, EXPLICIT), _still(US, stills.JPEG, "YBR_FULL_422", encode=stills.jpeg, burned=False),
    _still(US, stills.RLE, encode=stills.rle), _still(US, BIG_ENDIAN, "MONOCHROME2"), _palette,
    _still(USMF, IMPLICIT, frames=3), _still(USMF, stills.JPEG, "YBR_FULL_422", 5, stills.jpeg),
    _still(USMF, stills.JPEG_LS, "MONOCHROME2", 3, stills.jpeg_ls, near=0),
    _still(USMF, stills.JPEG, "MONOCHROME2", 3, stills.jpeg, burned=False),
    _still(VL, stills.JPEG, "YBR_FULL_422", 1, stills.jpeg, burned=False),
    _still(VL, stills.J2K_LOSSLESS, "RGB", 1, stills.jpeg_2000, lossy=False), _still(VL, EXPLICIT),
    _still(PHOTO, stills.J2K_LOSSLESS, "RGB", 1, stills.jp2_boxes),
    _still(PHOTO, stills.J2K, "YBR_ICT", 2, stills.jpeg_2000, burned=False, lossy=True),
    _video(VIDEO, videos.H264, "h264", "mp4"), _video(VIDEO, videos.H264, "h264", "mpegts"),
    _video(VIDEO, videos.H264, "h264", "es"), _video(VIDEO, videos.MPEG2, "mpeg2", "mpeg"),
    _video(VIDEO, videos.MPEG2, "mpeg2", "mpegts"), _video(VIDEO, videos.MPEG2, "mpeg2", "es"),
    _video(VIDEO, videos.HEVC, "hevc", "mp4"), _video(VIDEO, videos.HEVC, "hevc", "mpegts"),
    _video(VIDEO, videos.HEVC, "hevc", "es"), _video(VIDEO_PHOTO, videos.H264, "h264", "mp4"),
    _still(SC, BIG_ENDIAN), _still(SC, DEFLATED), _still(SC, IMPLICIT, "MONOCHROME2"),
    _still(f"{SC}.2", stills.JPEG_LS_NEAR, "MONOCHROME2", 2, stills.jpeg_ls, burned=False, near=2),
    _still(f"{SC}.4", stills.J2K, "YBR_ICT", 2, stills.jpeg_2000, burned=False, lossy=True),
    _still(f"{SC}.4", stills.RLE, "RGB", 2, stills.rle), _high_bits, _segmentation,
    _document(SR, IMPLICIT, documents.report, _REPORT_NEEDS),
    _document(SR, DEFLATED, documents.report, _REPORT_NEEDS),
    _document(SR, EXPLICIT, documents.report, _REPORT_NEEDS),
    _document(KOS, EXPLICIT, documents.key_objects, {"ValueType": "CONTAINER"}),
    _document(GSPS, BIG_ENDIAN, documents.presentation_state, {"PresentationLUTShape": "IDENTITY"}),
    _document(GSPS, EXPLICIT, documents.presentation_state, {"PresentationLUTShape": "IDENTITY"}),
    *(_script(said) for said in scripts.SCRIPTS), _own_charset_inside, _unlikely,
]  # fmt: skip


def corpus(seed: int, difficulty: int = 2, share: float = 1.0) -> Iterator[Made]:
    """Instances from a seed. `share` under 1: that part of the makers, another one each seed.

    `difficulty` 1 to 3: depth of sequences, and how many attributes of each VR are planted in.
    """
    rng = random.Random(f"planted {seed} {difficulty}")
    makers = list(enumerate(MAKERS))
    if share < 1:
        makers = sorted(rng.sample(makers, max(1, round(share * len(makers)))))
    for number_, _ in makers:
        yield make(seed, difficulty, number_)


def make(seed: int, difficulty: int, number_: int) -> Made:
    """One instance of the corpus, by the number of its maker."""
    p = Planter(random.Random(f"{seed} {difficulty} {number_}"), difficulty)
    profile = ("basic", "research")[(number_ + seed) % 2]
    return MAKERS[number_](p, profile, max(1, difficulty - 1))
