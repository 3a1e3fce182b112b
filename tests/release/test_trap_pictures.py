"""A clip of uneven times whose beginning an edit list cuts inside a group of pictures: in every
format each label lies on the picture whose number it was drawn for.

The numbers that pictures bear are not their indexes, and a label's place tells the number of its
picture: a label one picture off is told from every other mistake.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from apps.annotation.domain import rle
from apps.release.domain.registry import FORMATS
from fixtures import barcode
from tests import builders
from tests.journeys import reading
from tests.release.places_told import READERS, coco_images
from tests.release.releasing import command
from tests.traps import streams
from tests.traps.catalogue import uneven
from tests.traps.clips import H264, dicom
from tests.traps.streams import HEIGHT_PX, WIDTH_PX
from tests.traps.test_trap_clips import deidentified

pytestmark = pytest.mark.django_db

CODED, CUT, PHASE, EVENT = 40, 7, 15, (12, 14)
NUMBERS = range(CUT, CODED)


def _trap() -> bytes:
    pts = uneven(CODED, 0)
    video = streams.edit_moved(streams.encode(CODED, pts=pts), pts[CUT])
    return dicom("exported", video, H264, NUMBERS).data


def is_absent(number: int) -> bool:
    """Where the bag is out of the picture."""
    return number % 4 == 0


def place(class_id: str, number: int) -> float:
    return {"lesion": 20, "grasper": 20.25, "specimen_bag": 10.5}[class_id] + 2 * number


def _mask(number: int) -> dict[str, Any]:
    pixels = np.zeros((HEIGHT_PX, WIDTH_PX), bool)
    start = int(place("lesion", number))
    pixels[70:90, start : start + 16] = True
    return {"type": "mask", "rle": rle.encode(pixels)}


def _drawn(clip: Any) -> list[dict[str, Any]]:
    tips = {n: {"type": "tip", "point": [place("grasper", n), 30.5]} for n in NUMBERS}
    boxes = {
        n: None if is_absent(n) else {"type": "box", "box": [place("specimen_bag", n), 40, 20, 10]}
        for n in NUMBERS
    }
    masks = {n: _mask(n) for n in NUMBERS}

    def at(shapes: dict[int, Any]) -> dict[int, Any]:
        return {number - CUT: shape for number, shape in shapes.items()}

    return [
        *builders.track(clip, "lesion", at(masks)),
        *builders.track(clip, "grasper", at(tips)),
        *builders.track(clip, "specimen_bag", at(boxes)),
        *builders.interval(clip, "preparation", 0, PHASE - CUT),
        *builders.interval(clip, "calot_triangle_dissection", PHASE - CUT, CODED - CUT),
        *builders.interval(clip, "bleeding", *(number - CUT for number in EVENT)),
    ]


@pytest.fixture(scope="module")
def folder(kept: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of the clip in every format."""
    out = tmp_path_factory.mktemp("trap") / "release"

    def make(project: Any, person: Any) -> None:
        data = _trap()
        clip = builders.ready_clip(project, output_of=lambda name: deidentified(data, name)[0])
        assert (clip.n_frames, [w["code"] for w in clip.warnings]) == (
            len(NUMBERS), ["cut_by_edit_list"],
        )  # fmt: skip
        builders.signed_adjudication(project, person, clip, steps=(_drawn(clip), _drawn(clip)))
        code, said = command(
            "build_release", "--project", project.slug, "--version", "1.0.0",
            "--formats", ",".join(FORMATS), "--out", str(out),
        )  # fmt: skip
        assert code == 0, said

    kept.make(make, kept.person)
    return out


def _shown(video: Any) -> tuple[list[int | None], list[float]]:
    """Numbers of the pictures that plain libav presents, and their times from the first."""
    with av.open(video) as container:
        found = [
            (barcode.read(frame.to_ndarray(format="rgb24")), float(frame.pts * frame.time_base))
            for frame in container.decode(video=0)
        ]
    return [number for number, _ in found], [time - found[0][1] for _, time in found]


def test_in_every_format_each_label_lies_on_the_picture_it_was_drawn_for(folder: Path) -> None:
    assert set(READERS) == set(FORMATS)
    # Tools are told once a second, as Cholec80 has it.
    assert {is_absent(CUT), is_absent(CUT + 25)} == {False, True}
    clip = next((folder / "media").glob("*.mp4")).stem
    numbers, times = _shown(str(folder / f"media/{clip}.mp4"))
    # What DICOM's frame numbers and times count on.
    instance = pydicom.dcmread(folder / f"dicom/{clip}/instance.dcm")
    stream = next(generate_frames(instance.PixelData, number_of_frames=1))
    assert _shown(io.BytesIO(stream)) == (numbers, pytest.approx(times))
    for name, readers in READERS.items():
        for read in readers:
            told = list(read(folder, clip))
            assert told, name
            for class_id, frame, x in told:
                number = numbers[frame]
                assert number is not None
                if class_id == "phase":
                    assert _phase_of(x, number), (name, frame, x)
                elif class_id == "tools":
                    bag = set() if is_absent(number) else {"specimen_bag"}
                    assert x == {"grasper", "lesion"} | bag, (name, frame)
                else:
                    assert x == pytest.approx(place(class_id, number), abs=0.01), (name, frame)
            for class_id in {class_id for class_id, *_ in told} - {"phase", "tools"}:
                there = {numbers[frame] for each, frame, _ in told if each == class_id}
                wanted = {n for n in NUMBERS if class_id != "specimen_bag" or not is_absent(n)}
                assert there == wanted, (name, class_id)


def _phase_of(said: str, number: int) -> bool:
    if said.lower() == "bleeding":
        return EVENT[0] <= number < EVENT[1]
    return said.lower().startswith("preparation" if number < PHASE else "calot")


def test_phases_and_events_begin_at_the_picture_and_the_second_that_were_chosen(
    folder: Path,
) -> None:
    clip = next((folder / "media").glob("*.mp4")).stem
    numbers, times = _shown(str(folder / f"media/{clip}.mp4"))
    starts = [numbers.index(CUT), numbers.index(PHASE), numbers.index(EVENT[0])]
    annotations = reading.load_json(folder / "coco_video/annotations.json")
    with open(folder / "csv/intervals.csv", newline="") as source:
        tables = list(csv.DictReader(source))
    for rows in (annotations["intervals"], tables):
        assert sorted(int(row["start_frame"]) for row in rows) == sorted(starts)
        for row in rows:
            assert float(row["start_s"]) == pytest.approx(times[int(row["start_frame"])], abs=1e-6)
    spans = reading.sr_spans(folder / f"dicom/{clip}/sr.dcm")
    assert sorted(start for start, _ in spans) == pytest.approx(
        sorted(times[start] for start in starts), abs=1e-5
    )
    ends = [row["time_s"] for row in reading.frames_csv(folder / f"media/{clip}.frames.csv")]
    assert [float(time) for time in ends] == pytest.approx(times, abs=1e-6)


def test_a_label_one_picture_off_would_be_told(folder: Path) -> None:
    clip = next((folder / "media").glob("*.mp4")).stem
    numbers, _ = _shown(str(folder / f"media/{clip}.mp4"))
    told = [row for row in coco_images(folder, clip) if row[1] + 1 < len(numbers)]
    wrong = [
        place(class_id, numbers[frame + 1] or 0) == pytest.approx(x, abs=0.01)
        for class_id, frame, x in told
    ]
    assert told and not any(wrong)
