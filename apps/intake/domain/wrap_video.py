"""A plain video file as a Video Endoscopic Image instance: stream copied where DICOM has a transfer
syntax for it, else encoded once (said in the warnings)."""

from __future__ import annotations

import io
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import av
from av.container import InputContainer
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import UID

VIDEO_ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".webm")
MAX_FRAGMENT_BYTES = (1 << 32) - 2
_LEGAL_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "mpegts"}


class NotAVideo(ValueError):
    """libav finds no video stream that decodes."""


@dataclass(frozen=True)
class WrappedVideo:
    """An instance: ``head``, then ``stream`` (``size_bytes`` long) as encapsulated fragments."""

    head: bytes
    stream: BinaryIO
    size_bytes: int
    warnings: tuple[str, ...]

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
    elif codec == "hevc" and pix_fmt in ("yuv420p", "yuv420p10le"):
        number = "107" if pix_fmt == "yuv420p" else "108"
    elif codec == "mpeg2video":
        number = "101"
    else:
        number = None
    return f"1.2.840.10008.1.2.4.{number}" if number else None


def wrap(source: BinaryIO, sha256: str) -> WrappedVideo:
    """Wrap a seekable video file; ``sha256`` of its bytes names the instance, so that the same file
    again is the same instance. Raises NotAVideo."""
    warnings: list[str] = []
    source.seek(0)
    try:
        with cast(InputContainer, av.open(source, metadata_errors="replace")) as container:
            streams = [s for s in container.streams.video if not _is_cover(s)]
            if not streams:
                raise NotAVideo("no video stream")
            stream, context = streams[0], streams[0].codec_context
            size = (context.width, context.height)
            codec, level, pix_fmt = context.name, context.level or 0, context.pix_fmt or ""
            name = container.format.name
            n_frames = len([packet for packet in container.demux(stream) if packet.size])
            rate = float(stream.average_rate or 25)
    except av.FFmpegError as error:
        raise NotAVideo("the file cannot be opened as a video") from error
    syntax = _transfer_syntax(codec, level, pix_fmt)
    if len(streams) > 1:
        warnings.append("second_video_stream")
    if syntax is None:
        warnings.append("encoded")
        held, syntax = _encoded(source), "1.2.840.10008.1.2.4.102"
    elif name not in _LEGAL_CONTAINERS or len(streams) > 1:
        held = _copied(source)
    else:
        held = source
    size_bytes = held.seek(0, io.SEEK_END)
    if size_bytes > MAX_FRAGMENT_BYTES:
        # The fragmentable form of the same transfer syntax (PS3.5 section 8.2.5 and following).
        syntax += ".1"
    head = _head(sha256, syntax, size, n_frames, rate)
    head += struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    head += struct.pack("<HHL", 0xFFFE, 0xE000, 0)
    return WrappedVideo(head, held, size_bytes, tuple(warnings))


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _copied(source: BinaryIO) -> BinaryIO:
    source.seek(0)
    out = io.BytesIO()
    with (
        cast(InputContainer, av.open(source, metadata_errors="replace")) as container,
        av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as target,
    ):
        stream = next(s for s in container.streams.video if not _is_cover(s))
        copy = target.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.dts is not None and packet.size:
                packet.stream = copy
                target.mux(packet)
    return out


def _encoded(source: BinaryIO) -> BinaryIO:
    source.seek(0)
    out = io.BytesIO()
    with (
        cast(InputContainer, av.open(source, metadata_errors="replace")) as container,
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
        for packet in made.encode():
            target.mux(packet)
    return out


def _uid(sha256: str, what: str) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{what}/{sha256}').int}"


def _head(sha256: str, syntax: str, size: tuple[int, int], n_frames: int, rate: float) -> bytes:
    ds = Dataset()
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(VIDEO_ENDOSCOPIC)
    uid = UID(_uid(sha256, "instance"))
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = _uid(sha256, "study"), _uid(sha256, "series")
    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"):
        setattr(ds, keyword, "")
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID"):
        setattr(ds, keyword, "")
    ds.ContentDate, ds.ContentTime, ds.Laterality = "", "", ""
    ds.PatientOrientation, ds.Manufacturer = "", ""
    ds.AcquisitionContextSequence = []
    ds.Modality = "ES"
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.NumberOfFrames = n_frames
    ds.CineRate, ds.FrameTime = max(1, round(rate)), f"{1000 / rate:.6g}"
    ds.FrameIncrementPointer = 0x00181063
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 3, "YBR_PARTIAL_420"
    ds.PlanarConfiguration = 0
    ds.Columns, ds.Rows = size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.LossyImageCompression, ds.BurnedInAnnotation = "01", "YES"
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()
