"""The samples keep what they promise: bar codes, truth, identifiers, the same bytes each run."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures import barcode, broken, demo_labels, foreign, instances, make, masks
from tests import shared

CLIP = "8c1f6f0e-6a56-4d5e-9f56-2a2d5f6e7b11"
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("samples")
    return {name: shared.make_one(name, folder, n) for name, n in make.SHORT_FRAMES.items()}


@pytest.fixture(scope="module")
def truths(samples: dict) -> dict[str, dict]:
    return {name: json.loads(paths[".truth.json"].read_bytes()) for name, paths in samples.items()}


@pytest.fixture(scope="module")
def decoded(samples: dict) -> dict[str, list[tuple[int, np.ndarray]]]:
    films = {}
    for name in ("laparoscopy", "colonoscopy"):
        with av.open(str(samples[name][".mp4"])) as container:
            films[name] = [(f.pts, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    cine = pydicom.dcmread(samples["ultrasound"][".dcm"]).pixel_array
    films["ultrasound"] = [(None, picture) for picture in cine]
    return films


@given(st.integers(0, barcode.MAX_INDEX), st.sampled_from([(720, 1280), (480, 640), (240, 320)]))
def test_a_bar_code_reads_as_the_index_drawn(index: int, size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 90, np.uint8)
    barcode.draw(picture, index)
    assert barcode.read(picture) == index


@given(st.integers(0, barcode.MAX_INDEX), st.integers(4, 23))
def test_a_bar_code_with_one_cell_turned_reads_as_none(index: int, cell: int) -> None:
    picture = np.zeros((240, 320), np.uint8)
    barcode.draw(picture, index)
    x, y, _, _ = barcode.box(240)
    row, column = divmod(cell, barcode.COLUMNS)
    place = picture[y + row * 16 : y + row * 16 + 16, x + column * 16 : x + column * 16 + 16]
    place[:] = barcode.WHITE if place[0, 0] == barcode.BLACK else barcode.BLACK
    assert barcode.read(picture) is None


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_a_blanked_picture_has_no_bar_code(level: int) -> None:
    assert barcode.read(np.full((720, 1280, 3), level, np.uint8)) is None


@pytest.mark.parametrize("name", make.NAMES)
def test_every_decoded_picture_bears_its_index_and_its_pts(name: str, decoded: dict, truths: dict):
    truth = truths[name]
    assert [barcode.read(picture) for _, picture in decoded[name]] == list(range(truth["n_frames"]))
    if name != "ultrasound":
        assert [pts for pts, _ in decoded[name]] == truth["pts"]


@pytest.mark.parametrize("scale", [0.4, 0.73, 1.6])
def test_the_bar_code_survives_scaling(scale: float, decoded: dict, truths: dict) -> None:
    truth = truths["laparoscopy"]
    for index in range(0, truth["n_frames"], 10):
        picture = cv2.resize(decoded["laparoscopy"][index][1], None, fx=scale, fy=scale)
        assert barcode.read(picture, truth["width_px"], truth["height_px"]) == index


def test_the_browser_reader_agrees_with_the_python_reader(decoded: dict, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    picture = cv2.resize(decoded["laparoscopy"][77][1], (800, 450))
    turned = picture.copy()
    turned[150:300] = 0
    script = (
        f"const {{readBarcode}} = require({json.dumps(str(PROJECT / 'fixtures' / 'barcode.js'))});"
        "const all = require('fs').readFileSync(0); const n = 800 * 450 * 4;"
        "for (const data of [all.subarray(0, n), all.subarray(n)])"
        "  console.log(readBarcode({data, width: 800, height: 450}, 1280, 720));"
    )
    rgba = b"".join(
        np.dstack([p, np.full((450, 800), 255, np.uint8)]).tobytes() for p in (picture, turned)
    )
    done = subprocess.run(["node", "-e", script], input=rgba, capture_output=True, check=True)
    assert done.stdout.split() == [b"77", b"null"]


@pytest.mark.parametrize("name", make.NAMES)
def test_text_boxes_grown_and_snapped_stay_clear_of_the_bar_code(name: str, truths: dict) -> None:
    x, y, width, height = truths[name]["barcode_box"]
    for text_box in truths[name]["text_boxes"]:
        left, top, w, h = text_box["box"]
        right, bottom = -(-(left + w + 6) // 16) * 16, -(-(top + h + 6) // 16) * 16
        left, top = (left - 6) // 16 * 16, (top - 6) // 16 * 16
        assert right <= x or left >= x + width or bottom <= y or top >= y + height, text_box


@pytest.mark.parametrize("name", make.NAMES)
def test_a_text_detector_finds_the_text_and_not_the_bar_code(
    name: str, decoded: dict, truths: dict
):
    rapidocr = pytest.importorskip("rapidocr")
    found = rapidocr.RapidOCR()(decoded[name][13][1], use_det=True, use_cls=False, use_rec=False)
    boxes = [(*b.min(axis=0), *b.max(axis=0)) for b in np.asarray(found.boxes)]
    x, y, width, height = truths[name]["barcode_box"]
    assert not [
        b
        for b in boxes
        if b[2] > x - 22 and b[0] < x + width + 22 and b[3] > y - 22 and b[1] < y + height + 22
    ]
    for text_box in truths[name]["text_boxes"]:
        start, end = text_box["frames"]
        if start <= 13 < end:
            left, top, w, h = text_box["box"]
            center = (left + w / 2, top + h / 2)
            assert any(b[0] <= center[0] <= b[2] and b[1] <= center[1] <= b[3] for b in boxes), (
                text_box
            )


@pytest.mark.parametrize(
    ("name", "n_frames"), [("laparoscopy", 40), ("colonoscopy", 60), ("ultrasound", 3)]
)
def test_a_sample_made_twice_has_the_same_bytes(name: str, n_frames: int) -> None:
    assert make.MAKERS[name](n_frames) == make.MAKERS[name](n_frames)


def test_the_true_masks_and_tips_lie_where_the_picture_shows_them(
    decoded: dict, truths: dict
) -> None:
    truth, film = truths["laparoscopy"], decoded["laparoscopy"]
    for frame, made in truth["masks"].items():
        picture = film[int(frame)][1].astype(int)
        lesion = masks.decode_rle(made["lesion_visible"])
        core = cv2.erode(lesion.astype(np.uint8), np.ones((9, 9))).astype(bool)
        ring = cv2.dilate(masks.decode_rle(made["lesion"]).astype(np.uint8), np.ones((25, 25))) > 0
        for key in ("lesion", "grasper", "hook", "gallbladder", "specimen_bag"):
            if key in made:
                ring &= ~masks.decode_rle(made[key])
        greenness = picture[..., 1] / (picture[..., 0] + 1)
        assert np.median(greenness[core]) > 1.4 * np.median(greenness[ring])
        shaft = masks.decode_rle(made["shaft"])
        saturation = picture.max(axis=2) - picture.min(axis=2)
        assert np.median(saturation[shaft]) < 30 < np.median(saturation[ring])
        x, y = truth["tips"]["grasper"][int(frame)]
        grasper = cv2.dilate(masks.decode_rle(made["grasper"]).astype(np.uint8), np.ones((41, 41)))
        assert grasper[int(y), int(x)]


def test_the_outline_rasterises_to_the_mask_within_the_view(truths: dict) -> None:
    truth = truths["laparoscopy"]
    for frame, made in truth["masks"].items():
        drawn = masks.rasterise(truth["outlines"]["lesion"][int(frame)], 720, 1280)
        stored = masks.decode_rle(made["lesion"])
        assert (drawn & stored).sum() == stored.sum() > 5000
        assert (drawn ^ stored).sum() < 0.02 * stored.sum()


def test_out_of_body_pictures_are_blue_and_the_rest_is_red(decoded: dict, truths: dict) -> None:
    start, end = truths["laparoscopy"]["out_of_body"]
    assert end - start >= 12
    for index, (_, picture) in enumerate(decoded["laparoscopy"]):
        red, _, blue = picture[200:520, 400:880].reshape(-1, 3).mean(axis=0)
        assert (blue > red) == (start <= index < end)


def test_masks_are_encoded_as_pycocotools_encodes_them(truths: dict) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    shapes = [
        np.zeros((5, 7), bool),
        np.ones((5, 7), bool),
        np.random.default_rng(1).random((90, 70)) > 0.5,
    ]
    shapes += [masks.decode_rle(rle) for rle in truths["laparoscopy"]["masks"]["50"].values()]
    for shape in shapes:
        expected = coco.encode(np.asfortranarray(shape.astype(np.uint8)))
        assert masks.encode_rle(shape)["counts"] == expected["counts"].decode()
        assert np.array_equal(masks.decode_rle(masks.encode_rle(shape)), shape)


@pytest.mark.parametrize("name", make.NAMES)
def test_every_planted_identifier_is_in_the_bytes_or_the_pixels(
    name: str, samples: dict, truths: dict
):
    content = samples[name][".dcm"].read_bytes()
    identifiers = truths[name]["identifiers"]
    for identifier in identifiers:
        if identifier["where"] != "pixels" and "creation_time" not in identifier["where"]:
            assert identifier["value"].encode() in content, identifier
    places = {i["where"].split(" ")[0] for i in identifiers}
    expected = {"header", "pixels"} | ({"container", "SEI"} if name != "ultrasound" else set())
    assert places == expected
    assert sum(i["strong"] for i in identifiers) > 60


def test_the_laparoscopic_stream_has_sound_tags_and_the_encoders_own_sei(samples: dict) -> None:
    content = samples["laparoscopy"][".mp4"].read_bytes()
    assert b"x264 - core" in content
    with av.open(io.BytesIO(content)) as container:
        assert [s.codec_context.name for s in container.streams] == ["h264", "aac"]
        assert container.metadata["title"].endswith("MORGAN-LEVY ANA")
        assert container.streams.video[0].codec_context.has_b_frames


def test_the_colonoscopic_stream_has_uneven_times_an_edit_list_and_a_late_start(
    samples: dict, truths: dict
):
    pts = truths["colonoscopy"]["pts"]
    assert pts[0] == 36000
    assert len(set(np.diff(pts))) >= 4
    assert b"elst" in samples["colonoscopy"][".mp4"].read_bytes()
    with av.open(str(samples["colonoscopy"][".mp4"])) as container:
        order = [p.pts for p in container.demux(video=0) if p.size]
    assert order != sorted(order)


@pytest.mark.parametrize("name", make.NAMES)
def test_the_validator_finds_no_error_in_a_sample(name: str, samples: dict) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed")
    done = subprocess.run(["dciodvfy", str(samples[name][".dcm"])], capture_output=True, text=True)
    assert [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line] == []


@given(st.integers(1, 6), st.integers(1, 400), st.integers(1, 255))
def test_run_lengths_of_a_plane_decode_to_the_plane(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 3, (rows, columns)).astype(np.uint8).repeat(rng.integers(1, 4), axis=1)
    packed, at, out = instances.encode_rle_plane(plane), 0, bytearray()
    while len(out) < plane.size:
        control = packed[at]
        if control < 128:
            out += packed[at + 1 : at + 2 + control]
            at += 2 + control
        else:
            out += packed[at + 1 : at + 2] * (257 - control)
            at += 2
        assert len(out) // plane.shape[1] == len(out) / plane.shape[1] or control != 128
    assert bytes(out) == plane.tobytes() and len(packed) % 2 == 0


def test_the_label_sets_are_whole_overlap_differ_and_avoid_the_out_of_body_span(
    truths: dict,
) -> None:
    truth = truths["laparoscopy"]
    first, second = demo_labels.label_sets(truth, CLIP)
    assert (first, second) == demo_labels.label_sets(truth, CLIP)
    assert len(demo_labels.overlapping_frames(truth)) >= 3
    outside = range(*truth["out_of_body"])
    for operations in (first, second):
        assert [op["seq"] for op in operations] == list(range(1, len(operations) + 1))
        frames = [op["frame_index"] for op in operations if op["op"] == "keyframe.set"]
        assert not set(frames) & set(outside)
        assert all(0 <= frame < truth["n_frames"] for frame in frames)
    classes = [{op.get("class_id") for op in operations} - {None} for operations in (first, second)]
    assert classes[1] - classes[0] == {"gallbladder"}
    assert classes[0] == {
        "lesion",
        "shaft",
        "grasper",
        "specimen_bag",
        "preparation",
        "calot_triangle_dissection",
        "bleeding",
    }
    tip = next(op["object"] for op in first if op.get("class_id") == "grasper")
    assert sum(op["op"] == "keyframe.set" and op["object"] == tip for op in first) >= 6
    ends = [
        next(op["end_frame"] for op in ops if op.get("class_id") == "preparation")
        for ops in (first, second)
    ]
    assert ends[1] - ends[0] == 15


def test_bad_inputs_are_bad_in_the_way_they_say(tmp_path: Path) -> None:
    def stream_of(path: Path) -> bytes:
        ds = pydicom.dcmread(path)
        assert ds.file_meta.TransferSyntaxUID == instances.H264_HIGH_41
        return next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))

    def codecs(content: bytes) -> list[str]:
        with av.open(io.BytesIO(content)) as container:
            return [s.codec_context.name for s in container.streams.video]

    def n_decoded(content: bytes) -> int:
        with av.open(io.BytesIO(content)) as container:
            return sum(1 for _ in container.decode(video=0))

    assert n_decoded(stream_of(broken.sound(tmp_path))) == broken.N_FRAMES
    assert broken.truncated(tmp_path).stat().st_size < 0.7 * (tmp_path / "sound.dcm").stat().st_size
    with pytest.raises(pydicom.errors.InvalidDicomError):
        pydicom.dcmread(broken.not_dicom(tmp_path))
    with pytest.raises(av.error.FFmpegError):
        codecs(stream_of(broken.undecodable(tmp_path)))
    with pytest.raises(av.error.FFmpegError):
        n_decoded(stream_of(broken.undecodable_pictures(tmp_path)))
    assert codecs(stream_of(broken.hevc_as_h264(tmp_path))) == ["hevc"]
    assert codecs(stream_of(broken.mpeg2_as_h264(tmp_path))) == ["mpeg2video"]
    assert codecs(stream_of(broken.two_video_streams(tmp_path))) == ["h264", "h264"]


def test_foreign_instances_are_made_by_other_tools_and_readable(tmp_path: Path) -> None:
    if any(shutil.which(tool) is None for tool in foreign.TOOLS):
        pytest.skip("ffmpeg or dcmtk is not installed")
    ds = pydicom.dcmread(foreign.video_endoscopic(tmp_path))
    assert ds.NumberOfFrames == foreign.N_FRAMES and ds.PatientName == foreign.PATIENT_NAME
    stream = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    with av.open(io.BytesIO(stream)) as container:
        assert sum(1 for _ in container.decode(video=0)) == foreign.N_FRAMES
    still = pydicom.dcmread(foreign.vl_endoscopic(tmp_path))
    assert still.SOPClassUID == foreign.VL_ENDOSCOPIC
    assert still.file_meta.TransferSyntaxUID == pydicom.uid.JPEGBaseline8Bit
