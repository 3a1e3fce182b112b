"""One instance's whole way, on the samples: examined, decided, written, searched."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from apps.deid.domain import decision as decisions
from apps.deid.domain import pipeline
from apps.deid.domain.header import DeidContext
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.pixel_reader import PixelReader
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.reasons import Refused
from fixtures import broken, make
from tests import shared
from tests.domain import stream_plants

PROFILE = load_builtin("basic")
FRAMES = {"laparoscopy": 75, "colonoscopy": 60, "ultrasound": 10}


@dataclass(frozen=True)
class Done:
    """One sample after its way."""

    truth: dict[str, Any]
    source: bytes
    examined: pipeline.Examined
    decision: dict[str, Any]
    produced: pipeline.Produced
    output: bytes
    checked: pipeline.Checked


def context(harvest: Any) -> DeidContext:
    return DeidContext(
        profile=PROFILE,
        uid_key=b"k" * 32,
        pseudonym="P-ABCDEF",
        date_offset_s=-100 * 86_400,
        harvest=harvest,
        pixels_confirmed=True,
        visual_features_confirmed=True,
    )


def walk(source: bytes, decision: dict[str, Any] | None = None) -> tuple[Any, ...]:
    """Examine, decide as proposed (or as given), write, search."""
    examined = pipeline.examine(io.BytesIO(source), with_proposals=decision is None)
    if decision is None:
        assert examined.proposals is not None
        decision = decisions.decision_from(examined.proposals)
    out = io.BytesIO()
    produced = pipeline.produce(io.BytesIO(source), out, context(examined.harvest), decision)
    checked = pipeline.check(
        io.BytesIO(out.getvalue()),
        examined.harvest,
        PROFILE,
        produced.header,
        decision,
        examined.proposals,
        look_for_text=examined.proposals is not None,
    )
    return examined, decision, produced, out.getvalue(), checked


@pytest.fixture(scope="module", params=make.NAMES)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    name = request.param
    files = shared.make_one(name, tmp_path_factory.mktemp(name), FRAMES[name])
    source = files[".dcm"].read_bytes()
    return Done(json.loads(files[".truth.json"].read_text()), source, *walk(source))


def forms(value: str) -> list[bytes]:
    return [value.encode(), value.encode("utf-16-le"), value.encode("utf-16-be")]


def test_what_is_proposed_and_accepted_comes_out_clean(done: Done) -> None:
    assert done.examined.proposals is not None and done.examined.proposals["boxes"]
    assert done.checked.findings == ()
    assert done.checked.texts == ()


def test_no_planted_identifier_is_in_the_bytes_of_the_output(done: Done) -> None:
    strong = [one["value"] for one in done.truth["identifiers"] if one["strong"]]
    assert len(strong) > 5
    assert any(form in done.source for form in forms(strong[0]))
    left = [place for place, v in enumerate(strong) if any(f in done.output for f in forms(v))]
    assert left == []


def test_every_text_box_of_the_truth_that_names_someone_is_blank_in_the_output(
    done: Done,
) -> None:
    pictures, looked_at = first_and_last(done.output), 0
    for box in done.truth["text_boxes"]:
        if box["kind"] not in ("name", "id", "birth_date") or box["frames"][0] != 0:
            continue
        looked_at += 1
        x, y, width, height = (round(edge) for edge in box["box"])
        for picture in pictures:
            part = picture[y : y + height, x : x + width].astype(int)
            assert np.ptp(part.reshape(part.shape[0] * part.shape[1], -1), axis=0).max() <= 8
    assert looked_at


def first_and_last(output: bytes) -> list[np.ndarray]:
    parsed = parse_instance(io.BytesIO(output))
    if pipeline.kind_of(parsed) == "cine":
        from pydicom.pixels import pixel_array

        return list(pixel_array(dcmread(io.BytesIO(output)))[[0, -1]])
    assert parsed.pixels is not None
    with av.open(PixelReader(parsed.stream, parsed.pixels.pieces)) as container:
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return [pictures[0], pictures[-1]]


def test_frame_count_and_times_are_those_of_the_original(done: Done) -> None:
    ds: Dataset = dcmread(io.BytesIO(done.output))
    assert int(ds.NumberOfFrames) == done.truth["n_frames"] == done.produced.n_frames
    parsed = parse_instance(io.BytesIO(done.output))
    if pipeline.kind_of(parsed) == "cine":
        before = dcmread(io.BytesIO(done.source))
        assert list(ds.FrameTimeVector) == list(before.FrameTimeVector)
        assert len(list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))) == int(
            ds.NumberOfFrames
        )
        return
    assert parsed.pixels is not None
    with av.open(PixelReader(parsed.stream, parsed.pixels.pieces)) as container:
        stream = container.streams.video[0]
        pts = [frame.pts for frame in container.decode(stream)]
        base = stream.time_base
        assert [s.type for s in container.streams] == ["video"]
    assert base is not None
    num, den = done.truth["time_base"]
    assert [p * base.numerator * den for p in pts] == [
        p * num * base.denominator for p in done.truth["pts"]
    ]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools missing")
def test_the_standards_validator_finds_no_error(done: Done, tmp_path: Path) -> None:
    path = tmp_path / "out.dcm"
    path.write_bytes(done.output)
    run = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    assert [line for line in lines if line.startswith("Error")] == []


def test_the_report_counts_what_was_done_and_holds_no_value(done: Done) -> None:
    made = pipeline.report(
        PROFILE,
        done.produced,
        done.examined.streams_dropped,
        done.decision,
        done.checked,
        "U-0001",
        has_pixels=True,
    )
    text = json.dumps(made, ensure_ascii=False)
    assert made["scan"]["clean"] and sum(made["actions"].values()) > 20
    assert made["n_boxes_blanked"] == len(done.decision["boxes"])
    assert all(box["confirmed_by"] == "U-0001" for box in made["boxes"])
    assert [
        v["value"] for v in done.truth["identifiers"] if v["strong"] and v["value"] in text
    ] == []


@pytest.mark.parametrize("make_input", broken.ALL, ids=lambda f: f.__name__)
def test_a_broken_input_is_refused_with_a_reason(make_input: Any, tmp_path: Path) -> None:
    expected = {
        "truncated": {"stream_truncated", "unparsable"},
        "not_dicom": {"not_dicom"},
        "undecodable": {"decode_failed", "transfer_syntax_mismatch"},
        "undecodable_pictures": {"decode_failed"},
        "hevc_as_h264": {"transfer_syntax_mismatch"},
        "mpeg2_as_h264": {"transfer_syntax_mismatch"},
        "two_video_streams": {"second_video_stream"},
    }[make_input.__name__]
    with open(make_input(tmp_path), "rb") as source, pytest.raises(Refused) as refused:
        pipeline.examine(source, with_proposals=True)
    assert str(refused.value.reason) in expected


def test_an_undecodable_video_is_refused_also_where_all_pixels_are_kept(tmp_path: Path) -> None:
    with open(broken.undecodable_pictures(tmp_path), "rb") as source, pytest.raises(Refused):
        pipeline.examine(source, with_proposals=False)


def test_keeping_all_pixels_copies_the_coded_pictures(tmp_path: Path) -> None:
    source = broken.sound(tmp_path).read_bytes()
    _, _, produced, output, checked = walk(source, {"boxes": [], "spans": []})
    assert not produced.pixel_change and produced.encoder == ""
    assert checked.findings == ()
    assert np.array_equal(first_and_last(output)[0], first_and_last(source)[0])


def test_an_identifier_that_stays_in_the_output_is_found(tmp_path: Path) -> None:
    source = broken.sound(tmp_path).read_bytes()
    examined, decision, produced, output, _ = walk(source, {"boxes": [], "spans": []})
    name = str(dcmread(io.BytesIO(source)).PatientName).split("^")[0]
    ds = dcmread(io.BytesIO(output))
    ds.StudyDescription = f"Follow-up of {name}"
    spoiled = io.BytesIO()
    ds.save_as(spoiled)
    checked = pipeline.check(
        spoiled, examined.harvest, PROFILE, produced.header, decision, None, look_for_text=False
    )
    assert {finding.kind for finding in checked.findings} >= {"name"}
    assert all(name not in repr(finding) for finding in checked.findings)


def test_a_box_left_out_of_the_decision_is_found_by_the_second_look(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    files = shared.make_one("ultrasound", tmp_path_factory.mktemp("left"), 4)
    source = files[".dcm"].read_bytes()
    examined = pipeline.examine(io.BytesIO(source), with_proposals=True)
    out, decision = io.BytesIO(), {"boxes": [], "spans": []}
    produced = pipeline.produce(io.BytesIO(source), out, context(examined.harvest), decision)
    checked = pipeline.check(
        out,
        examined.harvest,
        PROFILE,
        produced.header,
        decision,
        examined.proposals,
        look_for_text=True,
    )
    assert any(text["kind"] == "identifier" for text in checked.texts)
    assert all(text["text"] == "" for text in checked.texts)


def test_text_within_a_pictures_own_data_is_left_behind_by_coding_it_anew(tmp_path: Path) -> None:
    ds = dcmread(broken.sound(tmp_path))
    name = str(ds.PatientName).split("^")[0]
    pictures = stream_plants.units(stream_plants.h264())
    planted = stream_plants.bytestream(
        [u + name.encode() if u[0] & 31 in (1, 5) else u for u in pictures]
    )
    ds.PixelData = encapsulate([planted])
    ds["PixelData"].is_undefined_length = True
    held = io.BytesIO()
    ds.save_as(held)
    decision: dict[str, Any] = {"boxes": [], "spans": []}
    examined, _, produced, _, checked = walk(held.getvalue(), decision)
    assert pipeline.left_in_stream(produced, checked)
    out = io.BytesIO()
    again = pipeline.produce(held, out, context(examined.harvest), decision, copy=False)
    second = pipeline.check(
        out, examined.harvest, PROFILE, again.header, decision, None, look_for_text=False
    )
    assert second.findings == () and not again.was_copied and again.n_frames == 24
