"""The second step: write the de-identified instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import IO, Any, BinaryIO

from pydicom.uid import ExplicitVRLittleEndian

from apps.deid.domain import native_samples, probe
from apps.deid.domain.boxes import Box, Span
from apps.deid.domain.cine import read_cine_info, redact_cine
from apps.deid.domain.cleaning import PixelChange
from apps.deid.domain.copy_check import check_copy
from apps.deid.domain.decision import to_blank
from apps.deid.domain.header import DeidContext, HeaderResult, deidentify_dataset
from apps.deid.domain.parse import ParsedInstance, parse_instance
from apps.deid.domain.redact import redacted
from apps.deid.domain.refusals import StreamRefusal
from apps.deid.domain.remux import remuxed
from apps.deid.domain.stream_notes import Note, count_notes, encoder_notes, header_notes
from apps.deid.domain.write import EncapsulatedPixels, Fragment, NativePixels, write_instance

from .kinds import Tell, as_refused, kind_of, media_of, pictured


@dataclass(frozen=True)
class Produced:
    """What was written. ``was_copied``: its code streams are the source's own, cleaned. ``notes``:
    what was doubtful in the stream as it was sent."""

    sop_instance_uid: str
    header: HeaderResult = field(repr=False)
    transfer_syntax_uid: str
    n_frames: int
    encoder: str
    pixel_change: bool
    was_copied: bool = False
    notes: tuple[Note, ...] = ()


def header_actions(source: BinaryIO, context: DeidContext) -> dict[str, int]:
    """What the header rules will do, as counts by action. Raises Refused."""
    return deidentify_dataset(parse_instance(source).dataset, context).actions


def produce(
    source: BinaryIO,
    out: IO[bytes],
    context: DeidContext,
    decision: dict[str, Any] | None,
    *,
    copy: bool = True,
    proven: bool = False,
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Produced:
    """Write the de-identified instance to ``out`` (append-only). ``context.pixel_change`` is set
    here. Without ``copy`` no code stream of the source is kept: all is coded anew (a cine without
    loss). ``proven``: examination has decoded every picture of the stream as a copy holds it
    (``Examined.seen``). Raises Refused; StreamRefusal ``cancelled``."""
    parsed = parse_instance(source)
    kind = kind_of(parsed)
    try:
        if kind == "video":
            return _produce_video(parsed, out, context, decision, (copy, proven), tell, cancelled)
        if kind == "cine":
            return _produce_cine(parsed, out, context, decision, copy, tell, cancelled)
    except StreamRefusal as error:
        raise as_refused(error) from None
    header = deidentify_dataset(parsed.dataset, context)
    known = header.as_written.of
    write_instance(out, header.dataset, str(ExplicitVRLittleEndian), None, known)  # type: ignore[arg-type]
    return Produced(header.sop_instance_uid, header, str(ExplicitVRLittleEndian), 0, "", False)


@dataclass(frozen=True)
class _Stream:
    """The stream to be written: a reader of ``size_bytes``, and what the header says of it."""

    media: BinaryIO
    size_bytes: int
    syntax: str
    n_frames: int
    size_px: tuple[int, int]
    encoder: str = ""
    change: PixelChange | None = None
    notes: tuple[Note, ...] = ()


@contextmanager
def _copied(
    media: BinaryIO, info: probe.StreamInfo, proven: bool, told: Any, cancelled: Any
) -> Iterator[_Stream]:
    with remuxed(media, told, cancelled) as (made, copy):
        if not proven:
            check_copy(copy, cancelled)
            copy.seek(0)
        syntax = probe.transfer_syntax_for(info.codec, info.level, info.pix_fmt, made.size_bytes)
        yield _Stream(copy, made.size_bytes, syntax, made.n_frames, (info.width_px, info.height_px))


@contextmanager
def _encoded(
    media: BinaryIO, boxes: list[Box], spans: list[Span], *watched: Any
) -> Iterator[_Stream]:
    with redacted(media, boxes, spans, *watched) as (made, encoded):
        yield _Stream(
            encoded, made.size_bytes, made.transfer_syntax_uid, made.n_frames,
            (made.width_px, made.height_px), f"{made.encoder} {made.settings}",
            PixelChange(
                method=made.method,
                ratio=made.lossy_ratio,
                description="Pixels redacted" if boxes or spans else "Encoded once more",
            ),
            encoder_notes(
                n_filled=len(made.filled_frames),
                n_damaged=made.n_damaged,
                has_sizes="changed_size" in made.warnings,
            ),
        )  # fmt: skip


def _produce_video(
    parsed: ParsedInstance,
    out: IO[bytes],
    context: DeidContext,
    decision: dict[str, Any] | None,
    how: tuple[bool, bool],
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Produced:
    copy, proven = how
    media = media_of(parsed)
    info = probe.probe_stream(media)
    boxes, spans = to_blank(decision)

    def told(done: int, total: int) -> None:
        if tell is not None:
            tell(0.7 * done / max(total, 1), "blanking" if boxes or spans else "copying")

    with ExitStack() as stack:
        stream = None
        if copy and not boxes and not spans:
            try:
                stream = stack.enter_context(_copied(media, info, proven, told, cancelled))
            except StreamRefusal as error:
                if error.reason not in ("cannot_copy_stream", "no_transfer_syntax"):
                    raise
        if stream is None:
            stream = stack.enter_context(_encoded(media, boxes, spans, told, cancelled))
        notes = (
            *info.notes,
            *header_notes(parsed.dataset, info.pts, info.time_base),
            *stream.notes,
        )
        header = deidentify_dataset(parsed.dataset, replace(context, pixel_change=stream.change))
        ds = header.dataset
        ds.NumberOfFrames = stream.n_frames
        ds.Columns, ds.Rows = stream.size_px
        fragment = 1 << 30 if stream.syntax.endswith(".1") else None
        pixels = EncapsulatedPixels.video(stream.media, stream.size_bytes, fragment_bytes=fragment)
        write_instance(out, ds, stream.syntax, pixels, header.as_written.of)  # type: ignore[arg-type]
    return Produced(
        header.sop_instance_uid,
        header,
        stream.syntax,
        stream.n_frames,
        stream.encoder,
        stream.change is not None,
        was_copied=stream.change is None,
        notes=notes,
    )


def _produce_cine(
    parsed: ParsedInstance,
    out: IO[bytes],
    context: DeidContext,
    decision: dict[str, Any] | None,
    copy: bool,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Produced:
    ds, source = pictured(parsed)
    info = read_cine_info(ds)
    boxes, spans = to_blank(decision)
    boxes += [
        Box(0, 0, info.width_px, info.height_px, start_frame=s.start_frame, end_frame=s.end_frame)
        for s in spans
    ]

    def told(done: int, total: int) -> None:
        if tell is not None:
            tell(0.7 * done / max(total, 1), "blanking" if boxes else "copying")

    notes = tuple(count_notes(parsed.dataset, info.n_frames))
    change = PixelChange() if boxes else None
    header = deidentify_dataset(parsed.dataset, replace(context, pixel_change=change))
    if native_samples.fits(info, ds):
        samples = native_samples.PartsReader(native_samples.redact(source, info, boxes))
        syntax = str(ExplicitVRLittleEndian)
        header.dataset.NumberOfFrames = info.n_frames
        pixels = NativePixels(
            samples,  # type: ignore[arg-type]
            native_samples.size_bytes(info),
            info.bits_allocated,
            is_float=source.vr in ("OF", "OD"),
        )
        write_instance(out, header.dataset, syntax, pixels, header.as_written.of)  # type: ignore[arg-type]
        return Produced(
            header.sop_instance_uid, header, syntax, info.n_frames, "", bool(boxes), notes=notes
        )
    made = redact_cine(source, boxes, copy, progress=told, cancelled=cancelled)
    for keyword, value in made.attributes.items():
        setattr(header.dataset, keyword, value)
    if notes:
        header.dataset.NumberOfFrames = info.n_frames
    if info.photometric == "PALETTE COLOR":
        # The samples are RGB now: nothing reads the tables any more.
        for tag in range(0x00281101, 0x00281224):
            header.dataset.pop(tag, None)
    fragments = (Fragment(BytesIO(frame), len(frame)) for frame in made.frames)
    write_instance(
        out,  # type: ignore[arg-type]
        header.dataset,
        made.transfer_syntax_uid,
        EncapsulatedPixels(fragments),
        header.as_written.of,
    )
    return Produced(
        header.sop_instance_uid,
        header,
        made.transfer_syntax_uid,
        info.n_frames,
        "RLE Lossless" if made.was_decoded else "",
        bool(boxes),
        was_copied=not made.was_decoded,
        notes=notes,
    )
