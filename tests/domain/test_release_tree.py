"""A release folder: the same bytes every time, and every change to it is found and named."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.release.domain.build import FORMATS, ReleaseRefused, build_release
from apps.release.domain.manifest import approve_tree, write_signed
from apps.release.domain.media import MediaError, copy_video
from apps.release.domain.verify import verify_tree
from tests.domain.release_samples import (
    CINE,
    KEY,
    PUBLIC_KEY,
    VIDEO,
    Sample,
    sample,
    video_bytes,
)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "release"
    sample().build(folder)
    return folder


@pytest.fixture
def folder(built, tmp_path) -> Path:
    """A copy of a release that a test may spoil."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_the_same_freeze_and_media_give_the_same_bytes(built, tmp_path):
    sample().build(tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(built)


def test_a_whole_release_has_no_problem(built):
    assert verify_tree(built, public_key=PUBLIC_KEY) == []
    done = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=built, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_released_video_is_the_annotated_one_without_the_instance_s_pad_byte(built):
    assert (built / "media" / "subject-a-01.mp4").read_bytes() == video_bytes()
    odd = bytes(range(7)) * 15
    clip = replace(sample().freeze.clips[0], media_sha256=hashlib.sha256(odd).hexdigest())
    for stream in (odd, odd + b"\0"):  # encapsulation makes an odd stream even (PS3.5 A.4)
        out = io.BytesIO()
        copy_video(clip, iter([stream[:50], stream[50:]]), out)
        assert out.getvalue() == odd


@pytest.mark.parametrize("name", ["media/subject-a-01.mp4", "dicom/subject-a-01/seg.dcm",
                                  "labels/subject-a-01.jsonl", "splits.json", "manifest.json",
                                  "manifest.sig", "media/subject-b-01/000002.png"])  # fmt: skip
@pytest.mark.parametrize("harm", ["altered", "missing"])
def test_an_altered_or_missing_file_is_named(folder, name, harm):
    path = folder / name
    if harm == "missing":
        path.unlink()
    else:
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(bytes(raw))
    assert any(p.startswith(f"{name}: ") for p in verify_tree(folder))


def test_an_extra_file_and_a_link_are_named(folder):
    (folder / "dicom" / "extra.txt").write_text("x")
    (folder / "linked").symlink_to("/etc/hostname")
    problems = verify_tree(folder, recompute_frames=False)
    assert any(p.startswith("dicom/extra.txt: extra") for p in problems)
    assert any(p.startswith("linked: extra") for p in problems)


def resigned(folder: Path, change, key: Ed25519PrivateKey = KEY) -> None:
    """Change the manifest, list the files as they are now, and sign again with `key`."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    for row in manifest["files"]:
        raw = (folder / row["path"]).read_bytes()
        row["size_bytes"], row["sha256"] = len(raw), hashlib.sha256(raw).hexdigest()
    write_signed(folder, manifest, key.sign, key.public_key().public_bytes_raw())


def test_a_release_signed_again_by_another_key_fails_once_the_key_is_pinned(folder):
    resigned(folder, lambda m: None, Ed25519PrivateKey.generate())
    assert verify_tree(folder, recompute_frames=False) == []
    problems = verify_tree(folder, recompute_frames=False, public_key=PUBLIC_KEY)
    assert problems == ["manifest.sig: by another key than the one given"]


def test_other_labels_under_a_person_s_signature_are_found_even_if_all_sums_agree(folder):
    labels = folder / "labels" / "subject-a-01.jsonl"
    labels.write_bytes(labels.read_bytes().replace(b'"end_frame":15', b'"end_frame":16'))
    resigned(folder, lambda m: None)
    assert verify_tree(folder) == ["labels/subject-a-01.jsonl: not the labels that were signed"]

    def rebound(manifest):
        digest = hashlib.sha256(labels.read_bytes()).hexdigest()
        manifest["clips"][0]["label_set"]["expanded_digest"] = digest

    resigned(folder, rebound)
    assert any("does not bind these labels" in p for p in verify_tree(folder))


def test_a_forged_statement_is_found(folder):
    def forge(manifest):
        signature = manifest["clips"][0]["signature"]
        statement = base64.b64decode(signature["statement"]) + b" "
        signature["statement"] = base64.b64encode(statement).decode()

    resigned(folder, forge)
    assert verify_tree(folder, recompute_frames=False) == [
        "manifest.json: clip subject-a-01: the signature does not hold"
    ]


def test_another_picture_under_a_frame_is_found_even_if_all_sums_agree(folder):
    first, second = (folder / "media" / "subject-b-01" / f"00000{i}.png" for i in (1, 2))
    first.write_bytes(second.read_bytes())
    table = folder / "media" / "subject-a-01.frames.csv"
    lines = table.read_text().splitlines(keepends=True)
    digests = [line.rsplit(",", 1)[1] for line in lines]
    lines[8] = lines[8].replace(digests[8], digests[9])
    table.write_text("".join(lines))
    resigned(folder, lambda m: None)
    problems = verify_tree(folder)
    assert any(re.match(r"media/subject-b-01/: 1 frames .*: 0$", p) for p in problems)
    assert any(re.match(r"media/subject-a-01\.mp4: 1 frames .*: 7$", p) for p in problems)
    assert len(problems) == 2


def test_approval_changes_the_manifest_its_signature_and_the_sums_and_nothing_else(folder):
    before = files_of(folder)
    assert json.loads(before["manifest.json"])["approved"] is False
    approval = {"approver_pseudonym": "officer-1", "approved_at": "2026-03-03T08:00:00.000000Z"}
    approve_tree(folder, approval, KEY.sign, PUBLIC_KEY)
    after = files_of(folder)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"manifest.json", "manifest.sig", "SHA256SUMS"}
    assert json.loads(after["manifest.json"])["approval"] == approval
    assert verify_tree(folder) == []


def test_an_approved_release_built_again_equals_the_one_that_was_approved(folder, tmp_path):
    approval = {"approver_pseudonym": "officer-1", "approved_at": "2026-03-03T08:00:00.000000Z"}
    approve_tree(folder, approval, KEY.sign, PUBLIC_KEY)
    sample().build(tmp_path / "again", approval=approval)
    assert files_of(tmp_path / "again") == files_of(folder)


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        (["mot:stride=0"], "whole number"),
        (["dicom-seg:stride=2"], "takes no stride"),
        (["mot", "mot:stride=2"], "named twice"),
        (["tiff"], "no format"),
        ([], "none named"),
    ],
)
def test_a_format_or_option_that_is_not_written_is_refused(tmp_path, formats, words):
    with pytest.raises(ReleaseRefused, match=words) as refusal:
        sample().build(tmp_path / "out", formats)
    if words.startswith("no"):
        assert "choose from dicom-seg, dicom-labelmap" in str(refusal.value)
    assert str(refusal.value).startswith("formats: ")
    assert not (tmp_path / "out").exists()


def test_labels_other_than_the_signed_ones_are_refused_before_anything_is_written(tmp_path):
    whole = sample()
    clip = whole.freeze.clips[0]
    labels = json.loads(json.dumps(clip.label_set.labels))
    next(iter(labels["intervals"].values()))["end_frame"] = 14
    spoiled = replace(clip, label_set=replace(clip.label_set, labels=labels))
    freeze = replace(whole.freeze, clips=[spoiled, whole.freeze.clips[1]])
    with pytest.raises(ReleaseRefused, match="not those that were signed"):
        Sample(freeze, whole.instances).build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ReleaseRefused, match="out_dir"):
        sample().build(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("clip_id", [VIDEO, CINE])
def test_media_other_than_the_annotated_ones_are_refused(tmp_path, clip_id):
    whole = sample()
    raw = bytearray(whole.instances[clip_id])
    raw[len(raw) // 2] ^= 1
    spoiled = Sample(whole.freeze, {**whole.instances, clip_id: bytes(raw)})
    with pytest.raises(MediaError, match="annotated"):
        spoiled.build(tmp_path / "out")


def test_the_video_may_come_from_a_file_of_its_own(built, tmp_path):
    whole = sample()
    build_release(
        whole.freeze, FORMATS, tmp_path / "out", whole.open_instance, KEY.sign, PUBLIC_KEY,
        open_media=lambda clip_id: io.BytesIO(video_bytes()),
    )  # fmt: skip
    assert files_of(tmp_path / "out") == files_of(built)


def test_the_data_dictionary_names_every_class_file_and_column(built):
    text = (built / "DATA_DICTIONARY.md").read_text()
    for label_class in sample().freeze.ontology["classes"]:
        assert f"`{label_class['id']}`" in text
    for word in ("gt.txt", "frames.csv", "time_base", "visibility", "labels/<clip>.jsonl", "Jaw"):
        assert word in text


def run_check(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(folder / "check_decoder.py"), "--seeks", "5"],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip


def test_check_decoder_finds_the_installed_decoders_right_and_names_frames_that_differ(folder):
    done = run_check(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("ffmpeg", "pyav", "opencv"):
        assert f"subject-a-01 {name}: " in done.stdout
    table = folder / "media" / "subject-a-01.frames.csv"
    lines = table.read_text().splitlines(keepends=True)
    lines[12] = lines[12].rsplit(",", 1)[0] + "," + "0" * 64 + "\n"
    table.write_text("".join(lines))
    done = run_check(folder)
    assert done.returncode == 1
    assert "subject-a-01 pyav: digests differ at 11\n" in done.stdout
    assert "number of frames only" in done.stdout  # opencv has nothing exact to compare with
