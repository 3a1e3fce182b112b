"""A small synthetic release: a 40-frame video with every kind of label, and a 6-frame cine."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from apps.annotation.domain import rle
from apps.annotation.domain.expand import expanded_digest
from apps.library.domain.digest import digests, sample_digest
from apps.library.domain.frame_index import build_index
from apps.release.domain.build import FORMATS, build_release
from apps.release.domain.freeze import Freeze, canonical, draw_uids, load_freeze
from tests.domain.keys import KEY

ROWS, COLUMNS, N_FRAMES = 70, 90, 40  # rows × columns is no multiple of 8
VIDEO, CINE = "5b0a9f0e-8f5f-4a11-9c0d-0d3a52a7c001", "5b0a9f0e-8f5f-4a11-9c0d-0d3a52a7c002"
LESION_1, LESION_2, GRASPER, BAG = (f"0b8f2d1c-1111-4222-8333-00000000000{i}" for i in range(1, 5))
PREPARATION, DISSECTION, BLEEDING = (f"0b8f2d1c-1111-4222-8333-00000000001{i}" for i in range(3))
CINE_TIP = "0b8f2d1c-1111-4222-8333-000000000020"

PUBLIC_KEY = KEY.public_key().public_bytes_raw()


def _class(name: str, geometry: str, code: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    return {
        "id": name.lower(), "name": name, "geometry": geometry, "color": "#3fd7e8",
        "shortcut": "1", "guideline": f"Mark each {name.lower()}.", "attributes": [],
        "code": dict(zip(("value", "scheme", "meaning"), code, strict=True)), **more,
    }  # fmt: skip


ONTOLOGY = {
    "slug": "sample", "version": 1, "title": "Sample",
    "schemes": [{"designator": "99CLINANNOT", "name": "ClinicalAnnot", "uid": "2.25.77"}],
    "classes": [
        _class("Lesion", "mask", ("52988006", "SCT", "Lesion")),
        _class("Grasper", "tip", ("grasper", "99CLINANNOT", "Grasper"), attributes=[
            {"id": "jaw", "name": "Jaw", "type": "choice",
             "values": [{"id": "open", "name": "Open"}, {"id": "shut", "name": "Shut"}]},
        ]),
        _class("Bag", "box", ("specimen-bag-long-name", "99CLINANNOT", "Specimen bag"), attributes=[
            {"id": "torn", "name": "Torn", "type": "boolean"},
            {"id": "fill", "name": "Fill", "type": "number", "unit": "%", "minimum": 0,
             "maximum": 100},
        ]),
        _class("Preparation", "phase", ("preparation", "99CLINANNOT", "Preparation")),
        _class("Dissection", "phase", ("dissection", "99CLINANNOT", "Dissection")),
        _class("Bleeding", "event", ("50960005", "SCT", "Bleeding")),
    ],
}  # fmt: skip


def mask(top: int, left: int, height: int, width: int) -> np.ndarray:
    """A rectangle with a hole and a notch, bool (ROWS, COLUMNS)."""
    result = np.zeros((ROWS, COLUMNS), bool)
    result[top : top + height, left : left + width] = True
    result[top + 2 : top + 4, left + 3 : left + 5] = False
    result[top + height - 1, left : left + 2] = False
    return result


# frame index → pixels; the two lesions overlap on frames 5 and 6
MASKS = {
    LESION_1: {5: mask(10, 10, 20, 30), 6: mask(11, 12, 20, 30), 30: mask(0, 0, 70, 90)},
    LESION_2: {5: mask(20, 25, 30, 40), 6: mask(20, 26, 30, 41), 39: mask(64, 80, 6, 10)},
}


def _keyframe(state: str, shape: dict | None, **attributes: Any) -> dict[str, Any]:
    return {"state": state, "shape": shape, "attributes": attributes}


def _track(clip: str, class_id: str, number: int, keyframes: dict) -> dict[str, Any]:
    return {"clip": clip, "class_id": class_id, "number": number, "attributes": {},
            "keyframes": {str(k): v for k, v in keyframes.items()}}  # fmt: skip


def _interval(clip: str, class_id: str, start: int, end: int) -> dict[str, Any]:
    return {"clip": clip, "class_id": class_id, "start_frame": start, "end_frame": end,
            "attributes": {}}  # fmt: skip


def _tip(x: float, y: float) -> dict[str, Any]:
    return {"type": "tip", "point": [x, y]}


def video_labels() -> dict[str, Any]:
    """Two overlapping masks, a tip that is occluded and absent for a while, a box, intervals."""
    lesions = {
        key: _track(VIDEO, "lesion", number, {
            frame: _keyframe("visible", {"type": "mask", "rle": rle.encode(pixels)})
            for frame, pixels in MASKS[key].items()
        })
        for number, key in enumerate((LESION_1, LESION_2), 1)
    }  # fmt: skip
    empty = _keyframe("visible", {"type": "mask", "rle": rle.encode(np.zeros((ROWS, COLUMNS)))})
    lesions[LESION_1]["keyframes"]["20"] = empty
    return {
        "clips": [VIDEO],
        "tracks": {
            **lesions,
            GRASPER: _track(VIDEO, "grasper", 1, {
                2: _keyframe("visible", _tip(10.125, 20.5), jaw="open"),
                9: _keyframe("occluded", _tip(45.7, 33.3)),
                12: _keyframe("absent", None),
                20: _keyframe("visible", _tip(1.0, 2.0), jaw="shut"),
                27: _keyframe("visible", _tip(89.999, 69.0)),
            }),
            BAG: _track(VIDEO, "bag", 1, {
                0: _keyframe("visible", {"type": "box", "box": [5, 6.5, 20, 10]},
                             torn=False, fill=62.5),
                10: _keyframe("visible", {"type": "box", "box": [15, 6.5, 30, 12.25]}),
            }),
        },
        "intervals": {
            PREPARATION: _interval(VIDEO, "preparation", 0, 15),
            DISSECTION: _interval(VIDEO, "dissection", 15, N_FRAMES),
            BLEEDING: _interval(VIDEO, "bleeding", 17, 18),
        },
    }  # fmt: skip


def _cine_labels() -> dict[str, Any]:
    return {
        "clips": [CINE],
        "tracks": {CINE_TIP: _track(CINE, "grasper", 1, {1: _keyframe("visible", _tip(3.3, 4.4))})},
        "intervals": {},
    }


def _pictures(n: int, rows: int, columns: int) -> list[np.ndarray]:
    random = np.random.default_rng(7)
    base = random.integers(0, 255, (rows // 5 + 1, columns // 5 + 1, 3), np.uint8)
    big = np.repeat(np.repeat(base, 5, 0), 5, 1)[:rows, :columns]
    return [np.roll(big, 2 * i, axis=1) for i in range(n)]


@cache
def video_bytes() -> bytes:
    """H.264 in MP4, 25 fps, with a first PTS above 0."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=25, options={"threads": "1", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "yuv420p"
        for picture in _pictures(N_FRAMES, ROWS, COLUMNS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _instance(uid: str, sop_class: str, syntax: str, modality: str, **pixels: Any) -> bytes:
    values = Dataset()
    values.SOPClassUID, values.SOPInstanceUID = sop_class, uid
    values.StudyInstanceUID, values.SeriesInstanceUID = "2.25.10", "2.25.11"
    values.PatientID = values.PatientName = "subject"
    values.Modality = modality
    values.SamplesPerPixel, values.PlanarConfiguration = 3, 0
    values.BitsAllocated = values.BitsStored = 8
    values.HighBit, values.PixelRepresentation = 7, 0
    for keyword, value in pixels.items():
        setattr(values, keyword, value)
    values["PixelData"].VR = "OB"
    values.file_meta = FileMetaDataset()
    values.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dcmwrite(buffer, values, enforce_file_format=True)
    return buffer.getvalue()


@dataclass(frozen=True)
class Sample:
    """The freeze and what its clips' instances hold."""

    freeze: Freeze
    instances: dict[str, bytes]

    def open_instance(self, clip_id: str) -> io.BytesIO:
        """Opens a clip's de-identified instance."""
        return io.BytesIO(self.instances[clip_id])

    def build(self, folder: Path, formats: Any = FORMATS, **more: Any) -> dict[str, Any]:
        """Write the release."""
        return build_release(
            self.freeze, formats, folder, self.open_instance, KEY.sign, PUBLIC_KEY, **more
        )


def _signed(labels: dict[str, Any], sizes: dict[str, tuple[int, int, int]]) -> dict[str, Any]:
    digest = expanded_digest(labels, ONTOLOGY, sizes)
    statement = canonical({"meaning": "adjudicated", "expanded_digest": digest})
    return {
        "id": labels["clips"][0].replace("7c00", "7d00"), "revision": 4, "labels": labels,
        "expanded_digest": digest, "annotators": ["annotator-k3", "annotator-p8"],
        "audit_proof": {"entry": "opaque"},
        "signature": {
            "signer_pseudonym": "adjudicator-x1", "role": "adjudicator", "meaning": "adjudicated",
            "signed_at": "2026-03-01T09:30:00.000000Z", "digest": digest,
            "statement": base64.b64encode(statement).decode(),
            "server_signature": base64.b64encode(KEY.sign(statement)).decode(),
            "public_key": base64.b64encode(PUBLIC_KEY).decode(),
        },
    }  # fmt: skip


def _clip(key: str, name: str, pseudonym: str, **more: Any) -> dict[str, Any]:
    modality = more.pop("modality", "ES")
    return {
        "id": key, "name": name, "pseudonym": pseudonym, "study_uid": "2.25.10",
        "series_uid": "2.25.11", "digest_exact": True, **more,
        "header": {"PatientID": pseudonym, "PatientName": pseudonym, "StudyDate": "20200102",
                   "StudyTime": "101500", "StudyID": "1", "PatientSex": "F",
                   "Modality": modality},
    }  # fmt: skip


@cache
def freeze_json() -> str:
    """The sample's freeze as JSON text, lists instead of base64 (both are read)."""
    video = video_bytes()
    index = build_index(io.BytesIO(video))
    all_digests = digests(io.BytesIO(video), index)
    pictures = _pictures(6, 30, 40)
    sizes = {VIDEO: (N_FRAMES, COLUMNS, ROWS), CINE: (6, 40, 30)}
    clips = [
        _clip(
            VIDEO, "subject-a-01", "subject-a", sop_instance_uid="2.25.12",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.1.1",
            transfer_syntax_uid="1.2.840.10008.1.2.4.102", n_frames=N_FRAMES, rows=ROWS,
            columns=COLUMNS, time_base=list(index.time_base), fps=index.fps,
            pts=index.pts.tolist(), last_frame_duration_pts=int(index.duration_of_last),
            digests=[all_digests[i : i + 32].hex() for i in range(0, len(all_digests), 32)],
            media="video", media_sha256=hashlib.sha256(video).hexdigest(),
            label_set=_signed(video_labels(), sizes),
        ),
        _clip(
            CINE, "subject-b-01", "subject-b", sop_instance_uid="2.25.13",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.3.1",
            transfer_syntax_uid="1.2.840.10008.1.2.1", n_frames=6, rows=30, columns=40,
            time_base=[1, 1_000_000], fps=20.0, pts=[0, 50_000, 100_000, 150_000, 200_000, 250_000],
            digests=[sample_digest(p).hex() for p in pictures], media="cine", modality="US",
            media_sha256=hashlib.sha256(sample_instances()[CINE]).hexdigest(),
            label_set=_signed(_cine_labels(), sizes),
        ),
    ]  # fmt: skip
    drawn = iter(range(100, 200))
    return canonical({
        "format": "clinicalannot-freeze/1", "project": "sample", "version": "1.0.0",
        "frozen_at": "2026-03-02T12:00:00.000000Z",
        "software": {"name": "ClinicalAnnot", "version": "0.1.0"},
        "interpolator": {"name": "linear", "version": 1}, "seed": "sample project key",
        "profile": {"name": "basic", "version": "1", "digest": "0" * 64},
        "uids": draw_uids([VIDEO, CINE], lambda: f"2.25.{next(drawn)}"),
        "ontology": ONTOLOGY, "ontology_digest": hashlib.sha256(canonical(ONTOLOGY)).hexdigest(),
        "checkpoint": None, "clips": clips,
        "left_out": [{"clip": "subject-c-01", "reason": "not adjudicated"}],
    }).decode()  # fmt: skip


@cache
def sample_instances() -> dict[str, bytes]:
    """Clip id → the bytes of its de-identified instance."""
    pictures = _pictures(6, 30, 40)
    return {
        VIDEO: _instance(
            "2.25.12", "1.2.840.10008.5.1.4.1.1.77.1.1.1", "1.2.840.10008.1.2.4.102", "ES",
            Rows=ROWS, Columns=COLUMNS, NumberOfFrames=N_FRAMES,
            PhotometricInterpretation="YBR_PARTIAL_420",
            PixelData=encapsulate([video_bytes()], fragments_per_frame=3, has_bot=False),
        ),
        CINE: _instance(
            "2.25.13", "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.1.2.1", "US",
            Rows=30, Columns=40, NumberOfFrames=6, PhotometricInterpretation="RGB",
            PixelData=np.stack(pictures).tobytes(),
        ),
    }  # fmt: skip


def sample() -> Sample:
    """The whole sample."""
    return Sample(load_freeze(freeze_json()), sample_instances())
