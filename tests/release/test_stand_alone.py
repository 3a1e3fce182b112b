"""A release checked on another machine: the standard library and ``cryptography`` alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.access import signing
from apps.access.actor import service
from apps.audit import export, log, tree
from apps.audit.domain import checkpoint
from apps.release import services
from apps.release.domain.manifest import write_signed
from apps.release.signing import public_keys, release_key
from apps.release.writing import write_folder
from clinical_annot.verify.release import ReleaseError, check_release
from tests import builders
from tests.intake.figures import note
from tests.release.releasing import command

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
BLOCKED = ("django", "numpy", "pydicom", "av", "cv2", "highdicom")


def _approved(project, person, folder: Path) -> Path:
    builders.signed_adjudication(project, person, builders.ready_clip(project))
    release = services.freeze(
        service("command"), project, version="1.0.0", formats=["dicom-seg", "coco-video", "mot"]
    )
    services.approve(person("compliance_officer"), release)
    release.refresh_from_db()
    write_folder(release, folder, release.formats)
    return folder


@pytest.fixture(scope="module")
def approved(kept, tmp_path_factory) -> Path:
    return kept.make(_approved, kept.person, tmp_path_factory.mktemp("approved") / "release")


@pytest.fixture
def folder(approved, tmp_path) -> Path:
    """An approved release of one clip, to be changed at will."""
    return Path(shutil.copytree(approved, tmp_path / "release"))


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier in a process in which nothing but the standard library and cryptography is."""
    code = f"import sys; sys.modules.update(dict.fromkeys({BLOCKED})); "
    code += "from clinical_annot.verify.__main__ import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, cwd=ROOT, env={"PATH": os.environ["PATH"]}, check=False,
    )  # fmt: skip


