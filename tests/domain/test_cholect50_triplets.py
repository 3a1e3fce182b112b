"""Action triplets: the published ids, written and read back, held against the published table."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

import apps.ontology
from apps.release.domain.formats.cholect50_triplets import ID_OF_TRIPLET, TRIPLETS
from tests.domain.format_samples import freeze_of, read_back, written
from tests.domain.release_samples import VIDEO

# ivtmetrics 0.1.5: triplet, instrument, verb, target, and two pairs as one number each.
TABLE = [
    [int(number) for number in line.split(",")]
    for line in Path("tests/vectors/cholect50_maps.txt").read_text().splitlines()
    if not line.startswith("#")
]
# CholecT50's own words, in the order of its label files.
INSTRUMENTS = ["grasper", "bipolar", "hook", "scissors", "clipper", "irrigator"]
VERBS = [
    "grasp",
    "retract",
    "dissect",
    "coagulate",
    "clip",
    "cut",
    "aspirate",
    "irrigate",
    "pack",
    "null_verb",
]
TARGETS = [
    "gallbladder",
    "cystic_plate",
    "cystic_duct",
    "cystic_artery",
    "cystic_pedicle",
    "blood_vessel",
    "fluid",
    "abdominal_wall_cavity",
    "liver",
    "adhesion",
    "omentum",
    "peritoneum",
    "gut",
    "specimen_bag",
    "null_target",
]
ONTOLOGY = json.loads(
    (Path(apps.ontology.__file__).parent / "starters/laparoscopic_cholecystectomy.json").read_text()
)
N_FRAMES = 102
UNPUBLISHED = [("grasper", "clip", "cystic_duct"), ("hook", "pack", "gut")]


def words_of(row):
    return INSTRUMENTS[row[1]], VERBS[row[2]], TARGETS[row[3]]


def labels_of(triplets):
    """A track a triplet, on the frame of its place, where nothing else is."""
    tracks = {}
    for frame, (instrument, verb, target) in enumerate(triplets):
        shape = {"type": "tip", "point": [3.0, 4.0]}
        said = {k: v for k, v in (("verb", verb), ("target", target)) if v}
        tracks[str(uuid4())] = {
            "clip": VIDEO, "class_id": instrument, "number": frame + 1, "attributes": said,
            "keyframes": {
                str(frame): {"state": "visible", "shape": shape, "attributes": {}},
                str(frame + 1): {"state": "absent", "shape": None, "attributes": {}},
            },
        }  # fmt: skip
    return {"clips": [VIDEO], "tracks": tracks, "intervals": {}}


def freeze(triplets):
    return freeze_of(labels_of(triplets), ONTOLOGY, n_frames=N_FRAMES + 1)


def document_of(triplets):
    (data,) = written("cholect50", freeze(triplets)).values()
    return json.loads(data)


def read(document):
    return read_back("cholect50", {"x.json": json.dumps(document).encode()}, freeze([]))


def test_the_table_is_whole_and_each_triplet_is_its_own():
    assert [row[0] for row in TABLE] == list(range(100))
    assert len({tuple(row[1:4]) for row in TABLE}) == 100
    assert [len({row[n] for row in TABLE}) for n in (1, 2, 3)] == [6, 10, 15]
    assert all((row[4], row[5]) == (row[1] * 10 + row[2], row[1] * 15 + row[3]) for row in TABLE)


def test_the_ids_here_are_the_published_ones():
    assert list(TRIPLETS) == [words_of(row) for row in TABLE]
    assert [ID_OF_TRIPLET[words_of(row)] for row in TABLE] == list(range(100))


def test_every_triplet_is_written_with_its_published_ids_and_others_with_none():
    asked = [*(words_of(row) for row in TABLE), *UNPUBLISHED]
    document = document_of(asked)
    names = document["categories"]
    assert [names["instrument"][str(i)] for i in range(6)] == INSTRUMENTS
    assert list(names["verb"].values()) == VERBS and list(names["target"].values()) == TARGETS
    assert names["triplet"] == {str(row[0]): ",".join(words_of(row)) for row in TABLE}
    for row in TABLE:
        (vector,) = document["annotations"][str(row[0])]
        assert [vector[n] for n in (0, 1, 7, 8)] == row[:4]
    for frame, words in enumerate(UNPUBLISHED, 100):
        (vector,) = document["annotations"][str(frame)]
        said = INSTRUMENTS.index(words[0]), VERBS.index(words[1]), TARGETS.index(words[2])
        assert (vector[0], *(vector[n] for n in (1, 7, 8))) == (-1, *said)


def test_an_instrument_whose_verb_or_target_is_not_said_has_no_triplet():
    document = document_of([("grasper", "retract", ""), ("hook", "", "liver"), ("clipper", "", "")])
    assert [document["annotations"][str(n)][0][0] for n in range(3)] == [-1, -1, -1]


def found_in(labels):
    found = {}
    for track in labels["tracks"].values():
        for frame, keyframe in track["keyframes"].items():
            if keyframe["state"] != "absent":
                said = {**track["attributes"], **keyframe["attributes"]}
                found[int(frame)] = (track["class_id"], said.get("verb"), said.get("target"))
    return found


@pytest.mark.parametrize("leaves", ["all", "components", "categories"])
def test_the_ids_are_read_back_to_words_by_whichever_of_them_is_there(leaves):
    document = document_of([words_of(row) for row in TABLE])
    for rows in document["annotations"].values():
        for row in rows if leaves != "all" else ():
            row[1] = row[7] = row[8] = -1
    if leaves == "categories":
        document["categories"] = {}
    labels, report = read(document)
    assert report.problems == []
    assert found_in(labels) == {row[0]: words_of(row) for row in TABLE}


@pytest.mark.parametrize(
    ("place", "value", "word"),
    [(0, 17, "verb"), (0, 60, "instrument"), (0, 100, "triplet"), (7, 5, "verb"),
     (8, 6, "target"), (8, 99, "target"), (1, 4, "instrument")],
)  # fmt: skip
def test_a_triplet_that_contradicts_its_parts_is_the_problem_of_its_line(place, value, word):
    document = document_of([("grasper", "grasp", "gallbladder"), ("hook", "dissect", "omentum")])
    document["annotations"]["0"][0][place] = value
    labels, report = read(document)
    assert labels is None
    assert [(p.line, word in p.message) for p in report.problems] == [(1, True)]
