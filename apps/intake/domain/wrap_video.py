"""A plain video file as a Video Endoscopic or Photographic Image instance: stream copied where
DICOM has a transfer syntax for it, else encoded once (said in the warnings)."""

from __future__ import annotations

import io
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, cast

import av
from av.container import InputContainer
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import UID

from apps.intake.domain.study_data import StudyData

VIDEO_ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
# SOP class and modality.
KINDS = {
    "endoscopic": (VIDEO_ENDOSCOPIC, "ES"),
    "photographic": ("1.2.840.10008.5.1.4.1.1.77.1.4.1", "XC"),
}
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".webm")
MAX_FRAGMENT_BYTES = (1 << 32) - 2
_LEGAL_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "mpegts"}


_METHODS = {"h264": "ISO_14496_10", "hevc": "ISO_23008_2", "mpeg2video": "ISO_13818_2"}
# Where times are missing (AVI) they are made from the order of the packets.
_OPTIONS = {"fflags": "+genpts"}


class NotAVideo(ValueError):
    """libav finds no video stream that decodes."""


@dataclass(frozen=True)
class WrappedVideo:
    """An instance: ``head``, then ``stream`` (``size_bytes`` long) as encapsulated fragments.
    ``codec`` is the file's own; ``how`` is ``as_it_is``, ``container_changed`` or ``encoded``."""

    head: bytes
    stream: BinaryIO
    size_bytes: int
    warnings: tuple[str, ...]
    codec: str
    how: str

    def pieces(self) -> Iterator[bytes]:
        """The instance's bytes in order (PS3.5 section A.4). Raises OSError when the stream is
        shorter than it was."""
        yield self.head
        self.stream.seek(0)
        left = self.size_bytes
        while left:
            length = min(left, MAX_FRAGMENT_BYTES)
            left -= length
            pad = length % 2
            yield struct.pack("<HHL", 0xFFFE, 0xE000, length + pad)
            while length:
                block = self.stream.read(min(length, 1 << 20))
                if not block:
                    raise OSError("the video became shorter while it was read")
                length -= len(block)
                yield block
            yield bytes(pad)
        yield struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def _transfer_syntax(codec: str, level: int, pix_fmt: str) -> str | None:
    if codec == "h264" and pix_fmt in ("yuv420p", "yuvj420p"):
        number = "102" if level <= 41 else "104" if level <= 42 else None
    elif codec == "hevc" and pix_fmt in ("yuv420p", "yuv420p10le") and level <= 153:
        number = "107" if pix_fmt == "yuv420p" else "108"
    elif codec == "mpeg2video" and pix_fmt == "yuv420p":
        number = "101"
    else:
        number = None
    return f"1.2.840.10008.1.2.4.{number}" if number else None


def wrap(
    source: BinaryIO,
    sha256: str,
    study: StudyData | None = None,
    part: int = 1,
    kind: str = "endoscopic",
) -> WrappedVideo:
    """Wrap a seekable video file. ``sha256`` of its bytes names the instance, so that the same file
    again is the same instance; with ``study`` it is instance ``part`` of that study. Raises
    NotAVideo."""
    info = _look(source)
    syntax = _transfer_syntax(info.codec, info.level, info.pix_fmt)
    warnings = ["second_video_stream"] if info.n_streams > 1 else []
    held, how = None, "as_it_is"
    if syntax is not None and not (info.is_legal_container and info.n_streams == 1):
        held, how = _copied(source, info.codec), "container_changed"
    elif syntax is not None:
        held = source
    codec, n_frames = info.codec, info.n_frames
    if held is None or syntax is None:
        try:
            (held, n_frames), how = _encoded(source), "encoded"
        except av.FFmpegError as error:
            raise NotAVideo("the file does not decode as a video") from error
        syntax, codec = "1.2.840.10008.1.2.4.102", "h264"
        if not n_frames:
            raise NotAVideo("no picture decodes")
    if how != "as_it_is":
        warnings.append(how)
    size_bytes = held.seek(0, io.SEEK_END)
    if size_bytes > MAX_FRAGMENT_BYTES:
        # The fragmentable form of the same transfer syntax (PS3.5 section 8.2.5 and following).
        syntax += ".1"
    ds = _header(sha256, info, n_frames, study, part, kind)
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.LossyImageCompressionMethod = _METHODS[codec]
    plain_bytes = info.size_px[0] * info.size_px[1] * 3 * n_frames
    ds.LossyImageCompressionRatio = f"{max(1.0, plain_bytes / max(1, size_bytes)):.2f}"
    if how == "encoded":
        ds.ImageType = ["DERIVED", "PRIMARY"]
        ds.DerivationDescription = f"Encoded as H.264 from {info.codec}"[:1024]
        ds.Columns, ds.Rows = info.size_px[0] // 2 * 2, info.size_px[1] // 2 * 2
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    head = out.getvalue() + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    head += struct.pack("<HHL", 0xFFFE, 0xE000, 0)
    return WrappedVideo(head, held, size_bytes, tuple(warnings), info.codec, how)


