"""The Python client against the running server: download with resume, verify, frames, upload."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import numpy as np
import pytest
from django.core.wsgi import get_wsgi_application

from apps.access.tokens import make as make_token
from apps.library.domain.digest import picture_digest
from apps.release import services
from apps.release.signing import public_keys
from tests import builders
from tests.release.releasing import FORMATS, make_archive

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "client"))

from clinical_annot_client import (  # noqa: E402
    FrameDataset,
    PictureMismatchError,
    Release,
    Server,
    ServerError,
    VerificationError,
)
from clinical_annot_client.pictures import frame_digest  # noqa: E402

pytestmark = pytest.mark.django_db


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def served(do: Callable[[str], Any], around: Callable[[Any], Any] = lambda app: app) -> Any:
    """What ``do(url)`` gives in a thread, while this one, which holds the test's transaction,
    answers its requests."""
    server = make_server("127.0.0.1", 0, around(get_wsgi_application()), handler_class=_Quiet)
    server.timeout = 0.1
    kept: dict[str, Any] = {}

    def run() -> None:
        try:
            kept["given"] = do(f"http://127.0.0.1:{server.server_port}")
        except BaseException as error:
            kept["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            server.handle_request()
    finally:
        server.server_close()
    if "error" in kept:
        raise kept["error"]
    return kept["given"]


def _handed(project: Any, signed: Any, person: Any, folder: Path) -> tuple[Any, str, Path]:
    """A published release, a researcher's token for it, and where they downloaded it."""
    lead, researcher = person("project_lead"), person("researcher")
    frozen = services.freeze(lead, project, version="1.0.0", formats=FORMATS.split(","))
    services.approve(person("compliance_officer"), frozen)
    published = services.publish(lead, make_archive(frozen))
    token = make_token(researcher.user, "client")

    def do(url: str) -> Release:
        server = Server(url, token)
        return server.download(server.release("demo"), folder, public_keys()["release"])

    return published, token, served(do).folder


@pytest.fixture(scope="module")
def handed(kept, kept_signed, tmp_path_factory):
    return kept.make(_handed, kept_signed, kept.person, tmp_path_factory.mktemp("handed"))


@pytest.fixture
def published(handed, db) -> Any:
    return handed[0]


@pytest.fixture
def token(handed, db) -> str:
    return handed[1]


@pytest.fixture
def release(handed, db) -> Release:
    return Release(handed[2])


class Cutting:
    """Ends the first two answers of an archive after 30,000 bytes, as a broken line does."""

    def __init__(self, app: Any) -> None:
        self.app, self.asked = app, []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        answer = self.app(environ, start)
        if not environ["PATH_INFO"].endswith("/download"):
            return answer
        self.asked.append(environ.get("HTTP_RANGE"))
        body = b"".join(answer)
        with contextlib.suppress(AttributeError):
            answer.close()
        return [body[:30_000] if len(self.asked) < 3 else body]


def test_a_download_that_breaks_goes_on_where_it_ended(published, token, tmp_path):
    cutting = []

    def around(app: Any) -> Any:
        cutting.append(Cutting(app))
        return cutting[0]

    def do(url: str) -> Release:
        server = Server(url, token)
        return server.download(server.release("demo", "1.0.0"), tmp_path)

    found = served(do, around)
    assert cutting[0].asked == ["bytes=0-", "bytes=30000-", "bytes=60000-"]
    assert found.version == "1.0.0" and found.is_approved and len(found.clips) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo-1.0.0"]


def test_what_a_person_may_not_have_is_refused_with_the_server_s_words(published, person, tmp_path):
    stranger = make_token(person("annotator").user, "client")

    def do(url: str) -> list[Any]:
        with pytest.raises(ServerError) as unknown:
            Server(url, "ca_wrong").releases()
        with pytest.raises(LookupError):
            Server(url, stranger).release("demo")
        wanted = {"project": "demo", "version": "1.0.0",
                  "archive": {"size_bytes": 10, "sha256": "0"},
                  "download_url": f"/api/v1/releases/{published.pk}/download"}  # fmt: skip
        with pytest.raises(ServerError) as refused:
            Server(url, stranger).download(wanted, tmp_path)
        return [unknown.value.status, refused.value.status, refused.value.code]

    assert served(do) == [401, 404, "not_found"]


