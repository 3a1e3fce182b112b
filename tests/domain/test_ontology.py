import colorsys
import copy
import json
from pathlib import Path

import pytest

import apps.ontology
from apps.ontology.domain.codes import is_snomed_identifier, known_meanings, unchecked_codes
from apps.ontology.domain.definition import InvalidDefinition, diff, digest, validate
from apps.ontology.domain.geometries import SHAPES

STARTERS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (Path(apps.ontology.__file__).parent / "starters").glob("*.json")
}
STARTER = STARTERS["laparoscopic_cholecystectomy"]


def changed(path, value):
    out = copy.deepcopy(STARTER)
    at = out
    for step in path[:-1]:
        at = at[step]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return out


def test_the_starter_holds_and_has_what_a_surgeon_expects():
    validate(STARTER)
    by_geometry = {}
    for cls in STARTER["classes"]:
        by_geometry.setdefault(cls["geometry"], []).append(cls["id"])
    assert by_geometry["mask"] == ["lesion", "gallbladder", "shaft"]
    assert len(by_geometry["tip"]) == 6 and by_geometry["box"] == ["specimen_bag"]
    assert len(by_geometry["phase"]) == 7 and len(by_geometry["event"]) == 10
    assert unchecked_codes(STARTER) == []
    # Action triplets as CholecT50 counts them, on each instrument that can act.
    for instrument in (c for c in STARTER["classes"] if c["geometry"] == "tip"):
        said = {a["id"]: [v["id"] for v in a.get("values", [])] for a in instrument["attributes"]}
        assert (len(said["verb"]), len(said["target"])) == (10, 15)
        assert (said["verb"][0], said["verb"][9]) == ("grasp", "null_verb")
        assert (said["target"][0], said["target"][14]) == ("gallbladder", "null_target")
    assert all(len(c["guideline"]) > 60 and c["shortcut"] for c in STARTER["classes"])


@pytest.mark.parametrize("name", sorted(STARTERS))
def test_every_starter_holds_with_codes_that_are_published_and_a_text_for_each_class(name):
    starter = STARTERS[name]
    validate(starter)
    assert starter["slug"] == name.replace("_", "-") and unchecked_codes(starter) == []
    assert all(len(c["guideline"]) > 60 for c in starter["classes"])
    # The field's own codes where there are some: SNOMED CT, never only ours.
    assert any(c["code"]["scheme"] == "SCT" for c in starter["classes"])


@pytest.mark.parametrize("name", sorted(STARTERS))
def test_whatever_is_drawn_may_be_cut_off_and_told_with_how_sure_one_is(name):
    drawn = [c for c in STARTERS[name]["classes"] if c["geometry"] in SHAPES]
    assert drawn
    for cls in drawn:
        kinds = {a["id"]: a["type"] for a in cls["attributes"]}
        assert (kinds["truncated"], kinds["confidence"]) == ("boolean", "number"), cls["id"]


def test_the_starters_of_other_fields_have_what_a_clinician_expects():
    assert set(STARTERS) == {
        "laparoscopic_cholecystectomy", "colonoscopy", "gastroscopy", "cardiac_ultrasound_cine",
    }  # fmt: skip

    def classes(name):
        return {c["id"]: c for c in STARTERS[name]["classes"]}

    def values(cls):
        return {a["id"]: len(a.get("values", [])) for a in cls["attributes"]}

    colon = classes("colonoscopy")
    assert [i for i, c in colon.items() if c["geometry"] == "phase"] == [
        "insertion", "caecum_reached", "withdrawal", "retroflexion",
    ]  # fmt: skip
    assert values(colon["lesion"]) == {"paris": 8, "nice": 3, "size": 0, "segment": 6,
                                       "resection": 6, "truncated": 0, "confidence": 0}  # fmt: skip
    assert values(colon["bowel_preparation"]) == {"right": 4, "transverse": 4, "left": 4}
    stomach = classes("gastroscopy")
    assert values(stomach["ulcer"])["forrest"] == 6
    assert len([c for c in stomach.values() if c["geometry"] == "event"]) >= 10
    heart = classes("cardiac_ultrasound_cine")
    assert [c["geometry"] for c in heart.values()] == [
        "mask", "keypoints", "clip_tag", "frame_tag", "frame_tag",
    ]  # fmt: skip
    assert len(heart["lv_points"]["skeleton"]["points"]) == 3


