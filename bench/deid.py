"""De-identification of small cine instances, pixel decision known, leak scan included."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.baselines import other_deid

N_INSTANCES = int(os.environ.get("BENCH_DEID_INSTANCES", "60"))


def _sources(folder: Path, count: int) -> list[bytes]:
    """One study of cines of 0.5 MB, each with UIDs and times of its own."""
    import numpy as np

    from tests.domain import deid_corpus as corpus

    rng, made = np.random.default_rng(4), []
    folder.mkdir()
    smooth = np.linspace(0, 120, 512)[None, None] + np.linspace(0, 60, 256)[None, :, None]
    for number in range(count):
        ds = corpus.ultrasound_cine()
        ds.SOPInstanceUID = f"{corpus.UID_ROOT}.3.{number}"
        ds.ContentTime = f"1{number % 10}{number % 60:02d}10.250000"
        ds.NumberOfFrames, ds.FrameTimeVector = "4", ["0", "33", "34", "33"]
        ds.Rows, ds.Columns = 256, 512
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        del ds.PlanarConfiguration
        region = ds.SequenceOfUltrasoundRegions[0]
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 511, 255
        noise = rng.normal(0, 9, (4, 256, 512))
        ds.PixelData = (smooth + noise).clip(0, 255).astype(np.uint8).tobytes()
        ds["PixelData"].VR = "OB"
        data = corpus.as_file(ds).getvalue()
        (folder / f"{number:04d}.dcm").write_bytes(data)
        made.append(data)
    return made


def _clean(data: bytes, known: Any, profile: Any) -> None:
    from apps.deid.domain import pipeline
    from apps.deid.domain.header import DeidContext

    context = DeidContext(
        profile=profile, uid_key=b"k" * 32, pseudonym="P-A", date_offset_s=-8_640_123,
        harvest=known, pixels_confirmed=True, visual_features_confirmed=True,
    )  # fmt: skip
    box = {"x_px": 0, "y_px": 0, "width_px": 200, "height_px": 24, "start_frame": 0,
           "end_frame": None, "action": "blank"}  # fmt: skip
    decision, out = {"boxes": [box], "spans": []}, io.BytesIO()
    produced = pipeline.produce(io.BytesIO(data), out, context, decision)
    checked = pipeline.check(
        io.BytesIO(out.getvalue()), known, profile, produced.header, decision, None,
        look_for_text=False,
    )  # fmt: skip
    assert checked.findings == ()


def small_cines(folder: Path) -> dict[str, Any]:
    """CPU time of all that an instance costs once its pixel decision is known, against dicognito
    on the same files.

    Counted: parse, harvest of the instance's own identifiers, header rules, blanking, write,
    re-open, and the search of every byte and every element for all that its study held. Not
    counted: the step before the decision (which reads each instance once and merges the study's
    harvest). Measured are instances that were not seen before; others of the same study, an eighth
    as many, warm up. dicognito reads, anonymises and writes, and searches nothing; it has met the
    same files once.
    """
    from apps.deid.domain.harvest import Harvest, harvest_identifiers
    from apps.deid.domain.parse import parse_instance
    from apps.deid.domain.profile import load_builtin

    n_before = max(1, N_INSTANCES // 8)
    sources, known = _sources(folder / "cines", N_INSTANCES + n_before), Harvest()
    for data in sources:
        parsed = parse_instance(io.BytesIO(data))
        known = known.merge(harvest_identifiers(parsed.dataset, file_meta=parsed.file_meta))
    for path in sorted((folder / "cines").iterdir())[:n_before]:
        path.unlink()
    profile = load_builtin("research")
    for data in sources[:n_before]:
        _clean(data, known, profile)
    began = os.times()
    for data in sources[n_before:]:
        _clean(data, known, profile)
    ended = os.times()
    spent = ended.user + ended.system - began.user - began.system
    (folder / "out").mkdir()
    python = other_deid.ensure(Path(__file__).resolve().parents[1] / "var" / "dicognito")
    told = subprocess.run(
        [python, other_deid.__file__, folder / "cines", folder / "out"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = float(told.stdout.split()[-1])
    print(f"deid small cines: {N_INSTANCES} instances of 0.5 MB", file=sys.stderr)
    return {
        "ratio": round(spent / theirs, 2),
        "ours": round(N_INSTANCES / spent, 1),
        "theirs": round(N_INSTANCES / theirs, 1),
        "unit": "instances a CPU second",
    }
