"""A review copy is made in segments that stand: work that was broken off goes on after the last."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import av
import pytest
from django.test import Client

from apps.access import roles
from apps.audit.models import Event
from apps.jobs import work
from apps.keys.keyring import open_vault_file
from apps.library import tasks
from apps.library.domain.decode import FrameReader
from apps.library.domain.index_format import FrameIndex
from apps.library.models import Clip, ReviewSegment
from apps.vault.models import VaultFile
from tests import shared
from tests.builders import cleared_instance, ready_clip
from tests.deid.test_video_memory import repeated
from tests.deid.test_worker_killed import Place
from tests.domain.clips import read_index
from tests.traps import clips, streams

KILLS = int(os.environ.get("BAR_SEGMENT_KILLS", "0"))


class Killed(BaseException):
    """Nothing catches this, as nothing catches SIGKILL."""


def spans() -> list[list[int]]:
    events = Event.objects.filter(action="clip.segment").order_by("recorded_at")
    return [json.loads(bytes(event.entry))["public"]["frames"] for event in events]


@pytest.mark.django_db
def test_what_was_finished_before_the_worker_died_is_not_made_again(
    project: Any, person: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ready_clip(project)
    settings.CLINICAL_ANNOT_REVIEW_SEGMENT_FRAMES = 12
    tasks._register(cleared_instance(project))
    clip = Clip.objects.get(state=Clip.State.INDEXING)
    work.enqueue("library.make_clip", clip.pk, priority=99)
    real, made = tasks.encode_segment, []

    def encode(reader: Any, span: tuple[int, int], *rest: Any) -> None:
        if len(made) in (2, 3):
            made.append(("killed", span))
            raise Killed
        made.append(("made", span))
        real(reader, span, *rest)

    monkeypatch.setattr(tasks, "encode_segment", encode)
    for _ in range(2):
        handle = work.claim("test")
        assert handle is not None and handle.job.object_id == str(clip.pk)
        with pytest.raises(Killed):
            tasks.make_clip(handle)
        handle.job.state = handle.job.State.QUEUED
        handle.job.save()
        assert [(s.start_frame, s.end_frame) for s in clip.segments.all()] == [(0, 12), (12, 24)]
    client = Client()
    client.force_login(person(roles.PROJECT_LEAD).user)
    there = client.get(f"/api/v1/clips/{clip.pk}/segments/").json()
    assert [one["end_frame"] for one in there["segments"]] == [12, 24]
    url = there["segments"][1]["url"]
    part = client.get(url, headers={"Range": "bytes=0-"})
    assert part.status_code == 206 and part["Content-Type"] == "video/mp4"
    with av.open(io.BytesIO(part.content)) as container:
        shown = [read_index(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert shown == list(range(12, 24))
    client.force_login(person(roles.COMPLIANCE_OFFICER).user)
    assert client.get(url).status_code == 404
    handle = work.claim("test")
    assert handle is not None
    work.run(handle)
    clip.refresh_from_db()
    assert clip.state == Clip.State.READY and clip.review is not None
    assert [way for way, _ in made] == ["made", "made", "killed", "killed", "made", "made"]
    assert spans() == [[0, 12], [12, 24], [24, 36], [36, 40]]
    assert bytes(clip.digests or b"") == bytes(whole.digests or b"")
    assert bytes(clip.frame_index or b"") == bytes(whole.frame_index or b"")
    # The parts are gone, row and bytes; the whole plays each picture.
    assert not ReviewSegment.objects.exists()
    client.force_login(person(roles.PROJECT_LEAD).user)
    assert client.get(url).status_code == 404
    assert VaultFile.objects.filter(purpose="review").count() == 2
    index = FrameIndex.from_bytes(bytes(clip.review_index or b""))
    with open_vault_file(clip.review) as source, FrameReader(source, index) as reader:  # type: ignore[arg-type]
        assert [read_index(reader.rgb(i)) for i in (39, 11, 12, 0, 36)] == [39, 11, 12, 0, 36]


_PREPARE = """
from django.core.management import call_command
from apps.access.actor import service
from apps.projects.services import create_project
project = create_project(service("command"), None, slug="demo", name="Demo", ae_title="CLINANNOT")
project.options = {**project.options, "pixels_without_person": True}
project.save()
try:
    call_command("ingest", SOURCE, project="demo", pixels="keep")
except SystemExit as done:
    assert not done.code
"""


@pytest.mark.skipif(not KILLS, reason="in full size only: bench.bars review kills")
@pytest.mark.timeout(3600)
def test_a_worker_killed_at_random_moments_makes_each_segment_once(tmp_path: Path) -> None:
    n = 6000
    source = tmp_path / "source"
    source.mkdir()
    pictures = streams.encode(60, x264="bframes=2:keyint=60", size_px=(640, 352))
    repeated(pictures, tmp_path / "long.mp4", n)
    video = (tmp_path / "long.mp4").read_bytes()
    clip = clips.dicom("kills", video, clips.H264, range(n), size_px=(640, 352))
    (source / "a.dcm").write_bytes(clip.data)
    place = Place(tmp_path / "data")
    shared.copy_of_migrated_sqlite(place.folder / shared.DATABASE_FILE)
    place.env["CLINICAL_ANNOT_REVIEW_SEGMENT_FRAMES"] = "60"
    place.command("shell", "-v", "0", "-c", f"SOURCE = {str(source)!r}{_PREPARE}")
    draw, kills, made_before = random.Random(7), 0, -1
    ready = "SELECT n_frames FROM library_clip WHERE state = 'ready'"
    deadline = time.monotonic() + 1800
    worker = place.worker()
    try:
        while not place.asked(ready):
            assert time.monotonic() < deadline, place.asked("SELECT kind, state FROM jobs_job")
            time.sleep(0.05)
            running = place.running()
            if kills == KILLS or not running or running[0][0] != "library.make_clip":
                continue
            # At random within or after a segment that is newer than those of the last time, so that
            # the work gets on however slow the machine is.
            n_made = place.asked("SELECT count(*) FROM library_reviewsegment")[0][0]
            if n_made <= made_before:
                continue
            time.sleep(draw.uniform(0.0, 0.6))
            made_before = n_made
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            kills += 1
            place.whole_files()
            worker = place.worker()
    finally:
        worker.kill()
        worker.wait()
    assert place.asked(ready) == [(n,)]
    entries = place.asked("SELECT entry FROM audit_event WHERE action = 'clip.segment'")
    made = sorted(tuple(json.loads(entry)["public"]["frames"]) for (entry,) in entries)
    assert made == [(start, start + 60) for start in range(0, n, 60)], "each once"
    assert kills == KILLS
    place.whole_files()