@dataclass(frozen=True)
class _Info:
    size_px: tuple[int, int]
    codec: str
    level: int
    pix_fmt: str
    is_legal_container: bool
    n_streams: int
    n_frames: int
    rate: float


def _look(source: BinaryIO) -> _Info:
    source.seek(0)
    is_188 = source.read(189)[::188] == b"GG"
    source.seek(0)
    try:
        with cast(InputContainer, av.open(source, metadata_errors="replace")) as container:
            streams = [s for s in container.streams.video if not _is_cover(s)]
            if not streams:
                raise NotAVideo("no video stream")
            stream, context = streams[0], streams[0].codec_context
            name = container.format.name
            is_legal = name in _LEGAL_CONTAINERS
            # QuickTime's own files are no MP4, and 192-byte packets no transport stream.
            if name == "mpegts":
                is_legal = is_188
            elif is_legal:
                is_legal = container.metadata.get("major_brand", "qt").strip() != "qt"
            return _Info(
                (context.width, context.height),
                context.name,
                context.level or 0,
                context.pix_fmt or "",
                is_legal,
                len(streams),
                len(times := [packet.pts for packet in container.demux(stream) if packet.size]),
                _rate(times, stream),
            )
    except av.FFmpegError as error:
        raise NotAVideo("the file cannot be opened as a video") from error


def _rate(times: list[int | None], stream: av.VideoStream) -> float:
    """Pictures a second by their times, else as the container says."""
    known = [time for time in times if time is not None]
    span = (max(known) - min(known)) * (stream.time_base or 0) if known else 0
    if len(known) == len(times) > 1 and span:
        return float((len(times) - 1) / span)
    return float(stream.average_rate or 25)


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _copied(source: BinaryIO, codec: str) -> BinaryIO | None:
    """The stream in MP4 (MPEG-2: a transport stream), or None where its packets have no times of
    their own to be put by."""
    decode_times = _decode_times(source)
    if decode_times is None:
        return None
    source.seek(0)
    out, copied = io.BytesIO(), 0
    form = "mpegts" if codec == "mpeg2video" else "mp4"
    try:
        with (
            cast(
                InputContainer, av.open(source, metadata_errors="replace", options=_OPTIONS)
            ) as container,
            av.open(out, "w", format=form, options={"fflags": "+bitexact"}) as target,
        ):
            stream = next(s for s in container.streams.video if not _is_cover(s))
            copy = target.add_stream_from_template(stream)
            for packet in container.demux(stream):
                if packet.size:
                    packet.stream, packet.dts = copy, decode_times[copied]
                    copied += 1
                    target.mux(packet)
    except (av.FFmpegError, ValueError):
        return None
    return out if copied == len(decode_times) else None