def resigned(folder: Path, change, key: Ed25519PrivateKey | None = None) -> None:
    """Change the manifest and sign it again, as somebody with the server's release key could."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    for row in manifest["files"]:
        raw = (folder / row["path"]).read_bytes()
        row["size_bytes"], row["sha256"] = len(raw), hashlib.sha256(raw).hexdigest()
    key = key or release_key()
    public = key.public_key().public_bytes_raw()
    manifest["keys"]["release"] = base64.b64encode(public).decode()
    write_signed(folder, manifest, key.sign, public)


def test_a_release_is_consistent_and_with_the_key_verified(folder):
    done = verify(str(folder))
    key = public_keys()["release"]
    print_of = checkpoint.fingerprint(base64.b64decode(key))
    assert done.stdout.startswith(f"CONSISTENT, key not pinned {print_of}: release demo 1.0.0")
    done = verify(str(folder), "--key", key)
    assert done.stdout.startswith("VERIFIED release demo 1.0.0, 1 clips") and done.returncode == 0
    assert done.stdout.rstrip().endswith(", approved")


def test_a_release_of_another_server_does_not_verify_with_the_key(folder):
    resigned(folder, lambda manifest: None, Ed25519PrivateKey.generate())
    assert verify(str(folder)).returncode == 0
    done = verify(str(folder), "--key", public_keys()["release"])
    assert done.returncode == 1 and "manifest.sig: by another key" in done.stdout


def test_each_of_200_single_byte_changes_is_found_and_its_file_named(folder, tmp_path):
    chance = random.Random(7)
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    names = [path.relative_to(folder).as_posix() for path in paths]
    assert check_release(folder, None, [])
    for number in range(200):
        name = names[number % len(names)]
        path = folder / name
        good = path.read_bytes()
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        with pytest.raises(ReleaseError) as found:
            check_release(folder, None, [])
        assert str(found.value).startswith(f"{name}: "), (name, str(found.value))
        path.write_bytes(good)
    assert check_release(folder, None, [])


def test_a_changed_byte_is_named_by_verify_release_and_by_the_stand_alone_verifier(folder):
    """100 changes in full size: each file of the release, and the three that prove it."""
    chance, proofs = random.Random(100), ["manifest.json", "manifest.sig", "SHA256SUMS"]
    names = sorted(
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.stat().st_size and p.is_file()
    )
    n = 100 if os.environ.get("BAR_FULL") else 8
    picked = proofs + chance.sample([*names, *proofs * 5], min(len(names), n - 3))
    picked += chance.choices(names, k=n - len(picked))
    for name in picked:
        path = folder / name
        good = path.read_bytes()
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        code, told = command("verify_release", str(folder))
        assert code == 1 and told.startswith(f"WRONG {name}: "), (name, told)
        if os.environ.get("BAR_FULL"):  # in a process of its own; in this one it is tested above
            done = verify(str(folder))
            assert done.returncode == 1 and f"{name}: " in done.stdout, (name, done.stdout)
        path.write_bytes(good)
    assert command("verify_release", str(folder))[0] == 0
    note(f"{len(picked)} of {len(picked)} changed bytes named by both verifiers")


def test_each_byte_of_the_three_small_files_is_held(folder):
    sums = folder / "SHA256SUMS"
    signature = folder / "manifest.sig"
    for path in (sums, signature):
        good = path.read_bytes()
        # Every third byte in full size, every seventeenth else (coprime to a line of sums).
        for place in range(0, len(good), 3 if os.environ.get("BAR_FULL") else 17):
            path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
            with pytest.raises(ReleaseError, match=rf"^{path.name}: "):
                check_release(folder, None, [])
        path.write_bytes(good)


def test_missing_extra_and_linked_files_are_named(folder):
    (folder / "media" / "more.txt").write_text("x")
    with pytest.raises(ReleaseError, match=r"^media/more\.txt: extra"):
        check_release(folder, None, [])
    (folder / "media" / "more.txt").unlink()
    for name in ("splits.json", "manifest.sig", "SHA256SUMS"):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(ReleaseError, match=rf"^{name}: missing"):
            check_release(folder, None, [])
        (folder / name).write_bytes(kept)
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(ReleaseError, match=r"^link: neither"):
        check_release(folder, None, [])


def _unsigned(manifest):
    manifest["clips"][0]["signature"] = None


def _other_digest(manifest):
    manifest["clips"][0]["label_set"]["expanded_digest"] = "0" * 64


def _other_signer(manifest):
    manifest["clips"][0]["signature"]["signer_pseudonym"] = "U-OTHER"


def _own_statement(manifest):
    key = Ed25519PrivateKey.generate()
    signature = manifest["clips"][0]["signature"]
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    statement = base64.b64decode(signature["statement"])
    signature["public_key"] = public
    signature["server_signature"] = base64.b64encode(key.sign(statement)).decode()


def _altered_statement(manifest):
    signature = manifest["clips"][0]["signature"]
    statement = base64.b64decode(signature["statement"]).replace(b"approve", b"APPROVE")
    signature["statement"] = base64.b64encode(statement).decode()


def _no_proof(manifest):
    manifest["clips"][0]["audit_proof"] = None


def _other_place(manifest):
    manifest["clips"][0]["audit_proof"]["leaf_index"] += 1


def _altered_entry(manifest):
    proof = manifest["clips"][0]["audit_proof"]
    proof["entry"] = proof["entry"].replace('"outcome":"done"', '"outcome":"DONE"')


def _proof_of_something_else(manifest):
    manifest["clips"][0]["audit_proof"] = manifest["approval"]["proof"]


def _approval_without_proof(manifest):
    manifest["approval"]["proof"] = None


def _approval_of_another(manifest):
    manifest["freeze_digest"] = "0" * 64


def _approved_by_word_alone(manifest):
    manifest["approval"] = None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_unsigned, "it is not signed"),
        (_other_digest, "does not bind these labels"),
        (_other_signer, "signer_pseudonym is not what was signed"),
        (_own_statement, "by another key than the release names"),
        (_altered_statement, "its signature does not hold"),
        (_no_proof, "there is no proof of the log"),
        (_other_place, "does not stand in the signed log"),
        (_altered_entry, "does not stand in the signed log"),
        (_proof_of_something_else, "about something else"),
        (_approval_without_proof, "approval: there is no proof"),
        (_approval_of_another, "approves another release"),
        (_approved_by_word_alone, "contradict each other"),
    ],
)
def test_even_the_release_key_cannot_make_up_who_signed_what(folder, change, says):
    resigned(folder, change)
    with pytest.raises(ReleaseError, match=says) as found:
        check_release(folder, None, [])
    assert str(found.value).startswith("manifest.json: ")


def test_other_labels_under_the_signature_are_found_though_all_sums_agree(folder):
    labels = next((folder / "labels").glob("*.jsonl"))
    labels.write_bytes(labels.read_bytes().replace(b'"end_frame":9', b'"end_frame":10'))
    resigned(folder, lambda manifest: None)
    with pytest.raises(ReleaseError, match="not those that were signed"):
        check_release(folder, None, [])


def test_another_video_under_the_signature_is_found_though_all_sums_agree(folder):
    video = next((folder / "media").glob("*.mp4"))
    video.write_bytes(video.read_bytes() + b"\0")
    resigned(folder, lambda manifest: None)
    with pytest.raises(ReleaseError, match=r"^media/.*: not the video that was annotated"):
        check_release(folder, None, [])

    def told(manifest):
        digest = hashlib.sha256(video.read_bytes()).hexdigest()
        manifest["clips"][0]["media_sha256"] = digest

    resigned(folder, told)
    with pytest.raises(ReleaseError, match="about another video"):
        check_release(folder, None, [])


def test_a_checkpoint_from_outside_must_be_of_the_same_log(folder, tmp_path):
    log.append("test.later")
    tree.sequence()
    outside = tmp_path / "notes.txt"
    outside.write_text(tree.make_checkpoint().note + "\n")
    key = public_keys()["release"]
    assert verify(str(folder), "--key", key, "--checkpoint", str(outside)).returncode == 0
    manifest = json.loads((folder / "manifest.json").read_bytes())
    size = manifest["clips"][0]["audit_proof"]["tree_size"]
    forged = checkpoint.Checkpoint(tree.origin(), size, bytes(32))
    outside.write_text(checkpoint.sign(forged, tree.signing_key()) + "\n")
    done = verify(str(folder), "--key", key, "--checkpoint", str(outside))
    assert done.returncode == 1 and "not that of the checkpoint given" in done.stdout
    outside.write_text(checkpoint.sign(forged, Ed25519PrivateKey.generate()) + "\n")
    assert verify(str(folder), "--checkpoint", str(outside)).returncode == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"format":1}', b"\xff\xfe"])
def test_a_signed_file_that_is_no_manifest_is_said_to_be_none(folder, content):
    key = release_key()
    write_signed(folder, {"files": []}, lambda _: key.sign(content), _raw(key))
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ReleaseError, match=r"^manifest\.json: not of the format"):
        check_release(folder, None, [])


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def test_a_signed_manifest_of_another_form_is_a_finding_and_no_crash(folder):
    key = release_key()
    whole = json.loads((folder / "manifest.json").read_bytes())
    for name in whole:
        if name in ("format", "files"):
            continue
        for value in (None, 7, [None], {"a": 1}):
            write_signed(folder, {**whole, name: value}, key.sign, _raw(key))
            try:
                check_release(folder, None, [])
            except ReleaseError as error:
                assert "manifest.json: " in str(error)


def test_a_folder_without_a_manifest_is_a_finding(tmp_path):
    done = verify(str(tmp_path))
    assert done.returncode == 1 and "manifest.json: missing" in done.stdout


def test_the_three_keys_differ(folder):
    keys = public_keys()
    assert len(set(keys.values())) == 3
    assert base64.b64decode(keys["electronic_signature"]) == signing.public_key()


def test_a_bundle_shows_that_a_release_and_its_signature_are_in_the_log(folder, tmp_path):
    bundle = tmp_path / "audit.bundle"
    bundle.write_bytes(b"".join(export.bundle_lines()))
    digest = signing.Signature.objects.get().digest
    done = verify(str(bundle), "--has", str(folder), "--has", digest)
    assert done.returncode == 0, done.stdout
    assert "IN THE LOG release release: every entry that its proofs name" in done.stdout
    assert "adjudication.signature done" in done.stdout
    manifest = json.loads((folder / "manifest.json").read_text())
    proof = manifest["clips"][0]["audit_proof"]
    proof["entry"] = proof["entry"].replace('"done"', '"dome"')
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = verify(str(bundle), "--has", str(folder))
    assert done.returncode == 1 and "of its proofs is not in this log" in done.stdout
