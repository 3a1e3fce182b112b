"""A clip that is made says where its shots change, whatever the browser plays of it."""

from __future__ import annotations

import io
import json
from typing import Any

import av
import numpy as np
import pytest

from apps.jobs import work
from apps.jobs.models import Job
from apps.library import queries, tasks
from apps.library.models import Clip
from apps.vault.files import storage
from apps.vault.models import VaultFile
from tests import builders
from tests.domain.moving_clip import texture

pytestmark = pytest.mark.django_db


def two_shots(n_frames: int = 40) -> bytes:
    """The second shot begins with frame 17, within a group."""
    out = io.BytesIO()
    grounds = [texture(np.random.default_rng(seed), 240, 400, 45.0) for seed in (30, 41)]
    with av.open(out, "w", format="mp4") as target:
        video = target.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = builders.WIDTH_PX, builders.HEIGHT_PX, "yuv420p"
        video.options = {"preset": "ultrafast", "g": "12", "bf": "0", "threads": "1"}
        for i in range(n_frames):
            grey = np.ascontiguousarray(grounds[i >= 17][:, i : i + 320])
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            target.mux(video.encode(frame))
        target.mux(video.encode())
    return out.getvalue()


@pytest.mark.parametrize("has_copy", [False, True])
def test_a_clip_says_where_its_shots_change(
    project: Any, monkeypatch: pytest.MonkeyPatch, has_copy: bool
) -> None:
    monkeypatch.setattr(builders, "stream", two_shots)
    monkeypatch.setattr(tasks, "needs_review_copy", lambda *_: (has_copy, ""))
    clip = builders.ready_clip(project)
    assert (clip.review is not None) == has_copy
    assert queries.as_json(clip)["shots"] == [17] == json.loads(json.dumps(clip.shots))


def test_the_edges_of_what_was_blanked_are_told(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "stream", two_shots)
    clip = builders.ready_clip(project)
    Clip.objects.filter(pk=clip.pk).update(blanked_spans=[[30, 33]])
    clip.refresh_from_db()
    assert queries.as_json(clip)["shots"] == [17, 30, 33] == queries.shots_of(clip)
    # Where a picture cannot be decoded nobody looked; what was blanked is known all the same.
    Clip.objects.filter(pk=clip.pk).update(shots=None)
    clip.refresh_from_db()
    assert queries.as_json(clip)["shots"] == [30, 33]


class Killed(BaseException):
    """Nothing catches this, as nothing catches SIGKILL."""


def unnamed() -> list[str]:
    """Whole files in the vault that no row names."""
    named = {pk.hex for pk in VaultFile.objects.values_list("pk", flat=True)}
    return sorted(name for name, _ in storage().names() if name not in named)


@pytest.mark.parametrize("end", ["cancelled", "failed", "killed"])
@pytest.mark.parametrize("segment_frames", [12, 1000])
def test_a_search_that_ends_early_leaves_no_file_behind(
    project: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    end: str,
    segment_frames: int,
) -> None:
    monkeypatch.setattr(tasks, "needs_review_copy", lambda *_: (True, ""))
    settings.CLINICAL_ANNOT_REVIEW_SEGMENT_FRAMES = segment_frames
    tasks._register(builders.cleared_instance(project))
    clip = Clip.objects.get(state=Clip.State.INDEXING)
    work.enqueue("library.make_clip", clip.pk, priority=99)
    handle = work.claim("test")
    assert handle is not None
    real, before = tasks.find_shots, unnamed()

    def search(*_: Any) -> list[int]:
        assert len(unnamed()) == len(before) + 1
        if end == "cancelled":
            work.cancel(clip.pk, "library.make_clip")
            handle.beat()
            raise tasks.WorkCancelled
        raise Killed if end == "killed" else RuntimeError

    monkeypatch.setattr(tasks, "find_shots", search)
    with pytest.raises((Killed, work.StoppedError, RuntimeError)):
        tasks.make_clip(handle)
    assert len(unnamed()) == len(before) + (end == "killed")
    # The next run, of the same row or another, leaves none and keeps what it makes.
    Job.objects.filter(pk=handle.job.pk).update(state=Job.State.CANCELLED)
    work.enqueue("library.make_clip", clip.pk, priority=99)
    again = work.claim("test")
    assert again is not None
    monkeypatch.setattr(tasks, "find_shots", real)
    # Segments go once the transaction stands.
    with django_capture_on_commit_callbacks(execute=True):
        tasks.make_clip(again)
    assert unnamed() == before
    clip.refresh_from_db()
    assert clip.review is not None and storage().exists(clip.review.storage_name)
