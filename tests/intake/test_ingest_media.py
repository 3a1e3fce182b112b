"""Media with a DICOMDIR, archives in archives, recorder parts: each file has a line or a reason."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path

import av
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_fragments

from apps.audit.models import Event
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import open_vault_file
from apps.library.models import Clip
from apps.vault.models import VaultFile
from tests import builders
from tests.intake import peers
from tests.intake.test_ingest import run

pytestmark = pytest.mark.django_db
DCMMKDIR = "/usr/bin/dcmmkdir"
WHO = {"patient_id": "PID-90210", "study_date": "2024-03-05", "patient_name": "Seen^Nowhere"}


def headers() -> list[Dataset]:
    """The instances as taken, in the order of Instance Number."""
    found = []
    for row in ReceivedInstance.objects.all():
        assert row.original is not None
        with open_vault_file(row.original) as source:
            found.append(dcmread(source))
    return sorted(found, key=lambda ds: int(ds.InstanceNumber))


def said(lines: list[dict]) -> list[tuple[str, str]]:
    return [(line["input"], line["reason"] or line["state"]) for line in lines]


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """Three instances and dcmtk's DICOMDIR over them."""
    folder = tmp_path / "cd"
    (folder / "IMAGES").mkdir(parents=True)
    for name in ("A", "B", "C"):
        ds = dcmread(io.BytesIO(peers.instance()))
        ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20200101", "1000", "1", ""
        ds.SeriesNumber, ds.InstanceNumber = 1, 1
        ds.save_as(folder / "IMAGES" / name)
    subprocess.run(
        [DCMMKDIR, "+r", "+I", "-Nxc", "+D", "DICOMDIR"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.skipif(not os.path.exists(DCMMKDIR), reason="dcmtk missing")
def test_a_dicomdir_is_followed_and_what_it_names_and_is_missing_is_said(project, medium):
    (medium / "AUTORUN.INF").write_bytes(b"[autorun]")
    (medium / "EXTRA").write_bytes(peers.instance())
    (medium / "IMAGES" / "B").unlink()
    # As a system may mount it.
    (medium / "IMAGES" / "C").rename(medium / "IMAGES" / "c.;1")
    expected = [
        ("#3", "not_in_dicomdir"),  # AUTORUN.INF, DICOMDIR, EXTRA
        ("#4", "received"),
        ("#5", "missing"),
        ("#6", "received"),
    ]
    for path in (medium, medium / "DICOMDIR"):
        code, lines, _ = run(path)
        assert (code, said(lines)) == (1, expected)
    assert ReceivedInstance.objects.count() == VaultFile.objects.count() == 2
    assert Event.objects.filter(action="intake.refuse").count() == 4


@pytest.mark.skipif(not os.path.exists(DCMMKDIR), reason="dcmtk missing")
def test_several_media_and_a_zipped_one_are_each_followed(project, medium, tmp_path):
    shutil.copytree(medium, tmp_path / "all" / "disc1")
    shutil.make_archive(str(tmp_path / "all" / "disc2"), "zip", medium)
    (tmp_path / "all" / "loose.dcm").write_bytes(peers.instance())
    code, lines, _ = run(tmp_path / "all")
    assert code == 0
    assert [line["input"] for line in lines] == ["#2", "#3", "#4", "#5.2", "#5.3", "#5.4", "#6"]
    assert ReceivedInstance.objects.count() == 4, "the zipped ones are the same again"


def test_a_dicomdir_that_cannot_be_read_is_said_and_its_folder_taken_as_it_is(project, tmp_path):
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"broken" * 20)
    (tmp_path / "a.dcm").write_bytes(peers.instance())
    code, lines, _ = run(tmp_path)
    assert (code, said(lines)) == (1, [("#1", "dicomdir_unreadable"), ("#2", "received")])


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


def test_archives_in_archives_are_opened_to_a_depth(project, tmp_path, settings, monkeypatch):
    monkeypatch.setattr("apps.intake.spool.IN_MEMORY_BYTES", 4096)
    deep = packed(a_dcm=peers.instance())
    for _ in range(4):
        deep = packed(x_zip=deep)
    inner = packed(b_dcm=peers.instance(size_bytes=9000), c_mp4=builders.stream(10), d_zip=b"torn")
    (tmp_path / "all.zip").write_bytes(packed(a_dcm=peers.instance(), m_zip=inner, z_zip=deep))
    before = set(vault_files(settings))
    code, lines, _ = run(tmp_path)
    assert code == 1
    assert said(lines) == [
        ("#1.1", "received"),
        ("#1.2.1", "received"),
        ("#1.2.2", "received"),
        ("#1.2.3", "archive_damaged"),
        ("#1.3.1.1.1", "archive_nested_too_deep"),
    ]
    kept = set(vault_files(settings)) - before
    assert len(kept) == 3, "the encrypted copies of archives and videos are gone"


def test_without_room_for_a_nested_archive_it_is_said(project, tmp_path, settings, monkeypatch):
    monkeypatch.setattr("apps.intake.spool.IN_MEMORY_BYTES", 100)
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 1 << 62
    (tmp_path / "a.zip").write_bytes(packed(b_zip=packed(a_dcm=peers.instance())))
    code, lines, _ = run(tmp_path)
    assert (code, said(lines)) == (1, [("#1.1", "disk_reserve_reached")])


def vault_files(settings) -> list[Path]:
    root = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault"
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_cannot_be_read_has_a_line_with_its_reason(project, tmp_path):
    (tmp_path / "a.dcm").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "b.dcm")
    archive = bytearray(packed(a_dcm=peers.instance()))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + offset] |= 1
    (tmp_path / "c.zip").write_bytes(archive)
    code, lines, _ = run(tmp_path)
    assert code == 1
    assert said(lines) == [
        ("#1", "unreadable"),
        ("#2", "unreadable"),
        ("#3.1", "archive_encrypted"),
    ]


