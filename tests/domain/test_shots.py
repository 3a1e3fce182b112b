"""Changes of shot: found to the frame, and nowhere else, whatever the groups of the stream."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from apps.library.domain.decode import FrameReader
from apps.library.domain.frame_index import WorkCancelled, build_index
from apps.library.domain.shots import find_shots
from tests.domain.moving_clip import texture

HEIGHT_PX, WIDTH_PX = 180, 320
# Frames of each shot; the third is shorter than a second and lies within a group of pictures.
LENGTHS = (61, 44, 27, 68)


def shots_of(seed: int, is_round: bool) -> Iterator[NDArray[np.uint8]]:
    """Shots of a camera that pans by 3 px a picture, grows brighter and darker, and is noisy;
    through an endoscope's round window where ``is_round``."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    inside = np.hypot(xx - WIDTH_PX / 2, yy - HEIGHT_PX / 2) < HEIGHT_PX / 2
    window = inside.astype(float) if is_round else np.ones((HEIGHT_PX, WIDTH_PX))
    number = 0
    for shot, length in enumerate(LENGTHS):
        ground = texture(np.random.default_rng(seed * 10 + shot), 220, 560, 45.0)
        for k in range(length):
            y = abs((k + 20) % 80 - 40)
            seen = ground[y : y + HEIGHT_PX, 3 * k : 3 * k + WIDTH_PX].astype(float)
            light = 1 + 0.25 * np.sin(number / 6)
            noisy = (seen * light + rng.normal(0, 4, seen.shape)) * window
            number += 1
            yield np.clip(noisy, 0, 255).astype(np.uint8)


def clip(seed: int, group: int, is_round: bool) -> io.BytesIO:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        groups = f"keyint={group}:min-keyint={group}:scenecut=0"
        stream.options = {"crf": "20", "preset": "veryfast", "x264-params": groups}
        for grey in shots_of(seed, is_round):
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return out


@pytest.mark.parametrize("group", [12, 250])
@pytest.mark.parametrize("is_round", [False, True])
def test_each_change_of_shot_is_found_to_the_frame_and_no_other(group, is_round):
    media = clip(3, group, is_round)
    index = build_index(media)
    with FrameReader(media, index) as reader:
        found = find_shots(reader, index.entries, index.fps)
    assert found == np.cumsum(LENGTHS)[:-1].tolist()


def test_pictures_without_a_change_are_looked_at_by_the_second_only():
    class Still:
        n_frames = 501
        asked: list[int]

        def picture(self, i: int) -> NDArray[np.uint8]:
            self.asked.append(i)
            return np.full((HEIGHT_PX, WIDTH_PX, 3), 90 + i % 3, np.uint8)

    reader = Still()
    reader.asked = []
    told: list[tuple[int, int]] = []
    assert find_shots(reader, [], 25.0, lambda done, total: told.append((done, total))) == []
    assert reader.asked == list(range(0, 501, 25))
    assert told[-1] == (501, 501)
    reader.asked = []
    assert find_shots(reader, range(0, 501, 10), 25.0) == []
    assert reader.asked == [*range(0, 500, 20), 500]
    with pytest.raises(WorkCancelled):
        find_shots(reader, [], 25.0, cancelled=lambda: True)


def test_a_clip_of_one_picture_has_one_shot():
    class One:
        n_frames = 1

        def picture(self, i: int) -> NDArray[np.uint8]:
            return np.zeros((8, 8), np.uint8)

    assert find_shots(One(), [0], 0.0) == []
