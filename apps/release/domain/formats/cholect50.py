"""CholecT50: one JSON a video, a vector of 15 values an instrument on a frame.

`[triplet, instrument, score, x, y, w, h, verb, target, score, x, y, w, h, phase]`, boxes as shares
of the picture, -1 for what is not known. Instruments are the tip and box classes; verb and target
are the instrument's choice attributes of these ids; the three together are a published triplet or
-1. The key of a frame is its frame index.
"""

from __future__ import annotations

import json
from typing import Any

from apps.release.domain.formats.cholec80 import phase_of_frames
from apps.release.domain.formats.cholect50_triplets import ID_OF_TRIPLET, TRIPLETS
from apps.release.domain.given_files import own_files, tell_whole
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.objects import Placed, Track, box_of
from apps.release.domain.view import ClipView, Create, Dropped, ReleaseView, count_lost

INSTRUMENTS = ("tip", "box")
COMPONENTS = ("instrument", "verb", "target")
UNKNOWN = -1
WIDTH = 15


def _categories(ontology: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Each task's ids and names, as the format has them: `{"0": "grasper"}`."""
    of = {"instrument": INSTRUMENTS, "phase": ("phase",)}
    found = {
        task: [c["id"] for c in ontology["classes"] if c["geometry"] in geometries]
        for task, geometries in of.items()
    }
    for task in ("verb", "target"):
        words: dict[str, None] = {}
        for label_class in ontology["classes"]:
            for attribute in label_class.get("attributes") or []:
                if attribute["id"] == task and label_class["geometry"] in INSTRUMENTS:
                    words.update({v["id"]: None for v in attribute.get("values") or []})
        found[task] = list(words)
    named = {task: {str(i): name for i, name in enumerate(of)} for task, of in found.items()}
    sayable = {
        str(i): ",".join(words)
        for i, words in enumerate(TRIPLETS)
        if all(w in found[t] for w, t in zip(words, COMPONENTS, strict=True))
    }
    return {"triplet": sayable, **{t: named[t] for t in (*COMPONENTS, "phase")}}


def write(release: ReleaseView, create: Create) -> Dropped:
    """`labels/<clip>.json`. Every exported frame has a key; one without anything an empty list."""
    categories = _categories(release.freeze.ontology)
    lost: Dropped = Dropped()
    for place, view in enumerate(release.clips, 1):
        lost += count_lost(view, shapes=INSTRUMENTS, attributes=True, intervals=True)
        others = [i for i in view.labels.intervals if i.geometry != "phase"]
        lost["events and tags"] += len(others)
        for track in view.labels.of(*INSTRUMENTS):
            for placed in track.frames:
                names = {**track.attributes, **placed.attributes}
                lost["attribute values"] += len(set(names) - {"verb", "target"})
        document = {
            "video": place,
            "name": view.name,
            "fps": view.fps,
            "num_frames": len(view.frames),
            "categories": categories,
            "annotations": _annotations(view, categories),
            "info": {"version": release.freeze.version, "bbox format": "x, y, w, h as shares"},
        }
        with create(f"labels/{view.name}.json") as out:
            out.write(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())
    return +lost


def _annotations(view: ClipView, categories: dict[str, dict[str, str]]) -> dict[str, Any]:
    numbers = {
        t: {name: int(i) for i, name in categories[t].items()} for t in (*COMPONENTS, "phase")
    }
    phases = phase_of_frames(view.labels.intervals)
    found = {}
    for i, there in view.every_frame(*INSTRUMENTS):
        phase = numbers["phase"][phases[i].class_id] if i in phases else UNKNOWN
        rows = [_vector(view, t, p, numbers, phase) for t, p in there]
        if not rows and phase != UNKNOWN:
            rows = [[*([UNKNOWN] * (WIDTH - 1)), phase]]
        found[str(i)] = rows
    return found


def _vector(
    view: ClipView, track: Track, placed: Placed, numbers: dict[str, dict[str, int]], phase: int
) -> list[float]:
    x, y, w, h = box_of(placed.shape, view.freeze.class_by_id(track.class_id))
    attributes = {**track.attributes, **placed.attributes}
    words = (track.class_id, attributes.get("verb", ""), attributes.get("target", ""))
    verb, target = (numbers[t].get(attributes.get(t, ""), UNKNOWN) for t in ("verb", "target"))
    box = [x / view.columns, y / view.rows, w / view.columns, h / view.rows]
    return [
        ID_OF_TRIPLET.get(words, UNKNOWN), numbers["instrument"][track.class_id], 1,
        *(round(v, 10) for v in box), verb, target, *([UNKNOWN] * 5), phase,
    ]  # fmt: skip


def read(files: Files, into: Collector) -> None:
    """One JSON. The k-th of an instrument's boxes on a frame is its object k: the format has no
    identities. Runs of one phase become intervals."""
    for name, data in own_files(files, ".json", into.target).items():
        with into.at(name):
            document = json.loads(data)
            categories = document.get("categories") or {}
            own = _categories(into.target.ontology)
            own["triplet"] = {str(i): ",".join(words) for i, words in enumerate(TRIPLETS)}
            names = {
                task: {int(i): v for i, v in (categories.get(task) or own[task]).items()}
                for task in own
            }
            phases: dict[int, int] = {}
            keys = sorted(document["annotations"], key=lambda k: tell_whole(k))
            for line, key in enumerate(keys, 1):
                with into.at(name, line):
                    _read_frame(name, line, int(key), document["annotations"][key], names, phases,
                                into)  # fmt: skip
            _read_phases(name, phases, names["phase"], into)


def _read_frame(
    file: str, line: int, frame: int, rows: list[Any], names: dict[str, dict[int, str]],
    phases: dict[int, int], into: Collector,
) -> None:  # fmt: skip
    index = into.index(file, line, frame)
    counted: dict[int, int] = {}
    for row in rows:
        if not isinstance(row, list) or len(row) != WIDTH:
            raise NotThisFormat("not 15 values", "see docs/formats/cholect50.md")
        phase = row[14]
        if index is None:
            return
        if phase != UNKNOWN and phases.setdefault(index, phase) != phase:
            raise NotThisFormat("two phases on one frame", "give a frame one phase")
        said = _words_of(row, names)
        if said is None:
            continue
        label_class = into.label_class(file, line, said.pop("instrument"))
        if label_class is None:
            continue
        number = counted[label_class["id"]] = counted.get(label_class["id"], 0) + 1
        if UNKNOWN in row[3:7] and row[5] <= 0:
            into.leave_out(file, line, "the instrument has no box", "nothing to do")
            continue
        size = (into.target.columns, into.target.rows) * 2
        box = [float(v) * s for v, s in zip(row[3:7], size, strict=True)]
        shape = into.from_box(file, line, label_class, box)
        known = {a["id"] for a in label_class.get("attributes") or []}
        attributes = {k: v for k, v in said.items() if v is not None and k in known}
        if shape is not None:
            into.place(file, line, label_class, index, shape, key=number, number=number,
                       attributes=attributes)  # fmt: skip


def _words_of(row: list[Any], names: dict[str, dict[int, str]]) -> dict[str, str | None] | None:
    """Instrument, verb and target of a vector by name, those that it leaves out by its triplet.

    None when it has no instrument. Raises NotThisFormat when an id is none, or two say different.
    """
    said = {}
    for task, place in zip(("triplet", *COMPONENTS), (0, 1, 7, 8), strict=True):
        said[task] = names[task].get(row[place])
        if said[task] is None and row[place] != UNKNOWN:
            raise NotThisFormat(f"the {task} is not known", "see docs/formats/cholect50.md")
    triplet = said.pop("triplet")
    if triplet is None:
        return None if said["instrument"] is None else said
    for task, word in zip(COMPONENTS, triplet.split(","), strict=True):
        own = said[task]
        if own is not None and own.casefold() != word.casefold():
            raise NotThisFormat(
                f"the triplet's {task} is not the {task} beside it", "give both alike, or one as -1"
            )
        said[task] = own or word
    return said


def _read_phases(file: str, phases: dict[int, int], names: dict[int, str], into: Collector) -> None:
    step, start = into.target.stride, 0
    frames = sorted(phases)
    for at in range(1, len(frames) + 1):
        last = frames[at - 1]
        goes_on = at < len(frames) and (
            frames[at] == last + step and phases[frames[at]] == phases[last]
        )
        if goes_on:
            continue
        label_class = into.label_class(file, 0, names.get(phases[last]))
        if label_class is not None:
            end = min(last + step, into.target.n_frames)
            into.interval(file, 0, label_class, frames[start], end)
        start = at
