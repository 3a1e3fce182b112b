"""A clip as a file that is taken in: coded pictures wrapped as DICOM or left as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from fixtures import headers, instances, people
from tests.traps.streams import HEIGHT_PX, WIDTH_PX

MPEG2, H264, HEVC, HEVC_10 = (f"1.2.840.10008.1.2.4.{n}" for n in (101, 102, 107, 108))
JPEG, JPEG_2000, JPEG_2000_LOSSY = (f"1.2.840.10008.1.2.4.{n}" for n in (50, 90, 91))
RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True)
class Clip:
    """A file to be taken in. ``numbers``: what the picture of each index bears, None where the
    coded picture is gone or damaged (its index stays). ``warnings``: codes that the clip must
    have, and no others. ``held``: the reason where it must be refused instead. ``shown_px``: size
    that a picture was coded in, where it is not the clip's."""

    suffix: str
    data: bytes
    numbers: tuple[int | None, ...]
    warnings: frozenset[str] = frozenset()
    held: str = ""
    coded_px: tuple[tuple[int, int], ...] = ()

    def coded_size_px(self, index: int) -> tuple[int, int] | None:
        return self.coded_px[index] if self.coded_px else None


def dicom(
    name: str,
    video: bytes,
    syntax: str,
    numbers: Iterable[int | None],
    *warnings: str,
    held: str = "",
    frame_ms: str = "40",
    vector_ms: Sequence[str] = (),
    claimed: int | None = None,
    size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX),
) -> Clip:
    """A Video Endoscopic instance around ``video``."""
    numbers = tuple(numbers)
    n = len(numbers) if claimed is None else claimed
    ds = instances.video_header(
        people.MORGAN, people.THEATRE, "Trap Tower 7", *size_px, max(n, 1),
        max(n, 1) / 25, ("818983003", "Abdomen"), has_laterality=True,
    )  # fmt: skip
    ds.NumberOfFrames = n
    del ds.EffectiveDuration
    ds.FrameTime, ds.CineRate = frame_ms, round(1000 / float(frame_ms))
    ds.RecommendedDisplayFrameRate = ds.CineRate
    if vector_ms:
        del ds.FrameTime
        ds.FrameTimeVector, ds.FrameIncrementPointer = list(vector_ms), 0x00181065
    _name(ds, name)
    data = instances.with_video(ds, people.THEATRE, video, syntax)
    return Clip(".dcm", data, numbers, frozenset(warnings), held)


def cine(name: str, frames: Sequence[bytes], syntax: str, photometric: str, *warnings: str,
         claimed: int | None = None, vector_ms: Sequence[str] = ()) -> Clip:  # fmt: skip
    """A US Multi-frame instance of coded frames."""
    ds = headers.build(people.MORGAN, people.US_ROOM, "US", instances.US_MULTIFRAME, "Trap Sonus")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, photometric, 0
    ds.Rows, ds.Columns = HEIGHT_PX, WIDTH_PX
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.FrameOfReferenceUID = headers.fixed_uid(f"frame/traps/{name}")
    ds.Laterality = ds.PositionReferenceIndicator = None
    ds.NumberOfFrames = len(frames) if claimed is None else claimed
    ds.FrameTime, ds.FrameIncrementPointer, ds.CineRate = "40", 0x00181063, 25
    if vector_ms:
        del ds.FrameTime
        ds.FrameTimeVector, ds.FrameIncrementPointer = list(vector_ms), 0x00181065
    ds.LossyImageCompression = "00" if syntax in (RLE, JPEG_2000) else "01"
    if ds.LossyImageCompression == "01":
        ds.LossyImageCompressionRatio, ds.LossyImageCompressionMethod = "10", "ISO_10918_1"
    ds.UltrasoundColorDataPresent, ds.BurnedInAnnotation = 0, "YES"
    _name(ds, name)
    ds.PixelData = encapsulate(list(frames))
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    data = instances.to_file(ds, people.US_ROOM, syntax)
    return Clip(".dcm", data, tuple(range(len(frames))), frozenset(warnings))


def _name(ds: Dataset, name: str) -> None:
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(ds, keyword, headers.fixed_uid(f"{keyword}/traps/{name}"))


def plain(suffix: str, video: bytes, numbers: Iterable[int | None], *warnings: str) -> Clip:
    return Clip(suffix, video, tuple(numbers), frozenset(warnings))
