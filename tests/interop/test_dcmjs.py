"""SEG in the library of browser viewers: dcmjs (npm), native and deflated.

A bar: it installs dcmjs by npm into a folder of its own (``DCMJS_MODULES`` names one with it)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.domain.release_samples import COLUMNS, LESION_1, LESION_2, MASKS, ROWS, sample

VERSION = "0.51.1"
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
         f"dcmjs@{VERSION}"], cwd=folder, check=True,
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