@pytest.mark.parametrize("name", sorted(STARTERS))
def test_the_starters_keep_off_the_colours_of_tissue(name):
    for cls in STARTERS[name]["classes"]:
        red, green, blue = (int(cls["color"][n : n + 2], 16) / 255 for n in (1, 3, 5))
        hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
        assert saturation < 0.2 or 44 < hue * 360 < 280, cls["id"]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["slug"], "No Slug", "slug"),
        (["version"], 0, "version"),
        (["version"], True, "version"),
        (["extra"], 1, "definition"),
        (["title"], KeyError, "definition.title"),
        (["classes"], [], "classes"),
        (["classes", 0], "lesion", "classes[0]"),
        (["classes", 0, "id"], "Lesion!", "classes[0].id"),
        (["classes", 1, "id"], "lesion", "classes[1].id"),
        (["classes", 1, "shortcut"], "1", "classes[1].shortcut"),
        (["classes", 1, "shortcut"], "B", "classes[1].shortcut"),
        (["classes", 1, "shortcut"], "Ctrl+9", "classes[1].shortcut"),
        (["classes", 1, "color"], "red", "classes[1].color"),
        (["classes", 1, "color"], STARTER["classes"][0]["color"], "classes[1].color"),
        (["classes", 1, "geometry"], "blob", "classes[1].geometry"),
        (["classes", 1, "guideline"], " ", "classes[1].guideline"),
        (["classes", 1, "guideline_link"], "http://a.example", "classes[1].guideline_link"),
        (["classes", 1, "guideline_link"], "https://a.example/'x", "classes[1].guideline_link"),
        (["classes", 1, "attributes"], None, "classes[1].attributes"),
        (["classes", 3, "mot_box_px"], 0, "classes[3].mot_box_px"),
        (["classes", 3, "attributes", 0, "type"], "text", "classes[3].attributes[0].type"),
        (["classes", 3, "attributes", 0, "values"], [], "classes[3].attributes[0].values"),
        (["classes", 1, "code"], "28231008", "classes[1].code"),
        (["classes", 1, "code", "value"], "28231009", "classes[1].code.value"),
        (["classes", 1, "code", "meaning"], "Liver", "classes[1].code.meaning"),
        (["classes", 1, "code", "scheme"], "FREE", "classes[1].code.scheme"),
        (["classes", 1, "code", "scheme"], "99OTHER", "classes[1].code.scheme"),
        (["classes", 1, "code", "scheme"], "DCM", "classes[1].code.value"),
        (["classes", 3, "code", "value"], "X" * 17, "classes[3].code.value"),
        (["classes", 3, "code", "meaning"], "x" * 65, "classes[3].code.meaning"),
        (["schemes", 0, "uid"], "2.25.01", "schemes[0].uid"),
        (["schemes", 0, "designator"], "SCT", "schemes[0].designator"),
        (["schemes"], None, "schemes"),
        (["tolerances"], [], "tolerances"),
        (["tolerances"], {"beauty": 1}, "tolerances.beauty"),
        (["tolerances"], {"mask_iou": 1.5}, "tolerances.mask_iou"),
        (["tolerances"], {"distance_px": True}, "tolerances.distance_px"),
        (["classes", 0, "tolerances"], {"boundary_s": 1}, "classes[0].tolerances.boundary_s"),
    ],
)
def test_a_definition_that_does_not_hold_is_refused_by_field_and_remedy(path, value, field):
    with pytest.raises(InvalidDefinition) as refusal:
        validate(changed(path, value))
    assert field in [p.field for p in refusal.value.problems]
    assert all(p.remedy for p in refusal.value.problems)


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_what_is_no_definition_at_all_is_refused(value):
    with pytest.raises(InvalidDefinition):
        validate(value)


def test_snomed_identifiers_are_known_by_their_check_digit():
    assert is_snomed_identifier("128954007") and not is_snomed_identifier("128954008")
    assert not is_snomed_identifier("0") and not is_snomed_identifier("abc")
    assert "Gallbladder" in known_meanings("SCT", "28231008")


def test_the_digest_depends_on_content_and_not_on_the_order_of_keys():
    assert digest(dict(reversed(STARTER.items()))) == digest(STARTER)
    assert digest(changed(["classes", 0, "name"], "Lesions")) != digest(STARTER)


def test_two_versions_differ_in_sentences():
    assert diff(STARTER, STARTER) == []
    new = changed(["classes", 0, "geometry"], "box")
    new["classes"][1]["guideline"] += " More."
    new["classes"][3]["attributes"] = []
    removed = new["classes"].pop()
    assert diff(STARTER, new) == [
        f"Breaking: class {removed['id']} was removed",
        "Breaking: class lesion: geometry mask became box",
        "Class gallbladder: the guideline text changed",
        "Breaking: class grasper: attribute confidence was removed",
        "Breaking: class grasper: attribute jaw was removed",
        "Breaking: class grasper: attribute target was removed",
        "Breaking: class grasper: attribute truncated was removed",
        "Breaking: class grasper: attribute verb was removed",
    ]
    assert f"Class {removed['id']} (event) was added" in diff(new, STARTER)
    new = changed(["tolerances"], {"mask_iou": 0.8, "boundary_s": 1})
    new["classes"][0]["tolerances"] = {"mask_iou": 0.9}
    assert diff(STARTER, new) == [
        "Tolerance boundary_s: the usual value became 1 s",
        "Tolerance mask_iou: the usual value became 0.8",
        "Class lesion: tolerance mask_iou: the usual value became 0.9",
    ]
    assert digest(new) != digest(STARTER)
    new = copy.deepcopy(STARTER)
    new["classes"].reverse()
    assert diff(STARTER, new) == ["The order of classes changed"]
