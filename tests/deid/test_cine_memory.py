"""A cine is read frame by frame: examined, blanked and searched in the same memory however long.

Small here, by what Python allocates; with ``BAR_FULL`` a worker's process with 2 GB at 1080p, the
text looked for too, and the bar of 400 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from apps.deid.domain import cine_source, pipeline
from apps.deid.domain.cine import rle_frame
from apps.deid.domain.header import DeidContext
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.write import (
    EncapsulatedPixels,
    Fragment,
    NativePixels,
    write_instance,
)

pytestmark = pytest.mark.timeout(3600)
FULL = bool(os.environ.get("BAR_FULL"))
WIDTH, HEIGHT, SHORT, LONG = (1920, 1080, 40, 346) if FULL else (160, 120, 4, 24)
# What one part of frames takes, read and made.
GROWTH_MB = 32
LIMIT_MB = 400

# The worker as it is: settings, rooms and their tasks loaded; then the work of one cine.
WORK = """
import io, json, sys
from pathlib import Path
import django
django.setup()
from apps.jobs import work
work.discover()
from apps.deid.domain import pipeline
from apps.deid.domain.header import DeidContext
from apps.deid.domain.profile import load_builtin
from apps.library.domain.cine_master import write_cine_master
from apps.deid.domain.parse import parse_instance

class Sink:
    def write(self, data): return len(data)

context = DeidContext(profile=load_builtin("basic"), uid_key=b"k" * 32, pseudonym="P-1",
                      pixels_confirmed=True, visual_features_confirmed=True)
box = {"x_px": 8, "y_px": 8, "width_px": 64, "height_px": 24, "start_frame": 0, "end_frame": None,
       "frame_index": 0, "kind": "unknown", "origin": "person", "action": "blank"}
looks = sys.argv[1] == "look"

def work_on(path):
    with open(path, "rb") as source, open(path + ".out", "w+b") as out:
        found = pipeline.examine(source, with_proposals=looks, header=context)
        decision = {"boxes": [box], "spans": []}
        made = pipeline.produce(source, out, context, decision)
        checked = pipeline.check(out, found.harvest, context.profile, made.header, decision,
                                 found.proposals, look_for_text=looks)
        assert checked.findings == ()
        ds, frames = pipeline.pictured(parse_instance(out))
        index = write_cine_master(ds, Sink(), decode=frames.arrays)
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))
    return {"n_frames": made.n_frames, "in_master": len(index.pts), "mb": peak}

print(json.dumps([work_on(path) for path in sys.argv[2:]]))
"""


class _Repeated:
    """The same bytes over and over."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, size: int) -> bytes:
        start = self._at % len(self._data)
        part = self._data[start : start + size]
        self._at += len(part)
        return part


def cine(path: Path, n_frames: int, syntax: str) -> None:
    """Written without being held: a picture, repeated."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = UltrasoundMultiFrameImageStorage, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientName, ds.PatientID, ds.Modality = "Zyxwood^Anna", "PAT-778899", "US"
    ds.Rows, ds.Columns, ds.NumberOfFrames, ds.FrameTime = HEIGHT, WIDTH, n_frames, 40
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    picture = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    picture[:, WIDTH // 8 :] = 40
    with path.open("wb") as out:
        if syntax == RLELossless:
            code = rle_frame(picture)
            fragments = (Fragment(_Repeated(code), len(code)) for _ in range(n_frames))
            write_instance(out, ds, syntax, EncapsulatedPixels(fragments))
        else:
            size = picture.nbytes * n_frames
            write_instance(out, ds, syntax, NativePixels(_Repeated(picture.tobytes()), size))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless], ids=["plain", "rle"])
def test_what_is_allocated_does_not_grow_with_the_frames_of_a_cine(
    tmp_path: Path, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame_bytes, peaks = WIDTH * HEIGHT * 3, []
    monkeypatch.setattr(cine_source, "_PART_BYTES", 2 * frame_bytes)
    context = DeidContext(
        load_builtin("basic"), b"k" * 32, "P-1", pixels_confirmed=True,
        visual_features_confirmed=True,
    )  # fmt: skip
    box = {
        "x_px": 8, "y_px": 8, "width_px": 64, "height_px": 24, "start_frame": 0, "end_frame": None,
        "action": "blank",
    }  # fmt: skip
    for n_frames in (SHORT, SHORT, LONG):
        cine(tmp_path / "in.dcm", n_frames, syntax)
        with open(tmp_path / "in.dcm", "rb") as source, open(tmp_path / "out.dcm", "w+b") as out:
            tracemalloc.start()
            pipeline.examine(source, with_proposals=False, header=context)
            made = pipeline.produce(source, out, context, {"boxes": [box], "spans": []})
            _, frames = pipeline.pictured(parse_instance(out))
            assert sum(1 for _ in frames.arrays()) == made.n_frames == n_frames
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # The first run also loads what both need.
    assert peaks[2] - peaks[1] < 6 * frame_bytes, peaks


@pytest.mark.skipif(not FULL, reason="two gigabytes")
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless], ids=["plain", "rle"])
def test_memory_does_not_grow_with_the_frames_of_a_cine(tmp_path: Path, syntax: str) -> None:
    paths = [tmp_path / f"{n}.dcm" for n in (SHORT, LONG)]
    for path, n_frames in zip(paths, (SHORT, LONG), strict=True):
        cine(path, n_frames, syntax)
    done = subprocess.run(
        [sys.executable, "-c", WORK, "look", *map(str, paths)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # The peak is the process's own: what the short one took first is the least the long one can.
    short, long = json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(f"{short} {long}\n")
    assert (long["n_frames"], long["in_master"]) == (LONG, LONG)
    assert long["mb"] - short["mb"] < GROWTH_MB and long["mb"] < LIMIT_MB
