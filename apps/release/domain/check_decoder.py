#!/usr/bin/env python3
"""Does your decoder give the pictures that were annotated?

    python check_decoder.py [FOLDER] [--decoder NAME] [--seeks N]

FOLDER is the release (the folder of this script by default). Every decoder that is installed is
tried: ffmpeg (the command), pyav, opencv, decord, torchcodec; each reads every video of the
release from start to end and, where it offers that, by frame index at N places.

What is compared, and how far it proves anything:
- ffmpeg and pyav give the coded planes: SHA-256 of each picture against frames.csv. Exact.
- opencv, decord and torchcodec give RGB only, after a colour conversion of their own, so no digest
  can be compared. Each picture is reduced to 32 x 18 grey values and compared with the picture of
  the same index from pyav (itself held to the digests). This tells a wrong frame, not a wrong
  shade. Without pyav only the number of frames is compared, and that is said.

Prints a line a clip and decoder and the frame indices that differ. Exit code 0: all agree,
1: something differs, 2: nothing could be checked.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

GRID = (18, 32)
TOLERANCE = 6.0


def expected_digests(folder, clip):
    """Digests of a clip's frames from frames.csv, in order."""
    with open(folder / clip["frames_csv"], newline="") as file:
        return [row["digest"] for row in csv.DictReader(file)]


# ---- decoders that give the coded planes


def pyav_frames(path):
    import av

    with av.open(str(path)) as container:
        yield from container.decode(container.streams.video[0])


def pyav_digest(frame):
    import numpy as np

    sha = hashlib.sha256()
    wide = max(c.bits for c in frame.format.components) > 8
    for number, plane in enumerate(frame.planes):
        parts = [c for c in frame.format.components if c.plane == number]
        width = sum(c.width for c in parts) * (2 if wide else 1)
        if not frame.format.is_planar and len(frame.format.components) > 1:
            width = frame.width * frame.format.padded_bits_per_pixel // 8
        rows = parts[0].height if frame.format.is_planar else frame.height
        stored = np.frombuffer(plane, np.uint8)[: rows * plane.line_size]
        sha.update(stored.reshape(rows, plane.line_size)[:, :width].tobytes())
    return sha.hexdigest()


def pyav_digests(path):
    return [pyav_digest(frame) for frame in pyav_frames(path)]


def ffmpeg_digests(path):
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-noautorotate", "-i", str(path), "-map", "0:v:0",
         "-fps_mode", "passthrough", "-f", "framehash", "-hash", "sha256", "-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1:] or "ffmpeg failed")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return [line.rsplit(",", 1)[1].strip() for line in lines]


# ---- decoders that give RGB: (frames from start to end, frame by index or None)


def opencv_open(path):
    import cv2

    def start_to_end():
        video = cv2.VideoCapture(str(path))
        video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        while True:
            done, picture = video.read()
            if not done:
                return
            yield picture[..., ::-1]

    video = cv2.VideoCapture(str(path))
    video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)

    def by_index(i):
        video.set(cv2.CAP_PROP_POS_FRAMES, i)
        done, picture = video.read()
        return picture[..., ::-1] if done else None

    return start_to_end, by_index


def decord_open(path):
    import decord

    reader = decord.VideoReader(str(path))

    def start_to_end():
        for i in range(len(reader)):
            yield reader[i].asnumpy()

    return start_to_end, lambda i: reader[i].asnumpy() if i < len(reader) else None


def torchcodec_open(path):
    from torchcodec.decoders import VideoDecoder

    reader = VideoDecoder(str(path))

    def picture(i):
        return reader[i].permute(1, 2, 0).numpy() if i < len(reader) else None

    return lambda: (picture(i) for i in range(len(reader))), picture


EXACT = {"ffmpeg": ffmpeg_digests, "pyav": pyav_digests}
RGB = {"opencv": opencv_open, "decord": decord_open, "torchcodec": torchcodec_open}
MODULES = {"pyav": "av", "opencv": "cv2", "decord": "decord", "torchcodec": "torchcodec"}


def is_installed(name):
    if name == "ffmpeg":
        return shutil.which("ffmpeg") is not None
    try:
        __import__(MODULES[name])
    except (ImportError, OSError, RuntimeError):
        return False
    return True


