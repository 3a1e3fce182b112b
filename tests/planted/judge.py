"""The judge: every byte of a result, raw, parsed, inflated, demuxed and decoded, against what was
planted; and what a researcher needs, against what was made.

A run that moves dates must move them by days that are no multiple of seven, also one day less
(planted dates all lie on one weekday, so that a moved one is never another planted one).
"""

from __future__ import annotations

import base64
import io
import re
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import av
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments
from pydicom.pixels import pixel_array

from .identities import Planted
from .instances import Made

_CODECS = (
    "utf-8", "utf-16-le", "utf-16-be", "latin-1", "iso8859_2", "iso8859_3", "iso8859_4",
        "iso8859_5",
    "iso8859_6", "iso8859_7", "iso8859_8", "iso8859_9", "iso8859_15", "tis_620", "shift_jis",
        "gb18030",
    "gbk", "gb2312", "euc_kr", "euc_jp", "iso2022_jp", "iso2022_jp_2", "big5", "cp1251",
)  # fmt: skip
# A UID made anew holds any eight digits by chance, once in some thousand instances.
_NEW_UID = re.compile(rb"2\.25\.[0-9]{36,39}")
_MOST_CHANCE_DIGITS = 9
_SEPARATORS = ("", "-", ".", "/", " ", "_", ":")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass
class Verdict:
    """`leaks`: (kind of place, where it was met). `destroyed`: what a researcher misses."""

    leaks: list[tuple[str, str]] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)