def ffmpeg(path: Path, *options: str, frames: int = 10) -> None:
    """A test picture of 320 × 240 as ffmpeg makes it."""
    subprocess.run(
        ["ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
         f"testsrc=size=320x240:rate=25:duration={frames / 25}", "-pix_fmt", "yuv420p",
         *options, str(path)],
        check=True,
    )  # fmt: skip


def pictures(source: io.BytesIO | Path) -> list[str]:
    """A digest of each decoded picture, in presentation order."""
    with av.open(source if isinstance(source, io.BytesIO) else str(source)) as container:
        return [
            sha256(frame.to_ndarray(format="yuv420p").tobytes()).hexdigest()
            for frame in container.decode(video=0)
        ]


H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")
RECORDINGS = {
    "a.mp4": (*H264,),
    "b.mov": (*H264,),
    "c.mkv": (*H264,),
    "d.avi": ("-c:v", "mpeg4"),
    "e.mpg": ("-c:v", "mpeg2video"),
    "f.ts": (*H264,),
    "g.mkv": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
    "h.mpg": ("-c:v", "mpeg1video"),
    "i.avi": (*H264,),
    "j.mov": ("-c:v", "mjpeg"),
    "k.m2ts": ("-c:v", "libx264", "-preset", "ultrafast", "-mpegts_m2ts_mode", "1"),
    "l.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"),
}
H264_41, MPEG2, HEVC = (f"1.2.840.10008.1.2.4.{n}" for n in (102, 101, 107))
BECOME = {
    "a.mp4": (H264_41, []),
    "b.mov": (H264_41, ["container_changed"]),
    "c.mkv": (H264_41, ["container_changed"]),
    "d.avi": (H264_41, ["encoded"]),
    "e.mpg": (MPEG2, ["container_changed"]),
    "f.ts": (H264_41, []),
    "g.mkv": (HEVC, ["container_changed"]),
    "h.mpg": (H264_41, ["encoded"]),
    "j.mov": (H264_41, ["encoded"]),
    "k.m2ts": (H264_41, ["container_changed"]),
    "l.mp4": (H264_41, ["encoded"]),
}


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg missing")
def test_recordings_of_every_kind_are_copied_where_dicom_has_the_codec_else_encoded(
    project, tmp_path
):
    for name, options in RECORDINGS.items():
        ffmpeg(tmp_path / name, *options)
    code, lines, _ = run(tmp_path, "--patient-id", "PID-90210", "--study-date", "20240305")
    assert code == 0, lines
    became = dict(zip(RECORDINGS, zip(lines, headers(), strict=True), strict=True))
    for name, (syntax, warnings) in BECOME.items():
        line, ds = became[name]
        assert (ds.file_meta.TransferSyntaxUID, line["warnings"]) == (syntax, warnings), name
        assert ds.NumberOfFrames == 10, name
        assert ds.ImageType[0] == ("DERIVED" if "encoded" in warnings else "ORIGINAL")
        if "encoded" not in warnings:
            stream = b"".join(list(generate_fragments(ds.PixelData))[1:])
            assert pictures(io.BytesIO(stream)) == pictures(tmp_path / name), name
    # Whether AVI's H.264 can be copied hangs on its times; no picture is lost either way.
    line, ds = became["i.avi"]
    assert line["warnings"] in (["container_changed"], ["encoded"]) and ds.NumberOfFrames == 10
    noted = [
        json.loads(bytes(e.entry))["public"] for e in Event.objects.filter(action="intake.wrap")
    ]
    assert {(note["codec"], note["how"]) for note in noted} >= {
        ("h264", "as_it_is"),
        ("h264", "container_changed"),
        ("hevc", "container_changed"),
        ("mpeg1video", "encoded"),
    }


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg missing")
def test_recordings_go_all_the_way_to_clips_that_play(transactional_db, project, tmp_path):
    for name in ("c.mkv", "e.mpg", "f.ts", "h.mpg"):
        ffmpeg(tmp_path / name, *RECORDINGS[name])
    typed = ["--patient-id", "PID-90210", "--study-date", "20240305"]
    code, lines, _ = run(tmp_path, *typed, "--pixels", "keep", "--wait")
    assert code == 0, lines
    clips = Clip.objects.filter(pk__in=[line["clips"][0] for line in lines])
    assert [(clip.state, clip.n_frames) for clip in clips] == [("ready", 10)] * 4
    assert clips.values("instance__series__study").distinct().count() == 1
    assert run(tmp_path, *typed)[0] == 0
    assert ReceivedInstance.objects.count() == 4, "copied or encoded again it is the same"


