"""Files that ship with pydicom, highdicom and pynetdicom: cleaned, or refused with a reason.

What is installed, in `make test`; as a bar also what only the source packages hold (fetched with
pip into FOREIGN_FILES).
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pynetdicom
import pytest

from apps.deid.domain import pipeline
from apps.deid.domain.header import DeidContext
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.reasons import REASON_TEXTS, Refused

MOST_BYTES = 1 << 62 if os.environ.get("BAR_FULL") else 300_000


def files() -> Iterator[Path]:
    folders = [Path(pydicom.__file__).parent / "data", Path(pynetdicom.__file__).parent]
    if os.environ.get("FOREIGN_FILES"):
        folders.append(Path(os.environ["FOREIGN_FILES"]))
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size < MOST_BYTES and _is_dicom(path):
                yield path


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() in (".dcm", ".dicom", ".ima"):
        return True
    with open(path, "rb") as file:
        return file.read(132)[128:] == b"DICM"


def verdict(data: bytes, profile_name: str) -> str:
    """ "cleaned", or the reason's code; anything else that is raised is a crash."""
    profile = load_builtin(profile_name)
    try:
        examined = pipeline.examine(io.BytesIO(data), with_proposals=False)
        out, decision = io.BytesIO(), {"boxes": [], "spans": []}
        context = DeidContext(
            profile=profile, uid_key=b"k" * 32, pseudonym="P-A", date_offset_s=-8_640_123,
            harvest=examined.harvest, pixels_confirmed=True, visual_features_confirmed=True,
        )  # fmt: skip
        produced = pipeline.produce(io.BytesIO(data), out, context, decision)
        checked = pipeline.check(
            io.BytesIO(out.getvalue()), examined.harvest, profile, produced.header, decision, None,
            look_for_text=False,
        )  # fmt: skip
    except Refused as refusal:
        assert refusal.reason in REASON_TEXTS
        return str(refusal.reason)
    return "cleaned" if not checked.findings else f"left: {checked.findings[0].place}"


@pytest.mark.parametrize("profile", ["basic", "research"])
def test_files_of_other_libraries_are_cleaned_or_refused_with_a_reason(profile: str) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for path in files():
        try:
            said = verdict(path.read_bytes(), profile)
        except Exception as error:
            said = f"crashed: {type(error).__name__}"
        counts[said] += 1
        if said.startswith(("crashed", "left")):
            wrong.append((path.name, said))
    print(dict(counts))
    assert wrong == []
    assert counts["cleaned"] > 40 and sum(counts.values()) > 60