def _decode_times(source: BinaryIO) -> list[int] | None:
    """A decoding time for each packet; None where presentation times are missing or repeated.

    Matroska says none for the first pictures: times in order, moved back until none is later than
    its picture's presentation, are as good.
    """
    source.seek(0)
    with cast(
        InputContainer, av.open(source, metadata_errors="replace", options=_OPTIONS)
    ) as container:
        stream = next(s for s in container.streams.video if not _is_cover(s))
        packets = [(p.pts, p.dts) for p in container.demux(stream) if p.size]
    shown = [pts for pts, _ in packets if pts is not None]
    given = [dts for _, dts in packets if dts is not None]
    if len(shown) != len(packets) or len(set(shown)) != len(shown):
        return None
    if len(given) == len(packets) and all(a < b for a, b in pairwise(given)):
        return given
    ordered = sorted(shown)
    delay = max((ordered[i] - pts for i, pts in enumerate(shown)), default=0)
    return [time - delay for time in ordered]


def _encoded(source: BinaryIO) -> tuple[BinaryIO, int]:
    """The pictures as H.264 in MP4, and their number."""
    source.seek(0)
    out, n_frames = io.BytesIO(), 0
    with (
        cast(
            InputContainer, av.open(source, metadata_errors="replace", options=_OPTIONS)
        ) as container,
        av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as target,
    ):
        stream = next(s for s in container.streams.video if not _is_cover(s))
        made = target.add_stream("libx264", rate=stream.average_rate or 25)
        made.width, made.height = stream.width // 2 * 2, stream.height // 2 * 2
        made.pix_fmt, made.time_base = "yuv420p", stream.time_base
        made.options = {"crf": "14", "preset": "veryfast", "bf": "0", "threads": "2"}
        for frame in container.decode(stream):
            frame.pict_type = av.video.frame.PictureType.NONE
            for packet in made.encode(frame.reformat(made.width, made.height, "yuv420p")):
                target.mux(packet)
            n_frames += 1
        for packet in made.encode():
            target.mux(packet)
    return out, n_frames


def _uid(sha256: str, what: str) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{what}/{sha256}').int}"


def _header(
    sha256: str, info: _Info, n_frames: int, study: StudyData | None, part: int, kind: str
) -> Dataset:
    sop_class, modality = KINDS[kind]

    def uid(what: str) -> str:
        return study.uid(what) if study is not None else _uid(sha256, what)

    ds = Dataset()
    ds.ensure_file_meta()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    named = UID(uid(f"instance/{kind}/{sha256}") if study else _uid(sha256, "instance"))
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = named
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid("study"), uid("series")
    ds.StudyDate = study.study_date if study else ""
    ds.StudyTime = study.study_time if study else ""
    ds.AccessionNumber = study.accession_number if study else ""
    ds.ReferringPhysicianName = ""
    ds.PatientName = study.patient_name if study else ""
    ds.PatientID = study.patient_id if study else ""
    ds.PatientBirthDate = study.patient_birth_date if study else ""
    ds.PatientSex = study.patient_sex if study else ""
    ds.StudyID = study.study_id if study else ""
    if study is not None and study.study_description:
        ds.StudyDescription = study.study_description
    ds.ContentDate, ds.ContentTime, ds.Laterality = ds.StudyDate, ds.StudyTime, ""
    ds.PatientOrientation, ds.Manufacturer = "", ""
    ds.AcquisitionContextSequence = []
    ds.Modality = modality
    ds.SeriesNumber, ds.InstanceNumber = 1, part
    ds.NumberOfFrames = n_frames
    ds.CineRate, ds.FrameTime = max(1, round(info.rate)), f"{1000 / info.rate:.6g}"
    ds.FrameIncrementPointer = 0x00181063
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 3, "YBR_PARTIAL_420"
    ds.PlanarConfiguration = 0
    ds.Columns, ds.Rows = info.size_px
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.LossyImageCompression, ds.BurnedInAnnotation = "01", "YES"
    return ds
