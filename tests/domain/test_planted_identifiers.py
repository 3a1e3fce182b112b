"""0 leaks, 0 needless refusals, 0 fields destroyed on the corpus of planted identifiers.

A tenth of it in `make test`; whole, with several seeds, as a bar (`bench/bars_deid.py`), or here
(PLANTED_SEEDS, BAR_FULL).
"""

from __future__ import annotations

import io
import os
from collections import Counter

import pytest

from apps.deid.domain import pipeline
from apps.deid.domain.header import DeidContext
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.reasons import Refused
from tests.planted import Made, corpus, judge
from tests.planted.refused import refused

FULL = bool(os.environ.get("BAR_FULL"))
SEEDS = [int(s) for s in os.environ.get("PLANTED_SEEDS", "7").split(",")]
DIFFICULTY = int(os.environ.get("PLANTED_DIFFICULTY", "3" if FULL else "1"))
# 102 days back and some: no planted date is moved by whole weeks (see the judge).
OFFSET_S = -101 * 86_400 - 4_321


def cleaned(made: Made) -> bytes:
    """The instance's whole way, with the box that is known to hold text."""
    profile = load_builtin(made.profile)
    examined = pipeline.examine(io.BytesIO(made.data), with_proposals=False)
    context = DeidContext(
        profile=profile, uid_key=b"k" * 32, pseudonym="P-A", date_offset_s=OFFSET_S,
        harvest=examined.harvest, pixels_confirmed=True, visual_features_confirmed=True,
    )  # fmt: skip
    boxes = []
    if made.box:
        x, y, width, height = made.box
        boxes = [{"x_px": x, "y_px": y, "width_px": width, "height_px": height, "start_frame": 0,
                  "end_frame": None, "action": "blank"}]  # fmt: skip
    decision, out = {"boxes": boxes, "spans": []}, io.BytesIO()
    produced = pipeline.produce(io.BytesIO(made.data), out, context, decision)
    result = out.getvalue()
    checked = pipeline.check(
        io.BytesIO(result), examined.harvest, profile, produced.header, decision, None,
        look_for_text=False,
    )  # fmt: skip
    assert checked.findings == (), f"{made.name}: refused by the search: {checked.findings[:5]}"
    return result


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_planted_is_left_and_nothing_needed_is_lost(seed: int) -> None:
    share = float(os.environ.get("PLANTED_SHARE", "1" if FULL else "0.1"))
    print(f"corpus seed {seed}, difficulty {DIFFICULTY}, share {share}")
    leaks: Counter[str] = Counter()
    destroyed: Counter[str] = Counter()
    refusals: list[str] = []
    kinds: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    n_planted = n_instances = 0
    for made in corpus(seed, DIFFICULTY, share):
        n_instances += 1
        n_planted += len(made.planted)
        kinds |= {planted.kind for planted in made.planted}
        pairs.add((made.sop_class, made.syntax))
        try:
            result = cleaned(made)
        except (Refused, AssertionError) as refusal:
            refusals.append(f"{made.name}: {refusal}")
            continue
        verdict = judge(made, result)
        leaks.update(f"{kind} in {where} of {made.name}" for kind, where in verdict.leaks)
        destroyed.update(f"{what} of {made.name}" for what in verdict.destroyed)
    print(
        f"{n_instances} instances, {n_planted} identifiers, {len(kinds)} kinds, {len(pairs)} pairs"
    )
    assert (dict(leaks), dict(destroyed), refusals) == ({}, {}, [])
    if share == 1:
        assert n_planted >= 3000 and len(kinds) >= 120 and n_instances >= 60 and len(pairs) >= 14


def test_the_judge_finds_what_a_lax_cleaner_leaves() -> None:
    made = next(m for m in corpus(SEEDS[0], 1) if m.pictures == "cine" and m.samples is not None)
    verdict = judge(made, made.data)
    found = {kind for kind, _ in verdict.leaks}
    missed = {p.kind for p in made.planted} - found
    assert len(verdict.leaks) > 0.95 * len(made.planted), missed


def test_what_cannot_be_cleaned_is_refused_with_the_right_reason() -> None:
    profile = load_builtin("basic")
    wrong = []
    for name, data, codes in refused(SEEDS[0]):
        try:
            examined = pipeline.examine(io.BytesIO(data), with_proposals=False)
            context = DeidContext(
                profile=profile, uid_key=b"k" * 32, pseudonym="P-A", harvest=examined.harvest,
                pixels_confirmed=True, visual_features_confirmed=True,
            )  # fmt: skip
            pipeline.produce(io.BytesIO(data), io.BytesIO(), context, {"boxes": [], "spans": []})
            wrong.append((name, "taken"))
        except Refused as refusal:
            if str(refusal.reason) not in codes:
                wrong.append((name, str(refusal.reason)))
    assert wrong == []
