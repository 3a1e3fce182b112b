"""Someone who labels at random, and a plain model of the labels that this leaves."""

from __future__ import annotations

import copy
import random
import uuid
from typing import Any

import numpy as np

from apps.annotation.domain import rle
from apps.ontology.domain.geometries import SHAPES
from tests import builders
from tests.browser.plain_moves import Moves

N_FRAMES, WIDTH_PX, HEIGHT_PX = 40, builders.WIDTH_PX, builders.HEIGHT_PX
# Most tracks are of these, so that some of one class follow each other.
USUAL = {"grasper": "tip", "specimen_bag": "box", "lesion": "mask"}
CLASSES = USUAL | {f"some_{g}": g for g in SHAPES if g not in USUAL.values()}
SPANS = {
    "bleeding": "event", "smoke": "event", "preparation": "phase", "clipping_cutting": "phase",
    "some_frame_tag": "frame_tag", "some_clip_tag": "clip_tag",
}  # fmt: skip
SKELETON = {"points": [{"id": n, "name": n} for n in ("neck", "tail")], "edges": [[0, 1]]}
POINTS = {"shaft": 2, "polygon": 4, "polyline": 3, "cuboid": 8}


class Model:
    """What labels are, said as plainly as can be: a step back is the state before, kept whole."""

    def __init__(self, clip: str, moves: Moves) -> None:
        self.moves = moves
        self.labels: dict[str, Any] = {"clips": [clip], "tracks": {}, "intervals": {}}
        self.past: list[Any] = []
        self.future: list[Any] = []

    def do(self, step: Any) -> None:
        if step in ("undo", "redo"):
            source, other = (self.past, self.future)[:: 1 if step == "undo" else -1]
            if source:
                other.append(self.labels)
                self.labels = source.pop()
            return
        before = copy.deepcopy(self.labels)
        if isinstance(step, dict) and not self.moves.make(self.labels, step):
            return
        self.past.append(before)
        self.future = []
        if isinstance(step, dict):
            return
        for op in step:
            self._change(op)

    def _change(self, op: dict[str, Any]) -> None:
        tracks, intervals, name = self.labels["tracks"], self.labels["intervals"], op["object"]
        if op["op"] == "track.create":
            taken = [t["number"] for t in tracks.values() if t["class_id"] == op["class_id"]]
            wish = op.get("number")
            number = wish if wish and wish not in taken else max(taken, default=0) + 1
            tracks[name] = {"clip": op["clip"], "class_id": op["class_id"], "number": number,
                            "attributes": {}, "keyframes": {}}  # fmt: skip
        elif op["op"] == "track.set":
            tracks[name]["attributes"] = op["attributes"]
        elif op["op"] == "keyframe.set":
            tracks[name]["keyframes"][str(op["frame_index"])] = {
                k: op[k] for k in ("state", "shape", "attributes")
            }
        elif op["op"] == "keyframe.delete":
            del tracks[name]["keyframes"][str(op["frame_index"])]
        elif op["op"] in ("interval.set", "relation.set"):
            part = self.labels.setdefault(f"{op['op'].partition('.')[0]}s", {})
            part[name] = {k: v for k, v in op.items() if k not in ("op", "object")}
        elif op["op"] == "track.delete":
            del tracks[name]
            self._keep({k: r for k, r in self._relations().items()
                        if name not in (r["subject"], r["target"])})  # fmt: skip
        elif op["op"] == "relation.delete":
            self._keep({k: r for k, r in self._relations().items() if k != name})
        else:
            del intervals[name]

    def _relations(self) -> dict[str, Any]:
        return dict(self.labels.get("relations", {}))

    def _keep(self, relations: dict[str, Any]) -> None:
        self.labels.pop("relations", None)
        if relations:
            self.labels["relations"] = relations


