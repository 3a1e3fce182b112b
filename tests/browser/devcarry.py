"""Propagations for the browser tests: the shape goes 2 px to the right a frame, found at a word."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np

from apps.annotation.domain.regions import moved_shape
from apps.annotation.domain.thin import thinned
from apps.ontology.domain.geometries import rule_of

MOVE_PX, WEAK_FRAME = 2.0, 3


class Carrying:
    """What the server holds of one propagation; it waits until ``is_let_go``."""

    def __init__(self, body: dict[str, Any], ontology: dict[str, Any]) -> None:
        self.id, self.body, self.state = str(uuid.uuid4()), body, "waiting"
        self.label_class = next(c for c in ontology["classes"] if c["id"] == body["class_id"])

    def answer(self, is_let_go: bool) -> dict[str, Any]:
        """The API's answer."""
        answer = {"id": self.id, "state": self.state, "reason": "", "progress": 0.5}
        if self.state != "waiting" or not is_let_go:
            return answer
        first, last = self.body["from_frame"], self.body["to_frame"]
        step = 1 if last > first else -1
        shapes = [(first, self.body["shape"])]
        for index in range(first + step, last + step, step):
            pose = np.array([[1.0, 0, MOVE_PX * abs(index - first)], [0, 1.0, 0]])
            shapes.append((index, moved_shape(self.body["shape"], pose, 640, 360)))
        kept = thinned(shapes, self.label_class["geometry"], rule_of(self.label_class))
        frames = [
            {"frame_index": i, "shape": s, "score": 0.2 if i == first + WEAK_FRAME else 0.9}
            for i, s in shapes[1:]
        ]
        self.state = "done"
        found = {"frames": frames, "keyframes": [i for i, _ in kept], "stopped": None}
        return {**answer, "state": "done", "progress": 1.0, **found}
