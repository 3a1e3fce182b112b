"""Millimetres: calibrated regions of a header, and what is measured in them."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from apps.annotation.domain.measures import measures
from apps.library.domain.calibration import Region, regions_of
from fixtures import ultrasound

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "measures.json").read_text(encoding="utf-8")
)
REGIONS = [Region(**region) for region in VECTORS["regions"]]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_shape_is_measured_as_worked_out_by_hand(case):
    found = [m.as_json() for m in measures(case["shape"], REGIONS)]
    assert [(m["kind"], m["unit"]) for m in found] == [
        (m["kind"], m["unit"]) for m in case["measures"]
    ]
    for mine, wanted in zip(found, case["measures"], strict=True):
        assert mine["value"] == pytest.approx(wanted["value"], rel=1e-9)
        assert mine["uncertainty"] == pytest.approx(wanted["uncertainty"], rel=1e-9)


def test_points_half_a_pixel_off_change_a_measure_by_no_more_than_is_said():
    pick, (region, _) = random.Random(2), REGIONS
    for _ in range(100):
        n = pick.randint(3, 9)
        points = [[pick.uniform(150, 550), pick.uniform(100, 400)] for _ in range(n)]
        moved = [[x + pick.uniform(-0.5, 0.5), y + pick.uniform(-0.5, 0.5)] for x, y in points]
        for kind, second_order in (("polyline", 0.02 * n), ("polygon", 0.25 * n / 8)):
            (one,) = measures({"type": kind, "points": points}, [region])
            (two,) = measures({"type": kind, "points": moved}, [region])
            assert abs(one.value - two.value) <= one.uncertainty + second_order


def _header():
    made = ultrasound.header(4).to_json_dict(bulk_data_threshold=1 << 20)
    return json.loads(json.dumps(made)), (ultrasound.WIDTH_PX, ultrasound.HEIGHT_PX)


def test_the_fixtures_region_is_found_to_its_outer_pixel_edges():
    header, size = _header()
    x0, y0, x1, y1 = ultrasound.REGION
    mm = ultrasound.CM_PER_PX * 10
    (found,) = regions_of(header, *size)
    assert (found.x0_px, found.y0_px, found.x1_px, found.y1_px) == (x0, y0, x1 + 1, y1 + 1)
    assert (found.mm_per_px_x, found.mm_per_px_y) == pytest.approx((mm, mm))


@pytest.mark.parametrize(
    "tag, value",
    [
        ("00186012", 3),  # a Doppler trace
        ("00186024", 4),  # seconds to the right
        ("0018602C", 0.0),
        ("0018602E", None),
        ("0018601C", -5),
    ],
)
def test_a_region_that_is_not_tissue_in_centimetres_measures_nothing(tag, value):
    header, size = _header()
    (item,) = header["00186011"]["Value"]
    broken = copy.deepcopy(item)
    broken[tag] = {"vr": broken[tag]["vr"], **({} if value is None else {"Value": [value]})}
    header["00186011"]["Value"] = [broken]
    assert regions_of(header, *size) == []
    header["00186011"]["Value"] = [broken, item]
    assert len(regions_of(header, *size)) == 1


def test_a_picture_of_another_size_or_without_regions_is_not_calibrated():
    header, (width, height) = _header()
    assert regions_of(header, width, height + 2) == []
    del header["00186011"]
    assert regions_of(header, width, height) == []