def _fold(said: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", said) if not unicodedata.combining(c))
    return "".join(c for c in plain.casefold() if c.isalnum())


def _spelled(planted: Planted) -> Iterator[str]:
    needle = planted.needle
    yield needle
    if planted.form == "word":
        yield needle[::-1]
        yield " ".join(needle)
        yield ".".join(needle)
    if planted.form == "number":
        for separator in (" ", "-", ".", "\\"):
            yield needle[:4] + separator + needle[4:]
            yield separator.join(needle)
    if planted.form == "date":
        y, m, d = needle[:4], needle[4:6], needle[6:]
        for s in _SEPARATORS:
            yield from (s.join((y, m, d)), s.join((d, m, y)), s.join((m, d, y)))
        yield f"{d} {_MONTHS[int(m) - 1]} {y}"


def _as_bytes(planted: Planted) -> set[bytes]:
    """Lower-case byte forms, for a search in lower-cased bytes."""
    found: set[bytes] = set()
    for said in _spelled(planted):
        for codec in _CODECS:
            try:
                found.add(said.encode(codec).lower())
            except UnicodeEncodeError:
                continue
        found.add(said.encode().hex().encode())
        found.add(said.encode("utf-16-le").hex().encode())
    for said in {planted.needle, planted.needle.upper(), planted.needle.lower()}:
        data = said.encode()
        for shift in range(3):
            whole = base64.b64encode(bytes(shift) + data)[
                (0, 2, 3)[shift] : (len(data) + shift) // 3 * 4
            ]
            found.add(whole.lower())
    return {form for form in found if len(form) >= 6}


def _inflated(data: bytes, depth: int = 0) -> Iterator[bytes]:
    at = 0
    while 0 <= at < len(data) - 6:
        places = [p for p in (data.find(b"\x78", at), data.find(b"\x1f\x8b", at)) if p >= 0]
        if not places:
            return
        at = min(places)
        try:
            out = zlib.decompressobj(47).decompress(data[at:], 1 << 24)
        except zlib.error:
            out = b""
        if len(out) > 3:
            yield out
            if depth < 2:
                yield from _inflated(out, depth + 1)
        at += 1


def _holds(data: bytes, without_new_uids: bytes, form: bytes) -> bool:
    by_chance = form.isdigit() and len(form) <= _MOST_CHANCE_DIGITS
    return form in (without_new_uids if by_chance else data)


def _elements(ds: Dataset, path: str = "") -> Iterator[tuple[str, object]]:
    for element in ds:
        here = f"{path}{element.tag}"
        if element.VR == "SQ":
            for item in element.value or []:
                yield from _elements(item, here)
        else:
            yield here, element.value


def judge(made: Made, result: bytes) -> Verdict:
    """What is left of what was planted, and what is missing of what is needed."""
    verdict = Verdict()
    ds = dcmread(io.BytesIO(result))
    pieces = [("file", result), *(("inflated", out) for out in _inflated(result))]
    texts: list[tuple[str, str]] = []
    for place, value in [*_elements(ds.file_meta), *_elements(ds)]:
        if isinstance(value, bytes):
            pieces.append((place, value))
        else:
            parts = (
                value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
            )
            said = "".join(map(str, parts))
            if not _NEW_UID.fullmatch(said.encode()):
                texts.append((place, _fold(said)))
    media = _media(ds) if made.pictures == "video" else None
    if media is not None:
        texts += _container_texts(media, verdict)
    lowered = [(place, data.lower()) for place, data in pieces]
    joined = [(place, data, _NEW_UID.sub(b"2.25.0", data)) for place, data in lowered]
    for planted in made.planted:
        forms = _as_bytes(planted)
        where = next((n for n, d, bare in joined if any(_holds(d, bare, f) for f in forms)), None)
        if where == "file":
            verdict.leaks.append((planted.kind, "file"))
            continue
        folded = _fold(planted.needle)
        where = where or next((n for n, said in texts if folded and folded in said), None)
        if where:
            verdict.leaks.append((planted.kind, where))
    _needs(made, ds, verdict)
    if made.pictures == "cine":
        _cine(made, ds, verdict)
    elif media is not None:
        _video(made, media, verdict)
    return verdict


def _media(ds: Dataset) -> bytes:
    return b"".join(list(generate_fragments(ds.PixelData))[1:])


def _container_texts(media: bytes, verdict: Verdict) -> list[tuple[str, str]]:
    texts = []
    with av.open(io.BytesIO(media)) as container:
        texts += [("container", _fold(v)) for v in container.metadata.values()]
        for stream in container.streams:
            texts += [("stream", _fold(v)) for v in stream.metadata.values()]
            if stream.type != "video":
                verdict.leaks.append((f"another track: {stream.type}", "container"))
    return texts


def _found(ds: Dataset, path: str) -> list[str]:
    head, _, rest = path.partition("|")
    if head not in ds:
        return []
    value = ds[head].value
    if rest:
        return [said for item in value for said in _found(item, rest)]
    many = isinstance(value, (list, tuple)) or (
        hasattr(value, "append") and not isinstance(value, str)
    )
    return ["\\".join(map(str, value)) if many else str(value)]


def _same(found: str, needed: str) -> bool:
    try:
        return [float(v) for v in found.split("\\")] == [float(v) for v in needed.split("\\")]
    except ValueError:
        return found == needed


def _needs(made: Made, ds: Dataset, verdict: Verdict) -> None:
    for path, needed in made.needs.items():
        if not any(_same(found, needed) for found in _found(ds, path)):
            verdict.destroyed.append(path)
    if made.profile == "research":
        try:
            study, series, content = (_moment(ds, kind) for kind in ("Study", "Series", "Content"))
            acquired = datetime.strptime(str(ds.AcquisitionDateTime), "%Y%m%d%H%M%S.%f")
        except (AttributeError, ValueError):
            verdict.destroyed.append("a date or time")
            return
        wanted = [timedelta(seconds=s) for s in (8.25, -86319.5, 9.125)]
        if [series - study, content - study, acquired - study] != wanted:
            verdict.destroyed.append("an interval")


def _moment(ds: Dataset, kind: str) -> datetime:
    clock = str(ds[f"{kind}Time"].value)
    form = "%Y%m%d%H%M%S.%f" if "." in clock else "%Y%m%d%H%M%S"
    return datetime.strptime(str(ds[f"{kind}Date"].value) + clock, form)


def _frames(array: np.ndarray, count: int) -> np.ndarray:
    return array if count > 1 or (array.shape[0] == 1 and array.ndim == 4) else array[None]


def _cine(made: Made, ds: Dataset, verdict: Verdict) -> None:
    count = int(ds.get("NumberOfFrames", 1) or 1)
    try:
        got = _frames(pixel_array(ds), count)
    except Exception:
        verdict.destroyed.append("the pictures cannot be read")
        return
    if made.samples is not None:
        wanted = made.samples
    else:
        source = dcmread(io.BytesIO(made.data))
        # The Basic Offset Table may be no table: one fragment a frame needs none.
        pixels, size = source.PixelData, int.from_bytes(source.PixelData[4:8], "little")
        source["PixelData"].value = pixels[:4] + bytes(4) + pixels[8 + size :]
        wanted = _frames(pixel_array(source), int(source.get("NumberOfFrames", 1) or 1))
    if got.shape != wanted.shape:
        verdict.destroyed.append("the pictures' number or size")
        return
    outside = np.ones(wanted.shape[1:3], bool)
    if made.box:
        x, y, width, height = made.box
        outside[y : y + height, x : x + width] = False
        inside = got[:, y : y + height, x : x + width]
        if any(len(np.unique(frame.reshape(-1, frame.shape[-1] if got.ndim == 4 else 1),
            axis=0)) > 1
               for frame in inside):  # fmt: skip
            verdict.leaks.append(("burned-in text", "pictures"))
    if not np.array_equal(got[:, outside], wanted[:, outside]):
        verdict.destroyed.append("samples outside the boxes")


def _decoded(media: bytes) -> tuple[list[np.ndarray], list[float]]:
    with av.open(io.BytesIO(media)) as container:
        base = container.streams.video[0].time_base
        frames = [(f.to_ndarray(), float((f.pts or 0) * base)) for f in container.decode(video=0)]
    first = frames[0][1] if frames else 0.0
    return [f for f, _ in frames], [round(t - first, 5) for _, t in frames]


def _video(made: Made, media: bytes, verdict: Verdict) -> None:
    wanted, _ = _decoded(made.media)
    got, times = _decoded(media)
    if len(got) != len(wanted) or any(
        not np.array_equal(a, b) for a, b in zip(got, wanted, strict=False)
    ):
        verdict.destroyed.append("pictures of the video")
    if times != sorted(set(times)):
        verdict.destroyed.append("times of the video")