class Worker:
    """Someone who works at random, on what the model says is there."""

    def __init__(self, seed: int, clip: str, moves: Moves) -> None:
        self.random, self.clip, self.moves = random.Random(seed), clip, moves
        self.model, self.done = Model(clip, moves), set[str]()
        self._turns = {"track": 3 * seed, "interval": 3 * seed}
        self._decided, self._took_back = False, False

    def steps(self, n: int) -> tuple[list[Any], list[dict[str, Any]]]:
        """Steps, and the labels after each."""
        steps, after = [], []
        for _ in range(n):
            step = self._step()
            before = len(self.model.past)
            self.model.do(step)
            is_decision = isinstance(step, dict) and step["do"] == "decide"
            self._decided = is_decision and len(self.model.past) > before
            steps.append(step)
            after.append(copy.deepcopy(self.model.labels))
        return steps, after

    def _step(self) -> Any:
        tracks, intervals = self.model.labels["tracks"], self.model.labels["intervals"]
        if self._decided and not self._took_back:
            # A decision is unsaid by taking it back only, which chance alone may never do.
            self._took_back = True
            return "undo"
        what = self.random.choice(
            ["create", "create", "keyframe", "keyframe", "keyframe", "delete keyframe",
             "attributes", "interval", "interval", "delete interval", "delete track", "undo",
             "undo", "redo", "relate", "relate", "unrelate", "move", "move", "move", "move"]
        )  # fmt: skip
        if what == "move":
            found = self.moves.pick(self.random, self.model.labels)
            if found is not None:
                self.done.add(found["do"])
                return found
            what = "keyframe"
        if what in ("undo", "redo"):
            return what
        if what == "create" or (not tracks and "interval" not in what):
            return self._create()
        if what == "interval" or (not intervals and "interval" in what):
            op = self._interval(self.random.choice([*intervals, self._new()]))
            return [op] if op else "undo"
        if what == "delete interval":
            return [{"op": "interval.delete", "object": self.random.choice(list(intervals))}]
        held = list(self.model.labels.get("relations", {}))
        if what == "unrelate" and held:
            return [{"op": "relation.delete", "object": self.random.choice(held)}]
        graspers = [n for n, t in tracks.items() if t["class_id"] == "grasper"]
        if what in ("relate", "unrelate") and graspers and len(self._touchable()) > 1:
            return [self._relation(self.random.choice([*held, self._new()]), graspers)]
        name = self.random.choice(list(tracks))
        if what == "delete track":
            return [{"op": "track.delete", "object": name}]
        held = list(tracks[name]["keyframes"])
        if what == "delete keyframe" and held:
            index = int(self.random.choice(held))
            return [{"op": "keyframe.delete", "object": name, "frame_index": index}]
        if what == "attributes":
            fits = tracks[name]["class_id"] == "grasper" and self.random.random() < 0.7
            values = {"jaw": self.random.choice(["open", "closed"])} if fits else {}
            return [{"op": "track.set", "object": name, "attributes": values}]
        return [self._keyframe(name, tracks[name]["class_id"]) for _ in range(2)]

    def _new(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _in_turn(self, what: str, names: list[str]) -> str:
        """Chance alone would leave some out of a short history."""
        self._turns[what] += 1
        return names[self._turns[what] % len(names)]

    def _create(self) -> list[dict[str, Any]]:
        name, class_id = self._new(), self.random.choice(list(USUAL))
        if self.random.random() < 0.5:
            class_id = self._in_turn("track", [c for c in CLASSES if c not in USUAL])
        op = {"op": "track.create", "object": name, "clip": self.clip, "class_id": class_id}
        if self.random.random() < 0.6:
            op["number"] = self.random.randint(1, 4)  # which may be another's already
        return [op, self._keyframe(name, class_id)]

    def _keyframe(self, name: str, class_id: str) -> dict[str, Any]:
        state = self.random.choice(["visible", "visible", "occluded", "absent"])
        shape = None if state == "absent" else self._shape(CLASSES[class_id])
        return {"op": "keyframe.set", "object": name, "attributes": self._attributes(class_id),
                "shape": shape, "frame_index": self.random.randrange(N_FRAMES),
                "state": state}  # fmt: skip

    def _attributes(self, class_id: str) -> dict[str, Any]:
        """What a keyframe says from its frame on."""
        values: dict[str, Any] = {}
        if class_id == "grasper" and self.random.random() < 0.4:
            values["jaw"] = self.random.choice(["open", "closed"])
        if class_id in USUAL and self.random.random() < 0.2:
            values["confidence"] = self.random.choice([0, 62.5, 100])
        return values

    def _shape(self, geometry: str) -> dict[str, Any]:
        x, y = self._place()
        if geometry == "tip":
            return {"type": "tip", "point": [x, y]}
        if geometry == "box":
            return {"type": "box", "box": [x, y, self.random.uniform(1, 50), 12]}
        if geometry == "rotated_box":
            sides = [self.random.uniform(1, 50), 12.5]
            return {"type": geometry, "rotated_box": [x, y, *sides, self.random.uniform(0, 359)]}
        if geometry == "keypoints":
            seen = [[*self._place(), 2], self.random.choice([[*self._place(), 1], [0, 0, 0]])]
            return {"type": geometry, "points": seen}
        if geometry in POINTS:
            points = [list(self._place()) for _ in range(POINTS[geometry])]
            return {"type": geometry, "points": points}
        pixels = np.zeros((HEIGHT_PX, WIDTH_PX), bool)
        pixels[int(y) : int(y) + 9, int(x) : int(x) + 7] = True
        return {"type": "mask", "rle": rle.encode(pixels)}

    def _place(self) -> tuple[float, float]:
        return self.random.uniform(0, WIDTH_PX - 60), self.random.uniform(0, HEIGHT_PX - 60)

    def _touchable(self) -> list[str]:
        """Tracks that the ontology lets a grasper touch."""
        return [n for n, t in self.model.labels["tracks"].items() if t["class_id"] in USUAL]

    def _relation(self, name: str, graspers: list[str]) -> dict[str, Any]:
        subject = self.random.choice(graspers)
        target = self.random.choice([n for n in self._touchable() if n != subject])
        start = self.random.randrange(N_FRAMES - 1)
        return {"op": "relation.set", "object": name, "clip": self.clip, "relation": "contact",
                "subject": subject, "target": target, "start_frame": start,
                "end_frame": self.random.randint(start + 1, N_FRAMES)}  # fmt: skip

    def _interval(self, name: str) -> dict[str, Any] | None:
        """An interval set anew or for the first time; None where a phase finds no room."""
        held = self.model.labels["intervals"]
        class_id = (
            held[name]["class_id"] if name in held else self._in_turn("interval", list(SPANS))
        )
        start, end = self._span(SPANS[class_id], name)
        if start is None:
            return None
        return {"op": "interval.set", "object": name, "clip": self.clip, "class_id": class_id,
                "start_frame": start, "end_frame": end, "attributes": {}}  # fmt: skip

    def _span(self, kind: str, name: str) -> tuple[int | None, int]:
        start = self.random.randrange(N_FRAMES - 1)
        end = self.random.randint(start + 1, N_FRAMES)
        if kind == "clip_tag":
            return 0, N_FRAMES
        if kind == "frame_tag":
            return start, start + 1
        phases = [
            each for other, each in self.model.labels["intervals"].items()
            if other != name and SPANS.get(each["class_id"]) == "phase"
        ]  # fmt: skip
        if kind == "event" or not phases:
            return start, end
        if any(each["start_frame"] <= start < each["end_frame"] for each in phases):
            return None, 0
        later = [each["start_frame"] for each in phases if each["start_frame"] > start]
        return start, min([end, *later])