def test_a_recorders_parts_become_one_study_in_the_order_of_their_numbers(project, tmp_path):
    for number, length in ((10, 12), (2, 11), (1, 10)):
        (tmp_path / f"VID_{number}.mp4").write_bytes(builders.stream(length))
    typed = tmp_path.parent / "typed.json"
    typed.write_text(json.dumps(WHO))
    code, lines, told = run(tmp_path, "--study-data", str(typed), "--study-time", "10:15")
    assert code == 0 and [line["input"] for line in lines] == ["#1", "#2", "#3"]
    parts = headers()
    assert [int(ds.NumberOfFrames) for ds in parts] == [10, 11, 12]
    assert [int(ds.InstanceNumber) for ds in parts] == [1, 2, 3]
    assert len({(ds.StudyInstanceUID, ds.SeriesInstanceUID) for ds in parts}) == 1
    assert {(ds.PatientID, ds.StudyDate, ds.StudyTime, str(ds.PatientName)) for ds in parts} == {
        ("PID-90210", "20240305", "101500", "Seen^Nowhere")
    }
    assert ReceivedInstance.objects.values("subject").distinct().count() == 1
    assert run(tmp_path, "--study-data", str(typed), "--study-time", "10:15")[0] == 0
    assert ReceivedInstance.objects.count() == 3, "the same again is the same"
    for event in Event.objects.all():
        for text in (bytes(event.entry), bytes(event.private or b"")):
            assert not any(value.encode() in text for value in WHO.values())
    assert not any(value in told for value in WHO.values())


def test_parts_can_go_by_their_time_and_be_photographic(project, tmp_path):
    for name, length, at in (("a.mp4", 10, 3000), ("b.mp4", 11, 2000)):
        (tmp_path / name).write_bytes(builders.stream(length))
        os.utime(tmp_path / name, (at, at))
    typed = ["--patient-id", "P1", "--study-date", "20240305"]
    assert run(tmp_path, *typed, "--order", "time", "--video-class", "photographic")[0] == 0
    parts = headers()
    assert [int(ds.NumberOfFrames) for ds in parts] == [11, 10]
    assert {(ds.Modality, ds.SOPClassUID) for ds in parts} == {
        ("XC", "1.2.840.10008.5.1.4.1.1.77.1.4.1")
    }


def test_without_typed_data_each_video_is_a_study_of_its_own(project, tmp_path):
    for length in (10, 11):
        (tmp_path / f"{length}.mp4").write_bytes(builders.stream(length))
    assert run(tmp_path)[0] == 0
    assert len({ds.StudyInstanceUID for ds in headers()}) == 2


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["--patient-id", "Seen-Nowhere"], "study_date"),
        (["--study-date", "20240305"], "patient_id"),
        (["--patient-id", "P1", "--study-date", "Seen-Nowhere"], "study_date"),
        (["--patient-id", "P1", "--study-date", "20240230"], "study_date"),
        (["--patient-id", "P1", "--study-date", "20240305", "--study-time", "25"], "study_time"),
        (["--patient-id", "P1", "--study-date", "20240305", "--patient-sex", "x"], "patient_sex"),
        (["--patient-id", "Seen\\Nowhere", "--study-date", "20240305"], "patient_id"),
        (["--study-data", "/nowhere/at/all"], "--study-data"),
    ],
)
def test_typed_data_that_will_not_do_is_wrong_use_and_is_not_repeated(
    project, tmp_path, options, field
):
    (tmp_path / "a.mp4").write_bytes(builders.stream(10))
    code, lines, told = run(tmp_path, *options)
    assert (code, lines) == (2, []) and told.startswith(f"{field}:")
    assert "Seen" not in told and not ReceivedInstance.objects.exists()
