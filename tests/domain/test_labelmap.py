"""Label maps: tracks that overlap apart, long clips in parts, more than 255 segments in 16 bits."""

from __future__ import annotations

import io
from dataclasses import replace
from uuid import UUID

import highdicom
import numpy as np

from apps.annotation.domain import rle
from apps.release.domain.dicom_labelmap import labelmap_parts, write_labelmap
from tests.domain.format_label_sets import COLUMNS, N_FRAMES, ROWS
from tests.domain.format_samples import freeze_of, labels_of, read_back, written
from tests.domain.release_samples import VIDEO


def masks_freeze(tracks: list[dict[int, np.ndarray]]):
    """A freeze whose n-th lesion (from 1) has these pixels (rows, columns) on these frames."""
    return freeze_of({
        "clips": [VIDEO],
        "tracks": {
            str(UUID(int=number)): {
                "clip": VIDEO, "class_id": "lesion", "number": number, "attributes": {},
                "keyframes": {
                    str(index): {"state": "visible", "attributes": {},
                                 "shape": {"type": "mask", "rle": rle.encode(pixels)}}
                    for index, pixels in frames.items()
                },
            }
            for number, frames in enumerate(tracks, 1)
        },
        "intervals": {},
    })  # fmt: skip


def at(*pixels: int) -> np.ndarray:
    picture = np.zeros((ROWS, COLUMNS), bool)
    picture.reshape(-1)[list(pixels)] = True
    return picture


def instances(freeze, limit_bytes: int = 1 << 30) -> list[bytes]:
    files = []
    clip = freeze.clips[0]
    parts = labelmap_parts(clip, labels_of(freeze), limit_bytes)
    for part, rows in enumerate(parts, 1):
        out = io.BytesIO()
        write_labelmap(freeze, clip, rows, out, part)
        files.append(out.getvalue())
    return files


def by_frame(raw: bytes) -> tuple[list[str], dict[int, np.ndarray]]:
    """Segment labels by number, and each frame index's class map, as highdicom reads them."""
    seg = highdicom.seg.segread(io.BytesIO(raw))
    frames = {}
    for place, group in enumerate(seg.PerFrameFunctionalGroupsSequence):
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        frames[int(source.ReferencedFrameNumber) - 1] = seg.get_stored_frame(place + 1)
    return [s.SegmentLabel for s in seg.SegmentSequence], frames


def test_tracks_that_share_a_pixel_once_are_apart_on_every_frame_and_others_stay_together():
    freeze = masks_freeze([
        {2: at(0, 1), 5: at(0, 1, 2)},
        {5: at(2, 3)},
        {2: at(40, 41), 9: at(7)},
    ])  # fmt: skip
    (names, maps), (others, other_maps) = map(by_frame, instances(freeze))
    assert (names, others) == (["Background", "Lesion 1", "Lesion 3"], ["Background", "Lesion 2"])
    assert sorted(maps) == [2, 5, 9] and sorted(other_maps) == [5]
    assert (maps[2] == at(0, 1) * 1 + at(40, 41) * 2).all()
    assert (maps[5] == at(0, 1, 2) * 1).all() and (maps[9] == at(7) * 2).all()
    assert (other_maps[5] == at(2, 3) * 1).all()


def test_a_clip_of_many_frames_is_divided_by_time_with_each_frame_whole():
    tracks = [{index: at(n) for index in range(n, 10)} for n in range(3)]
    freeze = masks_freeze(tracks)
    files = instances(freeze, limit_bytes=4 * ROWS * COLUMNS)
    held = [by_frame(raw)[1] for raw in files]
    assert [sorted(maps) for maps in held] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    uids = {str(highdicom.seg.segread(io.BytesIO(raw)).SOPInstanceUID) for raw in files}
    assert len(uids) == 3
    labels, report = read_back(
        "dicom-labelmap", {f"{n}.dcm": raw for n, raw in enumerate(files)}, freeze
    )
    assert report.problems == [] and labels is not None
    back = labels_of(masks_freeze(tracks)), labels_of(replace_labels(freeze, labels))
    one, two = ({(t.number, p.frame_index): p.shape for t in of.of("mask") for p in t.frames}
                for of in back)  # fmt: skip
    assert one == two


def replace_labels(freeze, labels):
    clip = freeze.clips[0]
    return replace(freeze, clips=[replace(clip, label_set=replace(clip.label_set, labels=labels))])


def test_more_segments_than_a_byte_can_number_take_two():
    n_pixels = ROWS * COLUMNS
    # 300 objects, 99 pixels: those on one pixel are on different frames, so none overlap.
    tracks = [{n // n_pixels: at(n % n_pixels)} for n in range(300)]
    assert 300 // n_pixels < N_FRAMES
    (raw,) = instances(masks_freeze(tracks))
    names, maps = by_frame(raw)
    assert len(names) == 301 and maps[0].dtype == np.uint16
    for frame, found in maps.items():
        wanted = np.zeros(n_pixels, int)
        for n in range(frame * n_pixels, min(300, (frame + 1) * n_pixels)):
            wanted[n % n_pixels] = n + 1
        assert (found.reshape(-1) == wanted).all()


def test_of_both_kinds_one_is_read_and_a_file_that_is_no_dicom_is_reported_once():
    freeze = masks_freeze([{1: at(0)}, {1: at(0, 1)}])
    maps = {f"map-{n}.dcm": raw for n, raw in enumerate(instances(freeze))}
    bits = written("dicom-seg", freeze)
    for name in ("dicom-seg", "dicom-labelmap"):
        labels, report = read_back(name, {**maps, **bits}, freeze)
        assert report.problems == [] and labels is not None and len(labels["tracks"]) == 2
        labels, report = read_back(name, {**maps, "notes.dcm": b"no part 10"}, freeze)
        assert labels is None and [p.file for p in report.problems] == ["notes.dcm"]
