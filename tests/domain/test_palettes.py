"""Colours of the starter ontologies, as three kinds of colour blindness see them.

Simulated at full severity by two published models: Machado, Oliveira and Fernandes 2009 for all
three kinds, Viénot, Brettel and Mollon 1999 for the two of red and green. Told apart by CIEDE2000.
"""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

import apps.ontology
from apps.ontology.domain.geometries import SHAPES

STARTERS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["classes"]
    for path in sorted((Path(apps.ontology.__file__).parent / "starters").glob("*.json"))
}
# On linear sRGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
    "protanopia, Viénot": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia, Viénot": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0],
                             [-0.02234, 0.02234, 1]],
}  # fmt: skip
# What an outline lies on: lit and dark mucosa, liver, fresh and dark blood.
TISSUE = ["#d46858", "#c8685a", "#5c1a1e", "#7a2e24", "#8a0f0f", "#5a0a0a", "#2a0606"]
HIGHLIGHT, SMOKE = "#fff0e2", "#b8b4b0"
# Differences of 2 or 3 are just seen side by side. A thin line on a moving picture takes far more.
APART_ON_THE_PICTURE = 12
APART_ON_A_LANE = 8
OFF_TISSUE = 15
# Contrast of a graphic as WCAG 2.2 has it (1.4.11).
CONTRAST = 3
# And of text (1.4.3).
TEXT = 4.5
# What is drawn alike: an area filled and outlined, a rectangle, a ring with ticks, a line …
FORMS = [("mask", "polygon"), ("box", "rotated_box", "cuboid"), ("tip",), ("shaft", "polyline"),
         ("keypoints",)]  # fmt: skip
LANES = [("phase",), ("event",), ("frame_tag", "clip_tag")]


def rgb(color):
    return np.array([int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)])


def linear(rgb):
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def seen(rgb, vision):
    """The linear colour that stands for what is seen."""
    return np.clip(linear(rgb) @ np.array(VISIONS[vision]).T, 0, 1)


def difference(one, two, vision):
    lab = [
        rgb2lab(np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055))
        for x in (seen(one, vision), seen(two, vision))
    ]
    return float(deltaE_ciede2000(*lab))


def contrast(one, two, vision):
    low, high = sorted(float(seen(c, vision) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (one, two))
    return high / low


def over(below, color, alpha):
    return below * (1 - alpha) + color * alpha


def too_near(classes, kinds, least, drawn=lambda color: color):
    """Pairs of the kinds that some vision does not tell apart, with the difference."""
    there = [c for c in classes if c["geometry"] in kinds]
    return [
        (vision, one["id"], two["id"], round(d, 1))
        for one, two in combinations(there, 2)
        for vision in VISIONS
        if (d := difference(drawn(rgb(one["color"])), drawn(rgb(two["color"])), vision)) < least
    ]


def test_the_measure_finds_what_the_colour_blind_confuse_and_what_they_do_not():
    red, green, cyan, violet = map(rgb, ("#d04030", "#7f8020", "#3fd7e8", "#b9a2ff"))
    assert difference(red, green, "normal") > 40 > 20 > difference(red, green, "deuteranopia")
    assert difference(cyan, violet, "protanopia") > 12
    # Azure and violet: told apart by most, one colour to who lacks a cone for red or green.
    azure = rgb("#6fb1ff")
    assert difference(azure, violet, "normal") > 15
    assert difference(azure, violet, "protanopia") < 3 > difference(azure, violet, "deuteranopia")
    for vision in VISIONS:
        assert difference(np.ones(3), np.ones(3), vision) == 0
        assert contrast(np.ones(3), np.zeros(3), vision) == pytest.approx(21, abs=0.1)


@pytest.mark.parametrize("name", STARTERS)
def test_what_is_drawn_alike_on_the_picture_is_told_apart_by_colour(name):
    assert {g for form in FORMS for g in form} == set(SHAPES)
    for form in FORMS:
        assert too_near(STARTERS[name], form, APART_ON_THE_PICTURE) == []


def drawn_on_lane():
    """How a phase that is not selected is painted: its opacity and the ground, from the sources."""
    drawing = Path("static/workspace/timeline/draw.js").read_text()
    (alpha,) = re.findall(r"const FILLED = ([0-9.]+);", drawing)
    dark = Path("static/css/tokens.css").read_text().split('[data-theme="dark"]', 1)[-1]
    ground = re.findall(r"--surface: (#[0-9a-f]{6});", dark)[-1]
    return lambda color: over(rgb(ground), color, float(alpha))


@pytest.mark.parametrize("name", STARTERS)
def test_what_lies_on_one_lane_of_the_timeline_is_told_apart_by_colour(name):
    paint = {"phase": drawn_on_lane()}
    for lane in LANES:
        drawn = paint.get(lane[0], lambda color: color)
        assert too_near(STARTERS[name], lane, APART_ON_A_LANE, drawn) == []


def ink_of(colors):
    """What the timeline writes names in, selected and not: its own function, run by node."""
    drawing = Path("static/workspace/timeline/draw.js").resolve().as_uri()
    asked = f"""const {{ FILLED, inkOn }} = await import({json.dumps(drawing)});
      console.log(JSON.stringify({json.dumps(colors)}.map((c) => [inkOn(c), inkOn(c, FILLED)])));"""
    done = subprocess.run(
        ["node", "--no-warnings", "--input-type=module", "-e", asked],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", STARTERS)
def test_the_name_on_a_phase_reads_selected_or_not(name):
    phases = [c for c in STARTERS[name] if c["geometry"] == "phase"]
    inks = ink_of([c["color"] for c in phases])
    for cls, (selected, plain) in zip(phases, inks, strict=True):
        fill = rgb(cls["color"])
        assert contrast(rgb(selected), fill, "normal") >= TEXT, cls["id"]
        assert contrast(rgb(plain), drawn_on_lane()(fill), "normal") >= TEXT, cls["id"]


@pytest.mark.parametrize("name", STARTERS)
def test_no_colour_is_lost_on_tissue_or_blood(name):
    lost = [
        (vision, cls["id"], tissue)
        for cls in STARTERS[name]
        for vision in VISIONS
        for tissue in TISSUE
        if difference(rgb(cls["color"]), rgb(tissue), vision) < OFF_TISSUE
    ]
    assert lost == []


@pytest.mark.parametrize("name", STARTERS)
def test_every_line_stands_out_from_its_casing_and_from_dark_blood(name):
    source = Path("static/workspace/canvas/overlay.js").read_text()
    (found,) = re.findall(r'CASING = "rgba\((\d+), (\d+), (\d+), ([0-9.]+)\)"', source)
    casing, alpha = np.array(found[:3], float) / 255, float(found[3])
    weak = []
    for cls in STARTERS[name]:
        if cls["geometry"] not in SHAPES:
            continue
        grounds = [over(rgb(c), casing, alpha) for c in (*TISSUE, HIGHLIGHT, SMOKE)]
        grounds += [rgb("#5a0a0a"), rgb("#2a0606")]
        weak += [
            (vision, cls["id"])
            for vision in VISIONS
            for ground in grounds
            if contrast(rgb(cls["color"]), ground, vision) < CONTRAST
        ]
    assert weak == []
