"""The datasheet and its companions are counted from the freeze and say what is not stated."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import yaml

from apps.release.domain.about import write_about
from apps.release.domain.freeze import dump_freeze, load_freeze
from tests.domain.release_samples import sample


def about(freeze) -> dict[str, str]:
    files: dict[str, str] = {}
    write_about(freeze, lambda path, content: files.update({path: content.decode()}))
    return files


@pytest.fixture(scope="module")
def plain() -> dict[str, str]:
    return about(sample().freeze)


def test_the_datasheet_counts_what_the_labels_hold(plain):
    sheet = plain["DATASHEET.md"]
    assert "- 2 clips of 2 patients, 46 frames, " in sheet
    # Two lesions, each with a pixel on three frames, all drawn by a person.
    assert "| Lesion (`lesion`) | mask | 1 | 2 | 6 | 6 | 0 |  |" in sheet
    # The bag stands from its first keyframe to its last.
    assert "| Bag (`bag`) | box | 1 | 1 | 11 | 2 | 0 |  |" in sheet
    # The grasper: 2 to 8 visible, 9 to 11 occluded, 20 to 27 visible, and one frame of the cine.
    assert "| Grasper (`grasper`) | tip | 2 | 2 | 19 | 5 | 3 |  |" in sheet
    assert "| Bleeding (`bleeding`) | event | 1 | 1 | 0 | 0 | 0 | 0.0 |" in sheet
    assert "Basis of consent: not stated" in sheet and "Terms: not stated" in sheet


def test_what_people_state_is_quoted_and_cannot_break_out(plain):
    stated = {"licence": "CC <b>BY</b> | 4.0\n# Heading", "consent": "broad", "authors": 'A "B": C'}
    freeze = load_freeze(dump_freeze(replace(sample().freeze, about=stated)))
    files = about(freeze)
    assert "CC &lt;b>BY&lt;/b> \\| 4.0 # Heading" in files["LICENSE.md"]
    assert "Basis of consent: broad" in files["DATASHEET.md"]
    cited = yaml.safe_load(files["CITATION.cff"])
    assert cited["authors"] == [{"name": 'A "B": C'}] and cited["version"] == freeze.version
    assert yaml.safe_load(plain["CITATION.cff"])["type"] == "dataset"


def test_the_plots_are_drawings_without_script(plain):
    for name in ("frames-by-class", "time-by-class", "clip-lengths"):
        tree = ElementTree.fromstring(plain[f"plots/{name}.svg"])
        tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert tags == {"svg", "title", "text", "rect"}


def test_the_software_list_names_each_package_with_its_version():
    components = {"components": [["django", "5.2"], ["numpy", "2.4"]]}
    listed = json.loads(about(replace(sample().freeze, about=components))["sbom.cdx.json"])
    assert listed["bomFormat"] == "CycloneDX" and listed["specVersion"] == "1.5"
    assert [c["purl"] for c in listed["components"]] == [
        "pkg:pypi/django@5.2", "pkg:pypi/numpy@2.4"
    ]  # fmt: skip


def test_a_freeze_from_before_the_datasheet_keeps_its_bytes():
    assert b'"about"' not in dump_freeze(sample().freeze)
    assert b'"supersedes"' not in dump_freeze(sample().freeze)
