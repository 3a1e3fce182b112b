"""The label formats: each with its folder in a release, its writer and its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.release.domain import coco_video, mot
from apps.release.domain.formats import (
    cholec80,
    cholect50,
    coco_reader,
    csv_tables,
    cvat,
    datumaro,
    dicom_reader,
    endovis,
    kitti,
    mots,
    parquet_tables,
    yolo,
)
from apps.release.domain.importing import Reader
from apps.release.domain.view import Create, Dropped, ReleaseView

Write = Callable[[ReleaseView, Create], Dropped]


@dataclass(frozen=True)
class Format:
    """`write` is None for the DICOM objects, which are written beside their clip; `holds` says in
    a line what the format is for."""

    name: str
    folder: str
    holds: str
    write: Write | None
    read: Reader

    @property
    def is_usual(self) -> bool:
        """Chosen already in a form."""
        return self.name in ("dicom-seg", "dicom-sr", "coco-video", "mot")


FORMATS = {
    f.name: f
    for f in (
        Format("dicom-seg", "dicom", "masks, tied to the exact frames", None,
               dicom_reader.read_seg),
        Format("dicom-labelmap", "dicom", "masks as one class map a frame, overlaps apart", None,
               dicom_reader.read_labelmap),
        Format("dicom-sr", "dicom", "tips, boxes, phases, events (TID 1500)", None,
               dicom_reader.read_sr),
        Format("coco-video", "coco_video", "everything, image-level and YouTube-VIS",
               coco_video.write, coco_reader.read),
        Format("mot", "mot", "boxes with identity (MOTChallenge)", mot.write, mot.read),
        Format("mots", "mots", "masks with identity, text and PNG (KITTI MOTS)", mots.write,
               mots.read),
        Format("yolo", "yolo", "detect, segment, pose, with track ids", yolo.write, yolo.read),
        Format("kitti", "kitti", "boxes with identity (KITTI tracking)", kitti.write, kitti.read),
        Format("cholec80", "cholec80", "phases and tool presence", cholec80.write, cholec80.read),
        Format("cholect50", "cholect50", "instruments with boxes, verb, target, phase",
               cholect50.write, cholect50.read),
        Format("endovis", "endovis", "a class map a frame", endovis.write, endovis.read),
        Format("cvat", "cvat", "tracks for CVAT (video XML 1.1)", cvat.write, cvat.read),
        Format("datumaro", "datumaro", "masks, tips, boxes, spans, Datumaro's JSON", datumaro.write,
               datumaro.read),
        Format("csv", "csv", "everything as tables", csv_tables.write, csv_tables.read),
        Format("parquet", "parquet", "the same tables, typed (Parquet)", parquet_tables.write,
               parquet_tables.read),
    )
}  # fmt: skip
