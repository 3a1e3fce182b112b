import csv
import hashlib
import io
import subprocess

import numpy as np
import pytest
import video_clips as clips

from apps.library.domain.digest import (
    CSV_HEADER,
    digests,
    frames_csv,
    hex_digest,
    sample_digest,
)
from apps.library.domain.frame_index import WorkCancelled, build_index


@pytest.mark.parametrize("name", clips.CLIPS)
def test_digests_are_those_that_ffmpeg_prints(name, tmp_path):
    video = clips.CLIPS[name]()
    path = tmp_path / "clip"
    path.write_bytes(video)
    index = build_index(io.BytesIO(video))
    ours = digests(io.BytesIO(video), index)
    printed = subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            str(path),
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-f",
            "framehash",
            "-hash",
            "sha256",
            "-",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = [x.rsplit(",", 1)[1].strip() for x in printed.stdout.splitlines() if x[0] != "#"]
    assert [hex_digest(ours, i) for i in range(index.n_frames)] == theirs


def test_an_odd_picture_is_hashed_without_padding():
    video = clips.clip(n=3, codec="ffv1", container="matroska", width_px=271, height_px=143)
    index = build_index(io.BytesIO(video))
    assert len(digests(io.BytesIO(video), index)) == 3 * 32


def test_a_cine_picture_is_hashed_row_by_row_interleaved():
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    assert sample_digest(pixels[:, ::-1]) == hashlib.sha256(pixels[:, ::-1].tobytes()).digest()
    with pytest.raises(ValueError, match="uint8"):
        sample_digest(pixels.astype(np.uint16))


def test_the_frames_csv_has_one_line_a_picture():
    video = clips.CLIPS["variable rate, late start, b-frames"]()
    index = build_index(io.BytesIO(video))
    ours = digests(io.BytesIO(video), index)
    lines = list(frames_csv(index, ours))
    assert lines[0] == CSV_HEADER + "\n"
    rows = list(csv.DictReader(lines))
    assert len(rows) == 60
    assert rows[1] == {
        "frame_index": "1",
        "dicom_frame_number": "2",
        "pts": "5200",
        "time_base": "1/12800",
        "time_s": "0.015625",
        "digest": hex_digest(ours, 1),
    }
    with pytest.raises(ValueError, match="digests"):
        next(frames_csv(index, ours[:-32]))


def test_a_cancelled_pass_gives_no_digests():
    video = clips.clip(n=30)
    with pytest.raises(WorkCancelled):
        digests(io.BytesIO(video), build_index(io.BytesIO(video)), cancelled=lambda: True)
