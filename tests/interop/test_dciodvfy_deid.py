"""dcm3tools' validator finds nothing in a cleaned instance that it did not find before."""

from __future__ import annotations

import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from apps.deid.domain.header import DeidContext, deidentify_dataset
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.write import EncapsulatedPixels, NativePixels, write_instance
from tests.domain import deid_corpus as corpus

pytestmark = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools missing")


def _errors(path: Path) -> set[str]:
    found = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (found.stdout + found.stderr).splitlines()
    return {re.sub(r"=? ?<[^>]*>", "", line) for line in lines if line.startswith("Error")}


@pytest.mark.parametrize("profile", ["basic", "research"])
@pytest.mark.parametrize(
    ("make", "syntax"),
    [
        (corpus.video_endoscopic, "1.2.840.10008.1.2.4.102"),
        (corpus.ultrasound_cine, "1.2.840.10008.1.2.1"),
        (corpus.secondary_capture, "1.2.840.10008.1.2.1"),
        (corpus.report, "1.2.840.10008.1.2.1"),
    ],
)
def test_a_cleaned_instance_has_no_error_that_its_original_had_not(
    tmp_path: Path, make, syntax: str, profile: str
) -> None:
    ds = make()
    size = ds.get("Rows", 0) * ds.get("Columns", 0) * ds.get("SamplesPerPixel", 0)
    size *= int(ds.get("NumberOfFrames", 1))

    def source():
        if syntax.startswith("1.2.840.10008.1.2.4"):
            return EncapsulatedPixels.video(BytesIO(bytes(1000)), 1000)
        return NativePixels(BytesIO(bytes(size)), size) if size else None

    context = DeidContext(
        profile=load_builtin(profile), uid_key=b"u" * 32, pseudonym="P-0001",
        date_offset_s=-40_000_000, pixels_confirmed=True, visual_features_confirmed=True,
    )  # fmt: skip
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    with before.open("wb") as out:
        write_instance(out, ds, syntax, source())
    with before.open("rb") as fp:
        result = deidentify_dataset(parse_instance(fp).dataset, context)
    with after.open("wb") as out:
        write_instance(out, result.dataset, syntax, source())
    assert _errors(after) - _errors(before) == set()


def test_what_the_general_modules_want_at_least_empty_is_there_where_the_sender_left_it_out(
    tmp_path: Path,
) -> None:
    ds = corpus.ultrasound_cine()
    for keyword in ("StudyID", "AccessionNumber", "PatientOrientation", "Laterality", "StudyTime"):
        if keyword in ds:
            delattr(ds, keyword)
    size = ds.Rows * ds.Columns * ds.SamplesPerPixel * int(ds.NumberOfFrames)
    syntax = "1.2.840.10008.1.2.1"
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    with before.open("wb") as out:
        write_instance(out, ds, syntax, NativePixels(BytesIO(bytes(size)), size))
    with before.open("rb") as fp:
        result = deidentify_dataset(
            parse_instance(fp).dataset,
            DeidContext(
                profile=load_builtin("basic"), uid_key=b"u" * 32, pseudonym="P-0001",
                date_offset_s=-40_000_000, pixels_confirmed=True, visual_features_confirmed=True,
            ),
        )  # fmt: skip
    with after.open("wb") as out:
        write_instance(out, result.dataset, syntax, NativePixels(BytesIO(bytes(size)), size))
    assert _errors(before) != set() == _errors(after)
    assert "StudyID" in result.dataset and not result.dataset.StudyID
