"""A clip that is made says where its shots change, whatever the browser plays of it."""

from __future__ import annotations

import io
import json
from typing import Any

import av
import numpy as np
import pytest

from apps.library import queries, tasks
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
