"""Figures of two readers and more over one clip, by class, pair, phase and time."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from adjudication_samples import CLIP, ONTOLOGY, SIZE, box, labels, span, tip, track, two_surgeons

from apps.adjudication.domain.agreement import compare
from apps.adjudication.domain.figures import by_class
from apps.adjudication.domain.limits import Tolerance, limits_of
from apps.adjudication.domain.phase_metrics import (
    chance_by_part,
    cohens_kappa,
    fleiss_kappa,
    interval_alpha,
    krippendorff_alpha,
    nominal_alpha,
)
from apps.adjudication.domain.reader_figures import Measured, measure_readers
from apps.adjudication.domain.reader_groups import groups


def measured(*readers: dict, ontology: dict = ONTOLOGY) -> Measured:
    return measure_readers(readers, ontology, CLIP, SIZE, limits_of(ontology, 25.0))


def of_all(found: Measured) -> dict[tuple[str, str], float]:
    return {(f.class_id, f.metric): f.value for f in found.figures if f.a is None and not f.phase}


def of_pair(found: Measured, a: int, b: int) -> dict[tuple[str, str], float]:
    return {(f.class_id, f.metric): f.value for f in found.figures if (f.a, f.b) == (a, b)}


def phases(*lengths: tuple[str, int]) -> dict:
    spans, at = {}, 0
    for number, (name, n) in enumerate(lengths):
        if name:
            spans[f"s{number}"] = span(name, at, at + n)
        at += n
    return labels(intervals=spans)


def test_readers_who_are_one_agree_in_every_figure():
    a, _ = two_surgeons()
    found = measured(a, a, a)
    figures = of_all(found)
    assert len(figures) > 40
    near = {"mean distance px", "mean HD95 px"}
    assert {v for (_, metric), v in figures.items() if metric in near} == {0.0}
    assert {v for (_, metric), v in figures.items() if metric not in near} == {1.0}
    assert {v for curve in found.curves.values() for v in curve} == {None, 1.0}


def test_of_two_readers_the_figures_are_those_of_the_two_sides_of_an_adjudication():
    a, b = two_surgeons()
    names = {c["id"]: c["name"] for c in ONTOLOGY["classes"]} | {"phases": "Phases"}
    held = {
        (names[name], metric): value
        for (name, metric), value in of_pair(measured(a, b), 0, 1).items()
    }
    rows = by_class(a, b, ONTOLOGY, compare(a, b, ONTOLOGY, CLIP, SIZE), SIZE)
    assert len(rows) > 15
    for row in rows:
        assert held[row["label"], row["metric"]] == pytest.approx(row["value"], abs=5e-5), row


def test_a_figure_of_all_is_the_mean_of_the_pairs_and_each_pair_is_measured_alone():
    a, b = two_surgeons()
    c = phases(("prep", 100), ("", 50), ("clipping", 250))
    found = measured(a, b, c)
    figures = of_all(found)
    pairs = [of_pair(found, i, j) for i, j in itertools.combinations(range(3), 2)]
    key = ("phases", "accuracy")
    assert figures[key] == pytest.approx(np.mean([pair[key] for pair in pairs]))
    assert pairs[0] == of_pair(measured(a, b), 0, 1)
    # What the third reader drew nothing of: no figure with them but that it is missing there.
    assert pairs[1]["lesion", "agreement"] == pairs[1]["lesion", "HOTA"] == 0
    assert ("lesion", "mean IoU") not in pairs[1]


def test_kappa_and_alpha_of_all_are_those_of_the_frames_counted_one_by_one():
    chance = random.Random(5)
    for n_readers in (2, 3, 5):
        said = [
            [chance.choice(["prep", "clipping", ""]) for _ in range(20)] for _ in range(n_readers)
        ]
        readers = [phases(*((name, 20) for name in side)) for side in said]
        figures = of_all(measured(*readers))
        frames = [[name or None for name in side for _ in range(20)] for side in said]
        words = ["prep", "clipping", None]
        counts = [[unit.count(word) for word in words] for unit in zip(*frames, strict=True)]
        kappa = cohens_kappa(*frames) if n_readers == 2 else fleiss_kappa(counts)
        assert figures["phases", "kappa"] == pytest.approx(kappa, abs=1e-12)
        assert figures["phases", "alpha"] == pytest.approx(krippendorff_alpha(frames), abs=1e-12)
        own = [[name == "prep" for name in side] for side in frames]
        assert figures["prep", "alpha"] == pytest.approx(krippendorff_alpha(own), abs=1e-12)


def naive_alpha(values: list[list[float]]) -> float:
    """By its definition: mean squared difference within units over that of all pairs (2011)."""
    every = [v for unit in values for v in unit]
    n = len(every)
    within = sum((x - y) ** 2 / (len(unit) - 1) for unit in values for x in unit for y in unit)
    among = sum((x - y) ** 2 for x in every for y in every) / (n - 1)
    return 1 - within / among


def test_alphas_equal_those_counted_pair_by_pair():
    chance = np.random.default_rng(3)
    for _ in range(50):
        units = [
            chance.normal(chance.normal(0, 5), 1, int(chance.integers(2, 5))).tolist()
            for _ in range(int(chance.integers(2, 12)))
        ]
        rows = [(at, v) for at, unit in enumerate(units) for v in unit]
        at = np.array([u for u, _ in rows])
        numbers = np.array([[v] for _, v in rows])
        assert interval_alpha(numbers, at) == pytest.approx(naive_alpha(units), abs=1e-9)
        # Two dimensions of which one says nothing.
        flat = np.hstack([numbers, np.full_like(numbers, 7.0)])
        assert interval_alpha(flat, at) == pytest.approx(naive_alpha(units), abs=1e-9)
    # A unit that one alone rated says nothing.
    lone = interval_alpha(np.array([[1.0], [2.0], [9.0], [4.0], [4.0]]), np.array([0, 0, 1, 2, 2]))
    assert lone == pytest.approx(naive_alpha([[1, 2], [4, 4]]))
    assert interval_alpha(np.zeros((2, 1)), np.array([0, 1])) is None
    assert nominal_alpha(np.array([[1, 0], [0, 1]])) is None
    assert nominal_alpha(np.array([[3, 0]])) == 1


def test_alpha_of_places_falls_as_tips_part_and_of_starts_as_beginnings_do():
    def reader(shift: float, late: int) -> dict:
        tracks = {"t": track("grasper", 1, {0: tip(10 + shift, 10), 40: tip(90 + shift, 50)})}
        spans = {"e": span("bleeding", 10 + late, 40), "f": span("bleeding", 90 + late, 140)}
        return labels(tracks, spans)

    near = of_all(measured(reader(0, 0), reader(1, 0), reader(0, 1)))
    far = of_all(measured(reader(0, 0), reader(9, 0), reader(0, 9)))
    for key in (("grasper", "alpha of places"), ("bleeding", "alpha of starts")):
        assert 0.9 < far[key] < near[key] < 1, key
    assert near["bleeding", "alpha of ends"] == 1


def test_objects_of_three_readers_are_grouped_one_of_each_the_likest_first():
    links = [(0.9, (0, "a"), (1, "b")), (0.8, (1, "b"), (2, "c")), (0.7, (0, "x"), (2, "c"))]
    assert groups(links) == [{0: "a", 1: "b", 2: "c"}]
    links.append((0.5, (0, "x"), (1, "y")))
    assert groups(links) == [{0: "a", 1: "b", 2: "c"}, {0: "x", 1: "y"}]


def test_by_phase_counts_the_frames_that_most_readers_call_so_and_by_time_each_span():
    def reader(shift: float) -> dict:
        boxes = {0: box(10, 10, 40, 40), 199: box(10, 10, 40, 40), 200: box(10 + shift, 10, 40, 40)}
        made = phases(("prep", 200), ("clipping", 200))
        made["tracks"] = {"b": track("bag", 1, {**boxes, 399: box(10 + shift, 10, 40, 40)})}
        return made

    odd = {**reader(20), "intervals": {}}
    found = measured(reader(0), reader(20), odd)
    by_phase = {f.phase: f.value for f in found.figures if f.phase and f.class_id == "bag"}
    # 20 of 60 px shared where a reader moved it: of three pairs two differ.
    assert by_phase == {"prep": 1, "clipping": pytest.approx((1 / 3 + 1 / 3 + 1) / 3)}
    assert len(found.bins) == 120 and found.bins[0][0] == 0 and found.bins[-1][1] == SIZE[0]
    assert found.curves["bag"][0] == 1 and found.curves["bag"][-1] == pytest.approx(5 / 9, abs=1e-4)
    assert found.curves["phases"][0] == pytest.approx(1 / 3, abs=1e-4)


def test_tolerances_of_the_ontology_say_what_is_near_enough():
    a = labels({"a": track("grasper", 1, {0: tip(10, 10), 1: tip(10, 10)})})
    b = labels({"b": track("grasper", 1, {0: tip(13, 10), 1: tip(15, 10)})})
    wide = {**ONTOLOGY, "tolerances": {"distance_px": 6, "boundary_s": 2.0}}
    own = {
        **wide,
        "classes": [
            {**c, "tolerances": {"distance_px": 2}} if c["id"] == "grasper" else c
            for c in ONTOLOGY["classes"]
        ],
    }
    near = [of_all(measured(a, b, ontology=o))["grasper", "PCK"] for o in (ONTOLOGY, wide, own)]
    assert near == [0.5, 1.0, 0.0]
    assert limits_of(wide, 25.0).whole.boundary_frames == 50
    assert limits_of(wide, 0.0).whole.boundary_frames == Tolerance().boundary_frames
    assert limits_of(own, 25.0).of("bag").distance_px == 6


def test_one_reader_alone_agrees_with_nobody_and_empty_sets_have_no_figures():
    with pytest.raises(ValueError, match="two readers"):
        measured(labels())
    found = measured(labels(), labels(), labels())
    assert found.figures == [] and found.curves == {}


def test_kappa_and_alpha_over_time_are_those_of_each_part_alone():
    """Ten parts of 40 frames, two and three readers: each part by plain counting, nothing where
    nobody says anything."""
    chance = np.random.default_rng(11)
    parts = [(start, start + 40) for start in range(0, 400, 40)]
    words = ["prep", "clipping", None]
    for n in (2, 3):
        codes = chance.integers(0, 3, (n, 400))
        codes[:, :40] = 2
        codes[:, 40:80] = 1
        kappas, alphas = chance_by_part(codes, 3, parts, blank=2, unsaid=2)
        assert (kappas[0], alphas[0]) == (None, None) and (kappas[1], alphas[1]) == (1, 1)
        for (start, end), kappa, alpha in list(zip(parts, kappas, alphas, strict=True))[2:]:
            part = codes[:, start:end]
            shares = np.array([[(side == c).mean() for c in range(3)] for side in part])
            if n == 2:
                same, expected = (part[0] == part[1]).mean(), (shares[0] * shares[1]).sum()
            else:
                pairs = [(part[i] == part[j]).mean() for i, j in ((0, 1), (0, 2), (1, 2))]
                same, expected = np.mean(pairs), (shares.mean(0) ** 2).sum()
            assert kappa == pytest.approx((same - expected) / (1 - expected))
            said = [[words[c] for c in side] for side in part]
            assert alpha == pytest.approx(krippendorff_alpha(said))

    def reader(late: int) -> dict:
        return phases(("prep", 200 + late), ("clipping", 200 - late))

    found = measured(reader(0), reader(2))
    edge = next(at for at, (start, end) in enumerate(found.bins) if start <= 200 < end)
    first, second = (np.arange(*found.bins[edge]) >= meet for meet in (200, 202))
    same = (first == second).mean()
    expected = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    curve = found.chance["kappa"]["phases"]
    assert curve[edge] == pytest.approx((same - expected) / (1 - expected), abs=1e-4)
    assert curve[0] == curve[-1] == 1 and found.chance["alpha"]["clipping"][0] is None
