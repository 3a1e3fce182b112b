"""SEG in the libraries of browser viewers: dcmjs (npm), native and deflated, and the segmentation
adapter of Cornerstone, by which OHIF reads.

A bar: it installs both by npm into a folder of its own (``DCMJS_MODULES`` names one with them)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.domain.release_samples import (
    COLUMNS,
    LESION_1,
    LESION_2,
    MASKS,
    N_FRAMES,
    ROWS,
    sample,
)

PACKAGES = ("dcmjs@0.51.1", "@cornerstonejs/adapters@5.14.0", "@babel/runtime@7")
pytestmark = pytest.mark.skipif(
    os.environ.get("BAR_FULL") != "1", reason="installs by npm: make bars NAME=dcmjs"
)


@pytest.fixture(scope="module")
def modules(tmp_path_factory) -> Path:
    if named := os.environ.get("DCMJS_MODULES"):
        return Path(named)
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(
        ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund",
         *PACKAGES], cwd=folder, check=True,
    )  # fmt: skip
    return folder / "node_modules"


@pytest.mark.parametrize("limit_bytes", [1 << 29, 0], ids=["native", "deflated"])
def test_dcmjs_finds_each_mask_on_its_frame_pixel_for_pixel(modules, tmp_path, limit_bytes):
    sample().build(tmp_path / "out", ["dicom-seg"], seg_native_limit_bytes=limit_bytes)
    path = tmp_path / "out" / "dicom" / "subject-a-01" / "seg.dcm"
    script = Path(__file__).with_name("read_dcmjs.mjs")
    done = subprocess.run(
        ["node", str(script), str(modules), str(path)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["size"] == [ROWS, COLUMNS]
    assert [label for _, label, _ in found["segments"]] == ["Lesion 1", "Lesion 2"]
    wanted = {
        (segment, frame + 1): pixels
        for segment, key in enumerate((LESION_1, LESION_2), 1)
        for frame, pixels in MASKS[key].items()
    }
    assert {(f["segment"], f["picture"]) for f in found["frames"]} == set(wanted)
    for frame in found["frames"]:
        drawn = np.flatnonzero(wanted[frame["segment"], frame["picture"]]).tolist()
        assert frame["pixels"] == drawn


def test_the_cornerstone_adapter_gives_each_mask_also_where_two_overlap(modules, tmp_path):
    sample().build(tmp_path / "out", ["dicom-seg"])
    path = tmp_path / "out" / "dicom" / "subject-a-01" / "seg.dcm"
    script = Path(__file__).with_name("read_cornerstone.mjs")
    done = subprocess.run(
        ["node", str(script), str(modules), str(path), str(N_FRAMES), str(ROWS), str(COLUMNS)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert [label for _, label in found["segments"]] == ["Lesion 1", "Lesion 2"]
    wanted = {
        (segment, frame + 1): np.flatnonzero(pixels).tolist()
        for segment, key in enumerate((LESION_1, LESION_2), 1)
        for frame, pixels in MASKS[key].items()
    }
    # Segments that share a pixel stand in a label map each: a mask comes back whole from one.
    given = {(f["segment"], f["picture"]): f["pixels"] for f in found["frames"]}
    assert given == wanted
