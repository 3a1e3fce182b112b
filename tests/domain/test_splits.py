"""Splits by patient: a keyed hash decides, strata come out even, nobody ever moves; look-alikes are
found; samples are drawn by rule."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.release.domain.leakage import Look, find_alike, picture_bits, sampled
from apps.release.domain.sampling import Candidate, choose
from apps.release.domain.splits import balance, draw_stratified

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def patients(n: int, seed: int = 3) -> dict[str, dict[str, float]]:
    """A third has bleeding, a tenth a stone, each a phase of other length, two devices."""
    random = np.random.default_rng(seed)
    found = {}
    for i in range(n):
        held = {"class grasper": 1.0, "length of dissection": float(random.uniform(10, 900))}
        if random.random() < 0.33:
            held["class bleeding"] = 1.0
        if random.random() < 0.1:
            held["class stone"] = 1.0
        held[f"device {1 + int(random.random() < 0.25)}"] = 1.0
        found[f"S-{i:04d}"] = held
    return found


def test_each_stratum_is_spread_over_the_splits_by_their_shares():
    strata = patients(200)
    drawn = draw_stratified("key", strata, SHARES, {})
    for row in balance(strata, drawn):
        n = sum(row["patients"].values())
        for split, share in SHARES.items():
            assert abs(row["patients"].get(split, 0) - share * n) <= max(2, 0.03 * n), row
    total = sum(held["length of dissection"] for held in strata.values())
    for split, share in SHARES.items():
        there = sum(strata[p]["length of dissection"] for p in strata if drawn[p] == split)
        assert abs(there / total - share) < 0.03


@given(
    st.integers(1, 40), st.integers(0, 40), st.text(min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_patients_who_are_added_move_nobody_and_order_decides_nothing(n, more, key, random):
    strata = patients(n + more)
    first = {name: strata[name] for name in list(strata)[:n]}
    drawn = draw_stratified(key, first, SHARES, {})
    later = draw_stratified(key, strata, SHARES, drawn)
    assert {name: later[name] for name in first} == drawn and set(later) == set(strata)
    shuffled = list(strata)
    random.shuffle(shuffled)
    assert draw_stratified(key, {name: strata[name] for name in shuffled}, SHARES, drawn) == later


def test_another_key_draws_otherwise_and_an_empty_share_takes_nobody():
    strata = patients(60)
    one, two = (draw_stratified(key, strata, SHARES, {}) for key in ("a", "b"))
    assert one != two
    assert (
        "val"
        not in draw_stratified("a", strata, {"train": 0.8, "val": 0.0, "test": 0.2}, {}).values()
    )


def test_patients_with_the_same_pictures_go_together_with_whom_is_placed_already():
    strata = patients(30)
    pairs = [("S-0001", "S-0002"), ("S-0002", "S-0003"), ("S-0010", "S-0011")]
    drawn = draw_stratified("key", strata, SHARES, {"S-0003": "test"}, pairs)
    assert {drawn[f"S-000{i}"] for i in (1, 2, 3)} == {"test"}
    assert drawn["S-0010"] == drawn["S-0011"]


def scene(seed: int, t: float) -> np.ndarray:
    """Blobs that wander inside a bright circle on black, as an endoscope shows them."""
    random = np.random.default_rng(seed)
    picture = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(picture, (160, 120), 115, (90, 70, 180), -1)
    for _ in range(14):
        x, y, dx, dy = random.uniform(60, 260), random.uniform(20, 220), *random.normal(0, 15, 2)
        colour = random.integers(30, 255, 3).tolist()
        centre = (int(x + dx * t) % 320, int(y + dy * t) % 240)
        cv2.circle(picture, centre, int(random.uniform(10, 40)), colour, -1)
    return cv2.GaussianBlur(picture, (5, 5), 0)


def look(pictures: list[np.ndarray], seed: int = 0) -> Look:
    rows = [bits for p in pictures if (bits := picture_bits(p)) is not None]
    digests = [hashlib.sha256(bytes([seed]) + p.tobytes()).digest() for p in pictures]
    bits = np.array(rows, np.uint64).reshape(-1, 4)
    return Look(bits, np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32))


def again(picture: np.ndarray) -> np.ndarray:
    """Resized, brighter, and through a lossy encoder."""
    small = cv2.resize(picture, (200, 150), interpolation=cv2.INTER_AREA)
    lit = cv2.convertScaleAbs(small, alpha=1.1, beta=6)
    return cv2.imdecode(cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1)


def test_a_clip_that_was_encoded_anew_and_resized_is_found_and_other_clips_are_not():
    clips = [[scene(seed, t / 2) for t in range(24)] for seed in range(8)]
    looks = [look(clip, seed) for seed, clip in enumerate(clips)]
    looks.append(look([again(p) for p in clips[3]], 99))
    looks.append(look([again(p) for p in clips[5][6:18]], 98))
    groups = [f"S-{i}" for i in range(len(looks))]
    assert find_alike(looks, groups) == [(3, 8, "alike"), (5, 9, "alike")]
    groups[8] = "S-3"
    assert find_alike(looks, groups) == [(5, 9, "alike")]


def test_an_excerpt_with_the_same_decoded_pictures_is_found_and_black_frames_are_not():
    long = [scene(1, t) for t in range(60)]
    black = np.zeros((240, 320, 3), np.uint8)
    excerpt = Look(np.zeros((0, 4), np.uint64), look(long[40:50]).digests)
    other = look([scene(2, t) for t in range(20)] + [black] * 10)
    dark = look([scene(4, t) for t in range(20)] + [black] * 10)
    found = find_alike([look(long), excerpt, other, dark], ["a", "b", "c", "d"])
    assert found == [(0, 1, "same")]
    assert picture_bits(black) is None
    assert find_alike([], []) == []


@pytest.mark.parametrize("n_frames", [1, 5, 48, 49, 90_000])
def test_looked_at_frames_are_evenly_spread_and_few(n_frames):
    frames = sampled(n_frames)
    assert len(frames) == min(n_frames, 48) == len(set(frames))
    assert frames[0] >= 0 and frames[-1] < n_frames


def test_samples_follow_their_rule_and_are_the_same_each_time():
    common, rare = frozenset({"grasper"}), frozenset({"grasper", "stone"})
    clips = [
        Candidate(f"c{i}", rare if i in (4, 7) else common,
                  ("device/b" if i == 9 else "device/a",), None if i == 0 else i / 10)
        for i in range(10)
    ]  # fmt: skip
    assert set(choose("key", clips, "rare", 2)) == {"c4", "c7"}
    assert choose("key", clips, "disagreement", 3) == ["c1", "c2", "c3"]
    assert choose("key", clips, "disagreement", 10)[-1] == "c0"
    assert "c9" in choose("key", clips, "stratum", 2)
    by_chance = choose("key", clips, "chance", 5)
    assert by_chance == choose("key", clips[::-1], "chance", 5) and len(set(by_chance)) == 5
    assert set(choose("key", clips, "rare", 99)) == {c.id for c in clips}
    with pytest.raises(ValueError, match="no rule"):
        choose("key", clips, "best", 2)
