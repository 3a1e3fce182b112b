"""Files through the same intake: one line each, by place, never by name."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.audit.models import Event
from apps.intake.models import ReceivedInstance
from apps.library.models import Clip
from apps.vault.models import VaultFile
from tests import builders
from tests.intake import peers

pytestmark = pytest.mark.django_db


def run(path: Path, *options: str, project: str = "demo") -> tuple[int, list[dict], str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(
            "ingest", str(path), "--project", project, "--json", *options, stdout=out, stderr=err
        )
    return (
        ended.value.code,
        [json.loads(line) for line in out.getvalue().splitlines()],
        err.getvalue(),
    )


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return path


@pytest.fixture
def folder(tmp_path):
    """In the order of their bytes: Zz.dcm, a/x.dcm, a.zip (a/ sorts after a. by bytes), …"""
    (tmp_path / "a").mkdir()
    (tmp_path / "Zz.dcm").write_bytes(peers.instance())
    (tmp_path / "a" / "x.dcm").write_bytes(peers.instance())
    zipped(
        tmp_path / "a.zip",
        b_dcm=peers.instance(),
        a_dcm=peers.instance(),
        c_mp4=builders.stream(10),
        d_txt=b"not an image",
    )
    (tmp_path / "clip.mp4").write_bytes(builders.stream(12))
    (tmp_path / "cut.dcm").write_bytes(peers.instance()[:300])
    (tmp_path / "fake.mp4").write_bytes(b"no video at all" * 50)
    (tmp_path / "notes.txt").write_bytes(b"Planted^Name")
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    return tmp_path


def test_a_folder_gives_one_line_an_instance_by_its_place(project, folder):
    code, lines, _ = run(folder)
    said = [(line["input"], line["state"], line["reason"]) for line in lines]
    assert said == [
        ("#1", "received", ""),
        ("#2.1", "received", ""),
        ("#2.2", "received", ""),
        ("#2.3", "received", ""),
        ("#2.4", "rejected", "not_dicom"),
        ("#3", "received", ""),
        ("#4", "received", ""),
        ("#5", "rejected", "unparsable"),
        ("#6", "rejected", "decode_failed"),
        ("#7", "rejected", "not_dicom"),
        ("#8", "rejected", "archive_damaged"),
    ]
    assert code == 1, "some were refused"
    assert all(set(line) == {"input", "state", "reason", "clips", "warnings"} for line in lines)
    assert ReceivedInstance.objects.count() == VaultFile.objects.count() == 6
    assert Event.objects.filter(action="intake.refuse").count() == 5


def test_a_zip_alone_counts_its_members(project, tmp_path):
    path = zipped(tmp_path / "study.zip", b_dcm=peers.instance(), a_dcm=peers.instance())
    code, lines, _ = run(path)
    assert code == 0 and [line["input"] for line in lines] == ["#1", "#2"]


def test_a_damaged_member_is_refused_and_the_rest_is_taken(project, tmp_path):
    content = peers.instance(pixels=b"\xa5\x5a" * 40_000)
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.dcm", content)
        archive.writestr("b.dcm", peers.instance())
    data = bytearray(path.read_bytes())
    data[data.index(b"\xa5\x5a" * 100) + 50] ^= 0xFF
    path.write_bytes(data)
    _, lines, _ = run(path)
    assert [line["reason"] for line in lines] == ["archive_damaged", ""]
    assert ReceivedInstance.objects.count() == VaultFile.objects.count() == 1


def test_the_same_file_again_is_one_instance(project, tmp_path):
    (tmp_path / "a.dcm").write_bytes(peers.instance(uid="1.2.3"))
    (tmp_path / "b.mp4").write_bytes(builders.stream(10))
    for _ in range(2):
        assert run(tmp_path)[0] == 0
    assert ReceivedInstance.objects.count() == 2
    assert Event.objects.filter(action="intake.receive", outcome="repeated").count() == 2


@pytest.mark.parametrize("stated", [None, 4, 10_000])
def test_the_digest_is_of_the_data_set_whatever_the_group_length_says(project, tmp_path, stated):
    content = peers.instance()
    expected = peers.digest_of_data_set(content)
    if stated is None:
        content = content[:132] + content[144:]
    else:
        content = content[:140] + stated.to_bytes(4, "little") + content[144:]
    (tmp_path / "a.dcm").write_bytes(content)
    assert run(tmp_path)[0] == 0
    assert ReceivedInstance.objects.get().sha256 == expected


def test_pixels_are_not_cleared_without_a_person_unless_the_project_says_so(project, tmp_path):
    project.options = {}
    project.save()
    (tmp_path / "a.dcm").write_bytes(peers.instance())
    code, lines, told = run(tmp_path, "--pixels", "keep")
    assert (code, lines) == (1, []) and "data steward" in told
    assert not ReceivedInstance.objects.exists()


def test_an_unknown_project_or_path_is_wrong_use(project, tmp_path):
    assert run(tmp_path, project="nowhere")[:2] == (2, [])
    assert run(tmp_path / "missing")[:2] == (2, [])


def test_waiting_ends_when_the_clip_is_ready(transactional_db, project, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(builders.stream(12))
    (tmp_path / "notes.txt").write_bytes(b"garbage")
    code, lines, _ = run(tmp_path, "--pixels", "keep", "--wait")
    assert code == 1
    ready, garbage = lines
    assert ready["state"] == "cleared" and len(ready["clips"]) == 1, ready
    assert garbage["state"] == "rejected" and garbage["reason"] == "not_dicom"
    clip = Clip.objects.get(pk=ready["clips"][0])
    assert clip.state == Clip.State.READY and clip.n_frames == 12


def verify_vault() -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify_vault", stdout=out)
    except SystemExit as ended:
        return ended.code, out.getvalue()
    return 0, out.getvalue()


def test_a_stored_file_that_is_altered_cut_or_missing_is_named(project, tmp_path, settings):
    (tmp_path / "a.dcm").write_bytes(peers.instance(size_bytes=3 << 20))
    (tmp_path / "b.dcm").write_bytes(peers.instance())
    assert run(tmp_path)[0] == 0
    assert verify_vault() == (0, "HOLDS 2 files\n")
    row = ReceivedInstance.objects.order_by("received_at").first()
    name = row.original.storage_name
    path = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault" / name[:2] / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    altered = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for broken in (altered, whole[: 1 << 20], whole[:-1], b"", None):
        if broken is None:
            path.unlink()
        else:
            path.write_bytes(broken)
        code, said = verify_vault()
        assert code == 1 and said.startswith("BROKEN") and str(row.original_id) in said
    assert Event.objects.filter(action="vault.verify", outcome="failed").count() == 5


def test_the_list_of_instances_names_what_is_held(project, tmp_path):
    content = peers.instance(uid="1.2.3.4")
    (tmp_path / "a.dcm").write_bytes(content)
    run(tmp_path)
    out = io.StringIO()
    call_command("list_instances", "--project", "demo", "--json", stdout=out)
    line = json.loads(out.getvalue())
    assert line.pop("received_at")
    assert line == {
        "sop_instance_uid": "1.2.3.4",
        "state": "received",
        "size_bytes": len(content),
        "sha256": peers.digest_of_data_set(content),
    }
    assert Event.objects.filter(action="intake.list").count() == 1
    with pytest.raises(SystemExit) as ended:
        call_command("list_instances", "--project", "nowhere", stderr=out)
    assert ended.value.code == 2