def grey(picture):
    """32 x 18 means of the picture's grey values, float."""
    import numpy as np

    values = np.asarray(picture)[..., :3].astype(np.float32) @ np.array(
        [0.299, 0.587, 0.114], np.float32
    )
    rows = np.array_split(values, GRID[0], axis=0)
    return np.array([[b.mean() for b in np.array_split(r, GRID[1], axis=1)] for r in rows])


def reference_greys(path, expected):
    """Greys of pyav's pictures, or None when pyav is missing or does not hold to the digests."""
    if not is_installed("pyav"):
        return None
    greys, digests = [], []
    for frame in pyav_frames(path):
        greys.append(grey(frame.to_ndarray(format="rgb24")))
        digests.append(pyav_digest(frame))
    return greys if digests == expected else None


def differs(picture, reference):
    return picture is None or float(abs(grey(picture) - reference).mean()) > TOLERANCE


def named(indices):
    head = ", ".join(map(str, indices[:20]))
    return head + (f" and {len(indices) - 20} more" if len(indices) > 20 else "")


def check_exact(path, expected, digests_of):
    found = digests_of(path)
    bad = [i for i, (a, b) in enumerate(zip(found, expected)) if a != b]  # noqa: B905
    problems = [f"digests differ at {named(bad)}"] if bad else []
    if len(found) != len(expected):
        problems.append(f"{len(found)} frames instead of {len(expected)}")
    return problems, "every digest as in frames.csv"


def check_rgb(path, expected, opener, references, seeks):
    start_to_end, by_index = opener(path)
    if references is None:
        n = sum(1 for _ in start_to_end())
        problems = [] if n == len(expected) else [f"{n} frames instead of {len(expected)}"]
        return problems, "number of frames only (no exact decoder to compare with)"
    bad, n = [], 0
    for n, picture in enumerate(start_to_end(), 1):
        if n <= len(expected) and differs(picture, references[n - 1]):
            bad.append(n - 1)
    problems = [f"start to end: wrong picture at {named(bad)}"] if bad else []
    if n != len(expected):
        problems.append(f"{n} frames instead of {len(expected)}")
    count = min(seeks, len(expected))
    # A stride that is coprime to most lengths visits places out of order.
    places = sorted({(k * 7919) % len(expected) for k in range(count)}, key=lambda i: -(i % 7))
    wrong = sorted(i for i in places if differs(by_index(i), references[i]))
    if wrong:
        problems.append(f"by frame index: wrong picture at {named(wrong)}")
    return problems, f"right frame by grey values, start to end and at {len(places)} indices"


def main():
    parser = argparse.ArgumentParser(description="Does your decoder give the annotated pictures?")
    parser.add_argument("folder", nargs="?", default=str(Path(__file__).resolve().parent))
    parser.add_argument("--decoder", choices=[*EXACT, *RGB])
    parser.add_argument("--seeks", type=int, default=50)
    asked = parser.parse_args()
    folder = Path(asked.folder)
    names = [n for n in [*EXACT, *RGB] if asked.decoder in (None, n) and is_installed(n)]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    videos = [c for c in manifest["clips"] if c["media_kind"] == "video"]
    if not names or not videos:
        print("nothing to check: no video in the release, or no decoder installed")
        return 2
    code = 0
    for clip in videos:
        path, expected = folder / clip["media"], expected_digests(folder, clip)
        references = None
        if any(n in RGB for n in names):
            references = reference_greys(path, expected)
        for name in names:
            try:
                if name in EXACT:
                    problems, proof = check_exact(path, expected, EXACT[name])
                else:
                    problems, proof = check_rgb(path, expected, RGB[name], references, asked.seeks)
            except Exception as error:  # a decoder that fails is a finding, not a crash
                problems, proof = [f"does not decode: {type(error).__name__}: {error}"], ""
            if problems and name in EXACT and not clip["digest_exact"]:
                problems.append("this codec's decoders may differ in the last bit (digest_exact)")
            print(f"{clip['name']} {name}: {'; '.join(problems) or proof}")
            code = 1 if problems else code
    return code


if __name__ == "__main__":
    sys.exit(main())
