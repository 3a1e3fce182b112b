"""Labels out of other tools' files, held to a clip and an ontology, with a report by line.

A reader of a format hands every object that it finds to a `Collector`, with the file and line
where it stood. The collector checks class, frame, shape, attributes and identity; one problem is
enough that nothing is taken. What a format says that cannot become a label here (the box of a
class that is drawn as a mask) is left out and counted by line.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid5

from apps.annotation.domain import ops
from apps.annotation.domain.ops.content import check_attributes, check_shape
from apps.ontology.domain.geometries import INTERVALS
from apps.release.domain.import_keyframes import ALIKE_PX, FoundObject, keyframes_of
from apps.release.domain.import_report import (
    Files,
    NotThisFormat,
    Problem,
    Report,
    Target,
    TooManyProblems,
)

MAX_PROBLEMS = 1000
MAX_KEYFRAMES = 250_000
EDGE_PX = 0.01  # what rounding to a format's decimals may put outside the picture
NAMESPACE = UUID("6c1fa1e5-7b1d-4f6b-9c0e-5d3f1f6b7a21")
MALFORMED = (
    ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError,
    EOFError, LookupError, csv.Error,
)  # fmt: skip


class Collector:
    """Takes what a reader finds; `finish` gives the labels, or None when anything is wrong."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.report = Report()
        self.alike_px = ALIKE_PX
        self._objects: dict[Hashable, FoundObject] = {}
        self._intervals: list[tuple[str, int, str | None, dict[str, Any]]] = []
        self._relations: list[tuple[str, int, str | None, dict[str, Any]]] = []
        self._names: dict[str, dict[str, Any]] = {}
        for each in reversed(target.ontology["classes"]):
            for name in (each["name"].casefold().replace(" ", ""), each["id"]):
                self._names[name] = each

    def problem(self, file: str, line: int, message: str, remedy: str) -> None:
        """Note what is wrong at a line. Raises when there are more than can be read."""
        self.report.problems.append(Problem(file, line, message, remedy))
        if len(self.report.problems) >= MAX_PROBLEMS:
            raise TooManyProblems

    @contextmanager
    def at(self, file: str, line: int = 0) -> Iterator[None]:
        """What a line raises becomes its problem, and reading goes on."""
        try:
            yield
        except NotThisFormat as error:
            self.problem(file, line, str(error), error.remedy)
        except MALFORMED as error:
            self.problem(
                file, line, f"not as the format has it ({type(error).__name__})",
                "see docs/formats for its columns",
            )  # fmt: skip

    def leave_out(self, file: str, line: int, message: str, remedy: str) -> None:
        """Note what cannot become a label; nothing is wrong with the file."""
        self.report.n_left_out += 1
        if len(self.report.left_out) < MAX_PROBLEMS:
            self.report.left_out.append(Problem(file, line, message, remedy))

    def label_class(self, file: str, line: int, name: Any) -> dict[str, Any] | None:
        """The class of an id or name (case and blanks aside); a problem when there is none."""
        found = None
        if isinstance(name, str):
            found = self._names.get(name) or self._names.get(name.casefold().replace(" ", ""))
        if found is None:
            self.problem(
                file, line, "the class is not in this ontology version",
                f"use one of {', '.join(c['id'] for c in self.target.ontology['classes'])}",
            )  # fmt: skip
        return found

    def frame(self, file: str, line: int, position: Any) -> int | None:
        """The frame index of a picture counted without gaps (from 0), by the target's stride."""
        stride = self.target.stride
        return self.index(file, line, position * stride if type(position) is int else -1)

    def index(self, file: str, line: int, frame_index: Any) -> int | None:
        """A frame index; a problem outside the clip."""
        index = frame_index if type(frame_index) is int else -1
        if not 0 <= index < self.target.n_frames:
            self.problem(
                file, line, "the frame is outside the clip",
                f"the clip has {self.target.n_frames} frames; check the stride",
            )  # fmt: skip
            return None
        return index

    def place(
        self,
        file: str,
        line: int,
        label_class: dict[str, Any],
        frame_index: int,
        shape: dict[str, Any] | None,
        *,
        key: Hashable,
        number: int | None = None,
        uid: str | None = None,
        state: str = "visible",
        attributes: dict[str, Any] | None = None,
        track_attributes: dict[str, Any] | None = None,
        interpolated: bool = False,
    ) -> None:
        """One object on one frame. `key` tells objects of a class apart; `uid` is a UUID."""
        if state == "absent":
            shape = None
        elif shape is None or state not in ("visible", "occluded"):
            self.problem(file, line, "state and shape do not fit", "give visible or occluded")
            return
        else:
            shape = self._checked_shape(file, line, label_class, shape)
            if shape is None:
                return
        held = self._objects.get((label_class["id"], key))
        if held is None:
            held = FoundObject(label_class["id"], number, uid, {}, {})
            if not self._attributes_hold(file, line, label_class, track_attributes or {}):
                return
            held.attributes = dict(track_attributes or {})
            self._objects[label_class["id"], key] = held
        if not self._attributes_hold(file, line, label_class, attributes or {}):
            return
        if frame_index in held.frames:
            self.problem(
                file, line, f"the same object stands twice on frame {frame_index}",
                "give each object of a frame an id of its own",
            )  # fmt: skip
            return
        self.report.n_keyframes += 1
        if self.report.n_keyframes > MAX_KEYFRAMES:
            self.problem(file, line, f"more than {MAX_KEYFRAMES} places", "import fewer at a time")
            raise TooManyProblems
        held.frames[frame_index] = (state, shape, dict(attributes or {}), interpolated)

    def from_box(
        self, file: str, line: int, label_class: dict[str, Any], box: list[float]
    ) -> dict[str, Any] | None:
        """What a box means for a class: itself, a tip at its centre, nothing for a mask."""
        if label_class["geometry"] == "box":
            return {"type": "box", "box": [float(v) for v in box]}
        if label_class["geometry"] == "tip":
            x, y, w, h = box
            return {"type": "tip", "point": [x + w / 2, y + h / 2]}
        self.leave_out(
            file, line, f"class {label_class['id']} is drawn as a {label_class['geometry']}; a box "
            "does not say its outline", "import its masks from a format that has them",
        )  # fmt: skip
        return None

    def interval(
        self,
        file: str,
        line: int,
        label_class: dict[str, Any],
        start_frame: Any,
        end_frame: Any,
        *,
        uid: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> None:
        """A phase or event; `end_frame` is exclusive."""
        if label_class["geometry"] not in INTERVALS:
            self.problem(
                file, line, f"class {label_class['id']} is no phase or event",
                "use a phase or event class",
            )  # fmt: skip
            return
        if type(start_frame) is not int or type(end_frame) is not int or not (
            0 <= start_frame < end_frame <= self.target.n_frames
        ):  # fmt: skip
            self.problem(
                file, line, "the interval is empty or outside the clip",
                f"the clip has {self.target.n_frames} frames; the end is exclusive",
            )  # fmt: skip
            return
        whole = {"frame_tag": (start_frame, start_frame + 1), "clip_tag": (0, self.target.n_frames)}
        if (start_frame, end_frame) != whole.get(label_class["geometry"], (start_frame, end_frame)):
            self.problem(
                file, line, "a tag of a frame covers one frame, a tag of a clip its whole clip",
                f"the clip has {self.target.n_frames} frames; the end is exclusive",
            )  # fmt: skip
            return
        if self._attributes_hold(file, line, label_class, attributes or {}):
            value = {
                "clip": self.target.clip_id, "class_id": label_class["id"],
                "start_frame": start_frame, "end_frame": end_frame,
                "attributes": dict(attributes or {}),
            }  # fmt: skip
            self._intervals.append((file, line, uid, value))

    def relation(
        self,
        file: str,
        line: int,
        relation: str,
        subject: str | None,
        target: str | None,
        start_frame: int,
        end_frame: int,
        *,
        uid: str | None = None,
    ) -> None:
        """What stands between two tracks, named by the UUIDs that they were placed with."""
        if not 0 <= start_frame < end_frame <= self.target.n_frames:
            self.problem(
                file, line, "the span is empty or outside the clip",
                f"the clip has {self.target.n_frames} frames; the end is exclusive",
            )  # fmt: skip
            return
        value = {
            "clip": self.target.clip_id, "relation": relation, "subject": subject,
            "target": target, "start_frame": start_frame, "end_frame": end_frame,
        }  # fmt: skip
        self._relations.append((file, line, uid, value))

    def finish(self) -> dict[str, Any] | None:
        """The labels as a label set holds them, or None when there is a problem or nothing."""
        try:
            intervals = self._finish_intervals()
            tracks = self._finish_tracks()
            relations = self._finish_relations(tracks)
        except TooManyProblems:
            return None
        report = self.report
        report.n_tracks, report.n_intervals = len(tracks), len(intervals)
        report.n_keyframes = sum(len(t["keyframes"]) for t in tracks.values())
        if not report.problems and not tracks and not intervals:
            report.problems.append(
                Problem("", 0, "no label was found in the files", "give the files of this clip")
            )
        if report.problems:
            return None
        labels = {"clips": [self.target.clip_id], "tracks": tracks, "intervals": intervals}
        return {**labels, "relations": relations} if relations else labels

    def _checked_shape(
        self, file: str, line: int, label_class: dict[str, Any], shape: dict[str, Any]
    ) -> dict[str, Any] | None:
        size = (self.target.columns, self.target.rows)
        try:
            shape = _inside(shape, *size)
            check_shape(shape, label_class, *size)
        except ops.InvalidOperation as error:
            self.problem(file, line, f"{error.field} {error.message}", error.remedy)
            return None
        except (TypeError, ValueError, OverflowError):
            self.problem(file, line, "the shape is not numbers", "give pixel coordinates")
            return None
        return shape

    def _attributes_hold(
        self, file: str, line: int, label_class: dict[str, Any], values: dict[str, Any]
    ) -> bool:
        try:
            check_attributes(values, label_class)
        except ops.InvalidOperation as error:
            self.problem(file, line, f"{error.field} {error.message}", error.remedy)
            return False
        return True

    def _finish_intervals(self) -> dict[str, Any]:
        phases = {c["id"] for c in self.target.classes("phase")}
        intervals: dict[str, Any] = {}
        reached = 0
        for file, line, uid, value in sorted(
            self._intervals, key=lambda row: (row[3]["start_frame"], row[3]["end_frame"])
        ):
            if value["class_id"] in phases:
                if value["start_frame"] < reached:
                    self.problem(file, line, "two phases overlap", "end one where the next starts")
                reached = max(reached, value["end_frame"])
            parts = ("interval", value["class_id"], value["start_frame"], value["end_frame"])
            intervals[self._name(uid, intervals, *parts)] = value
        return intervals

    def _finish_relations(self, tracks: dict[str, Any]) -> dict[str, Any]:
        kinds = {each["id"]: each for each in self.target.ontology.get("relations", ())}
        relations: dict[str, Any] = {}
        for file, line, uid, value in self._relations:
            kind = kinds.get(value["relation"])
            ends = [tracks.get(value[side]) for side in ("subject", "target")]
            if kind is None or any(
                end is None or end["class_id"] not in kind[classes]
                for end, classes in zip(ends, ("subjects", "targets"), strict=True)
            ):
                self.problem(
                    file, line, "the relation or one of its tracks is not in this ontology version",
                    "give its tracks in the same files, of classes that it takes",
                )  # fmt: skip
                continue
            parts = ("relation", *(value[k] for k in sorted(value)))
            relations[self._name(uid, relations, *parts)] = value
        return relations

    def _finish_tracks(self) -> dict[str, Any]:
        tracks: dict[str, Any] = {}
        taken: set[tuple[str, int]] = set()
        classes = {c["id"]: c for c in self.target.ontology["classes"]}
        # An object whose every line had a problem has no frame; nothing is kept then.
        found = [o for o in self._objects.values() if o.frames]
        numbered = [o for o in found if o.number is not None]
        others = [o for o in found if o.number is None]
        for each in [*numbered, *others]:
            number = each.number
            if number is None or (each.class_id, number) in taken or number < 1:
                number = 1
                while (each.class_id, number) in taken:
                    number += 1
            taken.add((each.class_id, number))
            track = {
                "clip": self.target.clip_id, "class_id": each.class_id, "number": number,
                "attributes": each.attributes,
                "keyframes": keyframes_of(
                    each, classes[each.class_id], self.target, self.alike_px
                ),
            }  # fmt: skip
            tracks[self._name(each.uid, tracks, "track", each.class_id, number)] = track
        return tracks

    def _name(self, uid: str | None, taken: dict[str, Any], *parts: Any) -> str:
        if uid is not None and uid not in taken:
            return uid
        place = 0
        while True:
            words = "/".join(map(str, (self.target.clip_id, *parts, place)))
            if (made := str(uuid5(NAMESPACE, words))) not in taken:
                return made
            place += 1


def _inside(shape: dict[str, Any], width_px: int, height_px: int) -> dict[str, Any]:
    """The shape with rounding at the picture's edge taken back; other shapes as they stand."""
    if shape["type"] == "tip":
        x, y = shape["point"]
        return {"type": "tip", "point": [_near(x, width_px), _near(y, height_px)]}
    if shape["type"] == "box":
        x, y, w, h = shape["box"]
        x0, y0 = _near(x, width_px), _near(y, height_px)
        right, bottom = _near(x + w, width_px), _near(y + h, height_px)
        if (x0, y0, right, bottom) == (x, y, x + w, y + h):
            return shape
        return {"type": "box", "box": [x0, y0, right - x0, bottom - y0]}
    return shape


def _near(value: float, size_px: int) -> float:
    if not math.isfinite(value):
        raise ValueError("not a number")
    if -EDGE_PX <= value < 0:
        return 0.0
    return float(size_px) if size_px < value <= size_px + EDGE_PX else value


def steps(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """Operations (without id and seq) that make these labels in an empty label set."""
    made: list[dict[str, Any]] = []
    for name, track in labels["tracks"].items():
        head = {k: track[k] for k in ("clip", "class_id", "number")}
        made.append({"op": "track.create", "object": name, **head})
        if track["attributes"]:
            made.append({"op": "track.set", "object": name, "attributes": track["attributes"]})
        made += [
            {"op": "keyframe.set", "object": name, "frame_index": int(i), **keyframe}
            for i, keyframe in track["keyframes"].items()
        ]
    made += [
        {"op": "interval.set", "object": name, **interval}
        for name, interval in labels["intervals"].items()
    ]
    made += [
        {"op": "relation.set", "object": name, **relation}
        for name, relation in labels.get("relations", {}).items()
    ]
    return made


Reader = Callable[[Files, Collector], None]


def read_with(reader: Reader, files: Files, target: Target) -> tuple[dict[str, Any] | None, Report]:
    """Labels and report. Labels are None unless every line holds; never raises for the content."""
    into = Collector(target)
    into.report.files = sorted(files)
    try:
        reader(files, into)
    except TooManyProblems:
        pass
    except NotThisFormat as error:
        into.report.problems.append(Problem("", 0, str(error), error.remedy))
    except MALFORMED as error:
        into.report.problems.append(
            Problem("", 0, f"not as the format has it ({type(error).__name__})",
                    "give a file of this format")
        )  # fmt: skip
    return into.finish(), into.report
