"""One instance's way: parse, classify, harvest, propose; then clean, write; then search the result.

Everything works on seekable binary files and append-only writers, so that the same code serves the
quarantine (encrypted files) and the folder-to-folder command. Nothing is kept between the steps but
what they return; each step can be run again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import IO, Any, BinaryIO, cast

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from . import probe
from .boxes import Box
from .cine import CinePictures, outside_region_boxes, read_cine_info, redact_cine
from .cleaning import PixelChange
from .decision import box_json, proposals_json, to_blank, to_keep
from .harvest import Harvest, harvest_identifiers
from .header import DeidContext, HeaderResult, deidentify_dataset
from .parse import ParsedInstance, parse_instance
from .pictures import Pictures, VideoPictures
from .pixel_reader import PixelReader
from .profile import Profile
from .propose import propose_for
from .reasons import Reason, Refused
from .redact import redact_video
from .refusals import StreamRefusal
from .remux import remux_video
from .report import instance_report
from .scan import Finding, LeakScanner, kinds_kept_on_purpose
from .verify_text import verify_text
from .write import EncapsulatedPixels, Fragment, write_instance

# What muxers and encoders write of themselves identifies nobody, and our own muxer writes it too.
_TOOL_TEXT = re.compile(
    r"^(Lav[fc]|VideoHandler|SoundHandler|DataHandler|isom|iso[2-9]|mp4[12]|avc1|qt  |und$"
    r"|x26[45] -)",
)

Tell = Callable[[float, str], None]

_STREAM_REASONS = {
    "no_video": Reason.DECODE_FAILED,
    "two_video_streams": Reason.SECOND_VIDEO_STREAM,
    "stream_not_as_declared": Reason.TRANSFER_SYNTAX_MISMATCH,
    "decode_failed": Reason.DECODE_FAILED,
    "truncated_stream": Reason.STREAM_TRUNCATED,
    "encrypted_media": Reason.ENCRYPTED_MEDIA,
}


@dataclass(frozen=True)
class Examined:
    """What is known after the first step. ``kind``: video, cine or none (no pictures).
    ``proposals`` as ``decision.proposals_json``; None where nothing had to be proposed."""

    kind: str
    harvest: Harvest = field(repr=False)
    width_px: int = 0
    height_px: int = 0
    n_frames: int = 0
    proposals: dict[str, Any] | None = field(default=None, repr=False)
    streams_dropped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Produced:
    """What was written."""

    sop_instance_uid: str
    header: HeaderResult = field(repr=False)
    transfer_syntax_uid: str
    n_frames: int
    encoder: str
    pixel_change: bool


def as_refused(error: StreamRefusal) -> Refused:
    """A stream's refusal as one of the reason codes (the detector's own failure stays as it is)."""
    reason = _STREAM_REASONS.get(error.reason)
    if reason is None:
        raise error
    return Refused(reason, "pixel data")


def _media(parsed: ParsedInstance) -> BinaryIO:
    assert parsed.pixels is not None
    return cast(BinaryIO, PixelReader(parsed.stream, parsed.pixels.pieces))


def kind_of(parsed: ParsedInstance) -> str:
    """video, cine or none."""
    if parsed.pixels is None:
        return "none"
    base = parsed.transfer_syntax_uid.removesuffix(".1")
    return "video" if base in probe.VIDEO_TRANSFER_SYNTAXES else "cine"


def examine(
    source: BinaryIO,
    *,
    with_proposals: bool,
    others: Harvest | None = None,
    device_masks: Sequence[Box] = (),
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Examined:
    """Read an instance strictly, harvest what identifies, propose what to blank.

    ``others``: what the study's and patient's other instances held. Raises Refused, and
    StreamRefusal for ``detector_missing`` and ``cancelled``.
    """
    parsed = parse_instance(source)
    harvest = harvest_identifiers(
        parsed.dataset, file_meta=parsed.file_meta, preamble=parsed.preamble
    )
    kind = kind_of(parsed)
    try:
        if kind == "video":
            return _examine_video(
                parsed, harvest, others, with_proposals, device_masks, tell, cancelled
            )
        if kind == "cine":
            return _examine_cine(
                source, harvest, others, with_proposals, device_masks, tell, cancelled
            )
    except StreamRefusal as error:
        raise as_refused(error) from None
    return Examined("none", harvest)


def _examine_video(
    parsed: ParsedInstance,
    harvest: Harvest,
    others: Harvest | None,
    with_proposals: bool,
    masks: Sequence[Box],
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Examined:
    media = _media(parsed)
    info = probe.probe_stream(media)
    refusals = [
        *info.refusals,
        *probe.check_against_transfer_syntax(info, parsed.transfer_syntax_uid),
    ]
    if refusals:
        raise StreamRefusal(refusals[0], "video: refused")
    said = [value for _, value in info.texts if not _TOOL_TEXT.search(value)]
    texts = harvest_identifiers(Dataset(), said)
    harvest = harvest.merge(texts)
    proposals = None
    if with_proposals:
        proposals = _proposals(
            VideoPictures(media), harvest, others, masks, tell, cancelled, has_body=True
        )
    return Examined(
        "video",
        harvest,
        info.width_px,
        info.height_px,
        info.n_frames,
        proposals,
        tuple(sorted({track.kind for track in info.other_tracks})),
        info.warnings,
    )


def _examine_cine(
    source: BinaryIO,
    harvest: Harvest,
    others: Harvest | None,
    with_proposals: bool,
    masks: Sequence[Box],
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Examined:
    ds = _whole(source)
    info = read_cine_info(ds)
    pictures = CinePictures(ds)
    proposals = None
    if with_proposals:
        regions = [*masks, *outside_region_boxes(ds)]
        is_endoscopic = str(ds.get("Modality", "")) in ("ES", "LP", "GM", "XC")
        proposals = _proposals(
            pictures, harvest, others, regions, tell, cancelled,
            has_body=is_endoscopic and info.n_frames > 50,
        )  # fmt: skip
    else:
        # What does not decode is refused before anything is made of it.
        for _ in pictures.rgb([0, info.n_frames - 1]):
            pass
    return Examined("cine", harvest, info.width_px, info.height_px, info.n_frames, proposals)


def _whole(source: BinaryIO) -> Dataset:
    source.seek(0)
    return dcmread(source)


def _proposals(
    pictures: Pictures,
    harvest: Harvest,
    others: Harvest | None,
    masks: Sequence[Box],
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
    *,
    has_body: bool,
) -> dict[str, Any]:
    known = harvest.merge(others) if others is not None else harvest
    found = propose_for(
        pictures,
        masks,
        (lambda done, total: tell(0.95 * done / max(total, 1), "looking for text"))
        if tell
        else None,
        lambda text: known.find_in_text(text) is not None,
        cancelled,
        look_for_out_of_body=has_body,
    )
    return proposals_json(found, pictures.width_px, pictures.height_px, pictures.rate_fps)


def header_actions(source: BinaryIO, context: DeidContext) -> dict[str, int]:
    """What the header rules will do, as counts by action. Raises Refused."""
    return deidentify_dataset(parse_instance(source).dataset, context).actions


def produce(
    source: BinaryIO,
    out: IO[bytes],
    context: DeidContext,
    decision: dict[str, Any] | None,
    *,
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Produced:
    """Write the de-identified instance to ``out`` (append-only). ``context.pixel_change`` is set
    here. Raises Refused; StreamRefusal ``cancelled``."""
    parsed = parse_instance(source)
    kind = kind_of(parsed)
    try:
        if kind == "video":
            return _produce_video(parsed, out, context, decision, tell, cancelled)
        if kind == "cine":
            return _produce_cine(source, parsed, out, context, decision, tell, cancelled)
    except StreamRefusal as error:
        raise as_refused(error) from None
    header = deidentify_dataset(parsed.dataset, context)
    write_instance(out, header.dataset, str(ExplicitVRLittleEndian))  # type: ignore[arg-type]
    return Produced(header.sop_instance_uid, header, str(ExplicitVRLittleEndian), 0, "", False)


class _Scratch:
    """Anonymous memory that is written once and then read: no name in any folder."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.memfd_create("scratch", os.MFD_CLOEXEC), "w+b")

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _produce_video(
    parsed: ParsedInstance,
    out: IO[bytes],
    context: DeidContext,
    decision: dict[str, Any] | None,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Produced:
    media = _media(parsed)
    info = probe.probe_stream(media)
    boxes, spans = to_blank(decision)

    def told(done: int, total: int) -> None:
        if tell is not None:
            tell(0.7 * done / max(total, 1), "blanking" if boxes or spans else "copying")

    with _Scratch() as scratch:
        change, encoder = None, ""
        syntax, size_px = "", (info.width_px, info.height_px)
        try:
            if boxes or spans:
                raise StreamRefusal("cannot_copy_stream", "blanking encodes once")
            copied = remux_video(media, scratch, told, cancelled)
            n_frames = copied.n_frames
            syntax = probe.transfer_syntax_for(
                info.codec, info.level, info.pix_fmt, copied.size_bytes
            )
        except StreamRefusal as error:
            if error.reason not in ("cannot_copy_stream", "no_transfer_syntax"):
                raise
            scratch.seek(0)
            scratch.truncate()
            made = redact_video(media, scratch, boxes, spans, told, cancelled)
            n_frames, syntax = made.n_frames, made.transfer_syntax_uid
            size_px = (made.width_px, made.height_px)
            encoder = f"{made.encoder} {made.settings}"
            change = PixelChange(
                method="ISO_14496_10",
                ratio=made.lossy_ratio,
                description="Pixels redacted" if boxes or spans else "Encoded once more",
            )
        header = deidentify_dataset(parsed.dataset, replace(context, pixel_change=change))
        ds = header.dataset
        ds.NumberOfFrames = n_frames
        ds.Columns, ds.Rows = size_px
        scratch.flush()
        size = scratch.seek(0, os.SEEK_END)
        scratch.seek(0)
        fragment = 1 << 30 if syntax.endswith(".1") else None
        pixels = EncapsulatedPixels.video(scratch, size, fragment_bytes=fragment)  # type: ignore[arg-type]
        write_instance(out, ds, syntax, pixels)  # type: ignore[arg-type]
    return Produced(header.sop_instance_uid, header, syntax, n_frames, encoder, change is not None)


def _produce_cine(
    source: BinaryIO,
    parsed: ParsedInstance,
    out: IO[bytes],
    context: DeidContext,
    decision: dict[str, Any] | None,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Produced:
    ds = _whole(source)
    info = read_cine_info(ds)
    boxes, spans = to_blank(decision)
    boxes += [
        Box(0, 0, info.width_px, info.height_px, start_frame=s.start_frame, end_frame=s.end_frame)
        for s in spans
    ]

    def told(done: int, total: int) -> None:
        if tell is not None:
            tell(0.7 * done / max(total, 1), "blanking" if boxes else "copying")

    made = redact_cine(ds, boxes, progress=told, cancelled=cancelled)
    change = PixelChange() if boxes else None
    header = deidentify_dataset(parsed.dataset, replace(context, pixel_change=change))
    for keyword, value in made.attributes.items():
        setattr(header.dataset, keyword, value)
    fragments = (Fragment(BytesIO(frame), len(frame)) for frame in made.frames)
    write_instance(
        out,  # type: ignore[arg-type]
        header.dataset,
        made.transfer_syntax_uid,
        EncapsulatedPixels(fragments),
    )
    return Produced(
        header.sop_instance_uid,
        header,
        made.transfer_syntax_uid,
        info.n_frames,
        "RLE Lossless" if made.was_decoded else "",
        bool(boxes),
    )


@dataclass(frozen=True)
class Checked:
    """``findings``: identifiers left, by place. ``texts``: boxes of text that nobody decided to
    keep, to be put before a person (or blanked in a second round)."""

    findings: tuple[Finding, ...]
    texts: tuple[dict[str, Any], ...]


def check(
    result: BinaryIO,
    harvest: Harvest,
    profile: Profile,
    header: HeaderResult,
    decision: dict[str, Any] | None,
    proposals: dict[str, Any] | None,
    *,
    look_for_text: bool,
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Checked:
    """Re-open the output and search it: every byte, parsed, inflated, demuxed, decoded for text."""
    scanner = LeakScanner(
        harvest, written=header.written, ignore_kinds=kinds_kept_on_purpose(profile)
    )
    result.seek(0)
    scanner.scan_stream("file", result)
    parsed = parse_instance(result)
    scanner.scan_dataset("header", parsed.dataset)
    scanner.scan_dataset("file meta", parsed.file_meta)
    kind = kind_of(parsed)
    pictures: Pictures | None = None
    if kind == "video":
        media = _media(parsed)
        scanner.scan_mp4("stream", media)
        for place, text in probe.probe_stream(media).texts:
            scanner.scan_text(f"stream {place}", text)
        pictures = VideoPictures(media)
    elif kind == "cine":
        pictures = CinePictures(_whole(result))
    found = list(scanner.findings)
    texts: list[dict[str, Any]] = []
    if pictures is not None and look_for_text:
        texts = _texts_left(pictures, harvest, decision, proposals, tell, cancelled)
    return Checked(tuple(found), tuple(texts))


def _texts_left(
    pictures: Pictures,
    harvest: Harvest,
    decision: dict[str, Any] | None,
    proposals: dict[str, Any] | None,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> list[dict[str, Any]]:
    frames = proposals["representative_frames"] if proposals else []

    def told(done: int, total: int) -> None:
        if tell is not None:
            tell(0.7 + 0.28 * done / max(total, 1), "reading the result again")

    left = verify_text(
        pictures,
        to_keep(decision),
        frames,
        lambda text: harvest.find_in_text(text) is not None,
        told,
        cancelled,
    )
    return [
        {
            **box_json(finding.box.grown(6, pictures.width_px, pictures.height_px).during(0, None)),
            "kind": "identifier" if finding.is_identifier else "unknown",
            "origin": "check",
            "frame_index": finding.frame_index,
            "text": "",
            "action": "blank",
        }
        for finding in left
        if finding.is_readable or finding.is_identifier
    ]


def report(
    profile: Profile,
    produced: Produced,
    examined_dropped: Sequence[str],
    decision: dict[str, Any] | None,
    checked: Checked,
    confirmed_by: str,
    *,
    has_pixels: bool,
) -> dict[str, Any]:
    """The residual-risk report, free of values; ``blanked_spans`` beside it for the library."""
    boxes, spans = to_blank(decision)
    parts = decision or {"boxes": [], "spans": []}
    made = instance_report(
        profile,
        produced.header,
        checked.findings,
        pixels_cleaned=has_pixels,
        visual_features_cleaned=has_pixels,
        streams_dropped=examined_dropped,
        boxes=[{**box, "confirmed_by": confirmed_by} for box in parts["boxes"]],
        spans=[{**span, "confirmed_by": confirmed_by} for span in parts["spans"]],
        encoder=produced.encoder,
    )
    made["blanked_spans"] = [[span.start_frame, span.end_frame] for span in spans]
    made["n_boxes_blanked"] = len(boxes)
    return made
