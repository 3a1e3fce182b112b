"""A release is written in pieces: by any number of workers, stopped and taken up at any moment."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from apps.release.domain import pieces
from apps.release.domain.build import ReleaseRefused
from apps.release.domain.freeze import dump_freeze
from apps.release.domain.freeze_file import LazyClips, open_freeze
from apps.release.domain.verify import verify_tree
from tests.domain.release_samples import sample

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("BAR_FULL")
KILLS = int(os.environ.get("BAR_RELEASE_KILLS", "1"))
# A place whose language is ASCII, and one whose language is not even installed.
PLAIN = {"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0",
         "PYTHONHASHSEED": "0"}  # fmt: skip
ELSEWHERE = {"TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4242"}
FORMATS = "dicom-seg,dicom-sr,coco-video,mot,mots,yolo,kitti,csv"
if FULL:
    FORMATS += ",cholec80,cholect50,endovis,cvat,datumaro"


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """A freeze file and its clips' instances, as another process takes them."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "freeze.json").write_bytes(dump_freeze(sample().freeze))
    for clip_id, content in sample().instances.items():
        (folder / clip_id).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "release"
    sample().build(folder, FORMATS.split(","))
    assert verify_tree(folder) == []
    return files_of(folder)


def command(given: Path, out: Path, *more: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", "tests.domain.write_freeze", str(given), str(out), FORMATS, *more]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def pythons() -> list[str]:
    """The other interpreters to write with: BAR_PYTHONS, each with this project's packages."""
    return [path for path in os.environ.get("BAR_PYTHONS", "").split(",") if path]


def write(given: Path, out: Path, *more: str, python: str = sys.executable, **env: str) -> None:
    done = subprocess.run(
        command(given, out, *more, python=python), cwd=out.parent, env=environment(**env),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(not FULL, reason="its parts are in the test of a build that was killed")
def test_three_workers_in_another_time_zone_locale_and_hash_seed_write_the_same_bytes(
    given, whole, tmp_path
):
    write(given, tmp_path / "three", "--workers", "3", **ELSEWHERE)
    assert files_of(tmp_path / "three") == whole


@pytest.mark.parametrize("python", pythons())
def test_another_python_writes_the_same_bytes(given, whole, tmp_path, python):
    write(given, tmp_path / "other", python=python)
    assert files_of(tmp_path / "other") == whole


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_build_that_was_killed_goes_on_with_three_workers_elsewhere_to_the_same_bytes(
    given, whole, tmp_path, kill
):
    chance, out = random.Random(kill), tmp_path / "out"
    # In pieces of the release, so that a slow machine is killed at the same places.
    wanted = chance.randrange(len(pieces.piece_names(making(out))) + 1)
    workers = ["--workers", "2"] if kill % 2 else []
    with subprocess.Popen(
        command(given, out, *workers), cwd=tmp_path, env=environment(**PLAIN),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        until = time.monotonic() + 120
        told = out / pieces.BUILDING
        while process.poll() is None and time.monotonic() < until:
            if told.is_dir() and len(list(told.glob("*-*.json"))) >= wanted:
                break
            time.sleep(0.001)
        time.sleep(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    if not told.is_dir() and out.exists():
        assert files_of(out) == whole
        return
    write(given, out, "--workers", "3", **ELSEWHERE)
    assert files_of(out) == whole


def making(out: Path) -> pieces.Making:
    return pieces.Making(sample().freeze, FORMATS.split(","), out, sample().open_instance)


def test_finished_pieces_stay_and_half_written_files_go(whole, tmp_path):
    out = tmp_path / "out"
    begun = making(out)
    assert pieces.begin(begun, "d" * 64) == set()
    pieces.write_piece(begun, "clip-0")
    pieces.write_piece(begun, "format-mot")
    (out / "kitti").mkdir()
    (out / "kitti" / "half.txt").write_text("half")
    (out / "labels" / "half").write_text("half")
    kept = {p: p.stat().st_mtime_ns for p in out.glob("mot/**/*.txt")}
    assert kept and pieces.begin(begun, "d" * 64) == {"clip-0", "format-mot"}
    assert not (out / "kitti").exists() and not (out / "labels" / "half").exists()
    assert {p: p.stat().st_mtime_ns for p in out.glob("mot/**/*.txt")} == kept
    with pytest.raises(ReleaseRefused, match="another release"):
        pieces.begin(begun, "e" * 64)
    with pytest.raises(ReleaseRefused, match="another release"):
        pieces.begin(replace(begun, formats=["mot"]), "d" * 64)


def test_a_freeze_read_from_its_file_is_the_freeze(given):
    lazy, held = open_freeze(given / "freeze.json"), sample().freeze
    assert isinstance(lazy.clips, LazyClips) and len(lazy.clips) == len(held.clips)
    assert lazy.heads == held.heads
    assert dump_freeze(lazy) == (given / "freeze.json").read_bytes()
    assert lazy.clips[-1].name == held.clips[-1].name
    with pytest.raises(IndexError):
        lazy.clips[len(held.clips)]


@pytest.mark.parametrize("name", ['quote" and \\', "brace } ] { [ inside", "ключ \u2028 ‮"])
def test_text_in_a_freeze_does_not_mislead_where_its_clips_lie(tmp_path, name):
    whole = sample().freeze
    left_out = [{"clip": name, "reason": f'"clips":[{{{name}'}]
    path = tmp_path / "freeze.json"
    path.write_bytes(dump_freeze(replace(whole, left_out=left_out, checkpoint=name)))
    found = open_freeze(path)
    assert found.left_out == left_out and found.heads == whole.heads
    assert json.loads(path.read_bytes())["clips"][0]["pts"] == base64.b64encode(
        found.clips[0].pts.astype("<i8").tobytes()
    ).decode("ascii")
