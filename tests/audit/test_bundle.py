"""The bundle: checked without Django, every single-byte change found."""

from __future__ import annotations

import base64
import io
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from apps.audit import delivery, export, log, tree
from apps.audit.domain import bundle
from clinical_annot.verify.__main__ import main
from tests.audit.running import witness_thread

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def exported(db, tmp_path):
    for number in range(40):
        log.append(
            "test.event", actor="a", public={"n": number}, sealed=b"x" if number % 3 else None
        )
    path = tmp_path / "audit.bundle"
    path.write_bytes(b"".join(export.bundle_lines()))
    return path


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    blocked = "import sys; sys.modules['django'] = None; sys.modules['numpy'] = None; "
    code = blocked + "from clinical_annot.verify.__main__ import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        check=False,
    )


def test_a_bundle_is_consistent_and_with_the_key_verified(exported):
    assert _run(str(exported)).stdout.startswith("CONSISTENT, key not pinned ")
    key = base64.b64encode(tree.signing_key().public_key().public_bytes_raw()).decode()
    done = _run(str(exported), "--key", key)
    assert done.stdout.startswith("VERIFIED 40 entries") and done.returncode == 0


def test_another_key_does_not_verify_it(exported):
    done = _run(str(exported), "--key", base64.b64encode(bytes(32)).decode())
    assert done.returncode == 1


def test_a_newer_checkpoint_from_outside_shows_the_missing_tail(exported, tmp_path):
    log.append("test.later")
    tree.sequence()
    outside = tmp_path / "notes.txt"
    outside.write_text(tree.make_checkpoint().note + "\n")
    done = _run(str(exported), "--checkpoint", str(outside))
    assert done.returncode == 1 and "its end is missing" in done.stdout


def test_each_of_200_single_byte_changes_is_found(exported):
    good, chance = exported.read_bytes(), random.Random(7)
    bundle.check(io.BytesIO(good))
    for _ in range(200):
        place = chance.randrange(len(good))
        bad = bytearray(good)
        bad[place] ^= 1 << chance.randrange(8)
        with pytest.raises(bundle.BundleError):
            bundle.check(io.BytesIO(bytes(bad)))


def test_a_bundle_says_which_witness_signed_and_without_its_line_the_verifier_refuses(
    db, settings, tmp_path, capsys
):
    log.append("test.event")
    bare, path = tmp_path / "bare.bundle", tmp_path / "signed.bundle"
    bare.write_bytes(b"".join(export.bundle_lines()))
    with witness_thread(tmp_path) as named:
        settings.CLINICAL_ANNOT_WITNESSES = [named]
        assert delivery.deliver() == 1
    path.write_bytes(b"".join(export.bundle_lines()))
    witness = named.rpartition("@")[0]
    assert main([str(path), "--witness", witness]) == 0
    assert "witnessed by irb.example/w1" in capsys.readouterr().out
    assert main([str(bare), "--witness", witness]) == 1


def test_an_event_and_a_digest_are_found_in_a_bundle_and_what_is_not_there_is_not(
    db, tmp_path, capsys
):
    written = log.append("test.signature", public={"digest": "5" * 64})
    path = tmp_path / "audit.bundle"
    path.write_bytes(b"".join(export.bundle_lines()))
    assert main([str(path), "--has", str(written.id), "--has", "5" * 64]) == 0
    assert capsys.readouterr().out.count("IN THE LOG entry 0: test.signature done") == 2
    assert main([str(path), "--has", "6" * 64]) == 1
    assert "no entry of this log says so" in capsys.readouterr().out