def test_each_frame_is_the_annotated_picture_with_its_labels(release, signed):
    (clip,) = release.clips
    frames = list(clip.frames())
    assert [frame.index for frame in frames] == list(range(signed.clip.n_frames))
    reader = clip.pictures()
    for index in (17, 3, 4, 39, 0):
        picture = reader.picture(index)
        assert frame_digest(picture) == picture_digest(picture).hex() == frames[index].digest
        assert (clip.frame(index).image == frames[index].image).all()
    reader.close()
    labels = [label for frame in frames for label in frame.labels]
    assert {label.geometry for label in labels} == {"mask", "tip", "box"}
    for label in labels:
        if label.geometry == "mask":
            assert label.mask.shape == frames[0].image.shape[:2] and label.mask.any()
            x, y, w, h = (int(v) for v in label.box)
            assert label.mask[y : y + h, x : x + w].sum() == label.mask.sum()
    tracks = {label.track for label in labels}
    assert len(tracks) == len([o for o in clip.info["objects"] if "number" in o])
    assert len(clip.intervals) == len([o for o in clip.info["objects"] if "start_frame" in o])


def test_a_dataset_gives_arrays_that_a_data_loader_can_stack(release):
    dataset = FrameDataset(release)
    assert len(dataset) == len(release.clips[0].labels)
    item = dataset[0]
    assert item["image"].dtype == np.uint8 and item["mask"].shape == item["image"].shape[:2]
    assert item["boxes"].shape[1:] == (4,) and item["points"].shape[1:] == (2,)
    masks = [dataset[i]["mask"].max() for i in range(len(dataset))]
    assert max(masks) > 0
    split = release.clips[0].split
    assert len(FrameDataset(release, split)) == len(dataset)
    others = {"train", "val", "test"} - {split}
    assert all(len(FrameDataset(release, other)) == 0 for other in others)
    assert len(FrameDataset(release, keyframes_only=True)) < len(dataset)
    assert len(FrameDataset(release, class_ids=["no such class"])) == 0


def test_verification_names_the_file_and_the_frame(release, tmp_path):
    release.verify(public_keys()["release"])
    with pytest.raises(VerificationError, match=r"^manifest\.sig: by another key"):
        release.verify(public_keys()["checkpoint"])
    paths = sorted(p for p in release.folder.rglob("*") if p.is_file() and p.stat().st_size)
    small = [release.folder / name for name in ("manifest.json", "manifest.sig", "SHA256SUMS")]
    chance, n = random.Random(11), 100 if os.environ.get("BAR_FULL") else 10
    for path in [*paths, *small * n]:
        good = path.read_bytes()
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        name = path.relative_to(release.folder).as_posix()
        with pytest.raises(VerificationError, match=rf"^{re.escape(name)}: "):
            release.verify(pictures=False)
        path.write_bytes(good)
    (clip,) = release.clips
    rows = [dict(row) for row in clip.rows]
    clip.rows[7]["digest"] = rows[8]["digest"]
    with pytest.raises(PictureMismatchError, match="frame 7 is not the picture"):
        list(clip.frames())


def test_pre_labels_are_uploaded_whole_or_refused_by_line(
    release, project, person, signed, tmp_path
):
    lead = make_token(person("project_lead").user, "client")
    clip = builders.ready_clip(project)
    sequence = next((release.folder / "mot").glob("specimen_bag-*/*"))
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder in (good, bad):
        shutil.copytree(sequence, folder / sequence.parent.name / clip.name)
    table = next(bad.rglob("gt.txt"))
    table.write_bytes(table.read_bytes() + b"frame,id,x,y,w,h,conf,class,visibility\n")

    def do(url: str) -> Any:
        server = Server(url, lead)
        with pytest.raises(ServerError) as refused:
            server.upload_labels(str(clip.pk), "mot", [bad])
        return refused.value, server.upload_labels(str(clip.pk), "mot", [good])

    refused, made = served(do)
    n_lines = len(table.read_bytes().splitlines())
    assert [row["line"] for row in refused.report["problems"]] == [n_lines]
    assert made["clip"] == str(clip.pk) and made["report"]["tracks"] > 0


def test_the_researcher_s_page_runs_as_it_is_written(published, token, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "guides" / "research-client.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.S))
    monkeypatch.setenv("ANNOT_TOKEN", token)
    monkeypatch.setenv("ANNOT_PROJECT", "demo")
    monkeypatch.setenv("ANNOT_FOLDER", str(tmp_path))
    monkeypatch.setenv("ANNOT_KEY", public_keys()["release"])
    told = io.StringIO()

    def do(url: str) -> None:
        os.environ["ANNOT_URL"] = url
        if python := os.environ.get("BAR_CLIENT_PYTHON"):  # with the installed client, as a reader
            done = subprocess.run(
                [python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr[-2000:]
            told.write(done.stdout)
            return
        with contextlib.redirect_stdout(told):
            exec(compile(code, "research-client.md", "exec"), {"__name__": "page"})

    monkeypatch.setenv("ANNOT_URL", "")
    served(do)
    assert "approved: True" in told.getvalue() and "frames to learn from, IoU" in told.getvalue()
