"""Label sets in memory for the browser tests: ontology, operations, two sets that differ."""

from __future__ import annotations

import json
from typing import Any

CLIP = "11111111-1111-4111-8111-111111111111"
SET = "22222222-2222-4222-8222-222222222222"
# The same pictures under another name, and another person's labels that may be read.
OTHER = "55555555-5555-4555-8555-555555555555"
READ = "66666666-6666-4666-8666-666666666666"
CONSENSUS = "33333333-3333-4333-8333-333333333333"
ADJUDICATION = "44444444-4444-4444-8444-444444444444"
PASSWORD = "correct horse"


def ontology() -> dict[str, Any]:
    """Classes of every geometry, as the server gives them."""
    jaw = [
        {
            "id": "jaw",
            "name": "Jaw",
            "type": "choice",
            "values": [{"id": "open", "name": "Open"}, {"id": "closed", "name": "Closed"}],
        }
    ]
    rows = [
        (
            "lesion",
            "Lesion",
            "mask",
            "#ffd84a",
            "1",
            "Outline the visible margin at its outermost "
            "change of colour or texture. Do not include the halo of reflected light.",
            [],
        ),
        (
            "grasper",
            "Grasper",
            "tip",
            "#3fd7e8",
            "2",
            "Mark the midpoint between the two jaw ends. "
            "Where the jaws are hidden by tissue, mark occluded and keep the last seen place.",
            jaw,
        ),
        ("shaft", "Grasper shaft", "mask", "#6fb1ff", "3", "The shaft without its jaws.", []),
        ("hook", "Hook", "box", "#c3ec4b", "4", "The smallest box around the hook.", []),
        (
            "preparation",
            "Preparation",
            "phase",
            "#5d6776",
            "5",
            "From the first picture inside.",
            [],
        ),
        ("calot", "Calot triangle dissection", "phase", "#7b61c9", "6", "Until it is clear.", []),
        ("clipping", "Clipping and cutting", "phase", "#2f8f9d", "7", "From the first clip.", []),
        ("bleeding", "Bleeding", "event", "#ffd84a", "8", "Visible bleeding.", []),
    ]
    return {
        "slug": "laparoscopic-cholecystectomy",
        "version": 1,
        "title": "Laparoscopic cholecystectomy",
        "classes": [
            {
                "id": i,
                "name": n,
                "geometry": g,
                "color": c,
                "shortcut": s,
                "guideline": t,
                "attributes": a,
                "max_keyframe_gap_frames": 60,
            }
            for i, n, g, c, s, t, a in rows
        ],
        "relations": [
            {"id": "holds", "name": "holds", "subjects": ["grasper"], "targets": ["hook", "lesion"]}
        ],
    }


def apply(labels: dict[str, Any], op: dict[str, Any]) -> None:
    """Apply one operation; the same rules as the product's."""
    kind, key = op["op"], op["object"]
    track = labels["tracks"].get(key)
    if kind == "track.create":
        labels["tracks"][key] = {
            "clip": op["clip"],
            "class_id": op["class_id"],
            "number": op.get("number", 1),
            "attributes": {},
            "keyframes": {},
        }
    elif kind == "track.delete":
        labels["tracks"].pop(key, None)
    elif kind == "track.set":
        track["attributes"] = op["attributes"]
    elif kind == "keyframe.set":
        track["keyframes"][str(op["frame_index"])] = {
            "state": op["state"],
            "shape": op["shape"],
            "attributes": op["attributes"],
        }
    elif kind == "keyframe.delete":
        track["keyframes"].pop(str(op["frame_index"]), None)
    elif kind == "interval.set":
        labels["intervals"][key] = {
            k: op[k] for k in ("clip", "class_id", "start_frame", "end_frame", "attributes")
        }
    elif kind == "interval.delete":
        labels["intervals"].pop(key, None)
    elif kind.endswith(".set"):
        part = {"relation.set": "relations", "proposal.set": "proposals"}[kind]
        held = {k: v for k, v in op.items() if k not in ("id", "seq", "op", "object")}
        labels.setdefault(part, {})[key] = held
    else:
        labels[{"relation.delete": "relations", "proposal.delete": "proposals"}[kind]].pop(key)


class LabelSet:
    """One label set: revisions, operations by client and sequence."""

    def __init__(self, labels: dict[str, Any] | None = None) -> None:
        self.labels = labels or {"clips": [CLIP], "tracks": {}, "intervals": {}}
        self.revision = 0
        self.state = "in_progress"
        self.held: dict[str, list[str]] = {}
        self.log: list[tuple[int, str, dict[str, Any]]] = []

    def take(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.state in ("submitted", "locked"):
            return 423, {"error": {"code": "locked", "message": "This label set is submitted."}}
        client, base, ops = body["client_id"], body["base_revision"], body["operations"]
        held = self.held.setdefault(client, [])
        if base > self.revision:
            return 409, {
                "error": {"code": "ahead_of_server", "message": "The server was set back."}
            }
        fresh = []
        for op in ops:
            text = json.dumps(op, sort_keys=True)
            if op["seq"] <= len(held):
                if held[op["seq"] - 1] != text:
                    return 409, {"error": {"code": "forked", "message": "Other bytes."}}
            elif op["seq"] != len(held) + len(fresh) + 1:
                expected = len(held) + len(fresh) + 1
                return 409, {"error": {"code": "gap", "expected_seq": expected, "message": "gap"}}
            else:
                fresh.append(op)
        others = [dict(op, revision=r) for r, c, op in self.log if r > base and c != client]
        touched = {op["object"] for op in others} & {op["object"] for op in fresh}
        if touched:
            return 409, {
                "error": {
                    "code": "conflict",
                    "objects": sorted(touched),
                    "message": "Changed.",
                    "revision": self.revision,
                    "others": others,
                }
            }
        if fresh:
            self.revision += 1
        for op in fresh:
            apply(self.labels, op)
            held.append(json.dumps(op, sort_keys=True))
            self.log.append((self.revision, client, op))
        return 200, {"revision": self.revision, "acknowledged_seq": len(held), "others": others}

    def at(self, revision: int) -> dict[str, Any]:
        """The labels of a set that was begun empty as they stood at a revision."""
        labels: dict[str, Any] = {"clips": [CLIP], "tracks": {}, "intervals": {}}
        for number, _, op in self.log:
            if number <= revision:
                apply(labels, json.loads(json.dumps(op)))
        return labels

    def told(self) -> dict[str, Any]:
        """Revisions, newest first, as the server tells them."""
        rows: dict[int, list[dict[str, Any]]] = {}
        for number, _, op in self.log:
            rows.setdefault(number, []).append({k: v for k, v in op.items() if k != "shape"})
        at = "2026-11-26T20:00:00+00:00"
        newest = sorted(rows, reverse=True)
        found = [{"revision": n, "at": at, "operations": rows[n]} for n in newest]
        return {"revisions": found, "before": None}

    def since(self, asked: dict[str, str]) -> dict[str, Any]:
        """What other clients did above a revision."""
        after, client = int(asked["after"]), asked["client"]
        theirs = [dict(op, revision=r) for r, c, op in self.log if r > after and c != client]
        return {"revision": self.revision, "state": self.state, "operations": theirs}


def adjudication_labels(width: int, height: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two label sets over one clip that differ in a mask, a tip, a phase and an event."""
    import numpy as np
    from pycocotools import mask as coco

    def disc(x: float, y: float, r: float) -> dict[str, Any]:
        yy, xx = np.mgrid[0:height, 0:width]
        rle = coco.encode(np.asfortranarray((np.hypot(xx - x, yy - y) < r).astype(np.uint8)))
        return {"size": [height, width], "counts": rle["counts"].decode()}

    def side(s: str, r: float, dx: float, cut: int, bleed: bool) -> dict[str, Any]:
        def kf(shape: dict[str, Any]) -> dict[str, Any]:
            return {"state": "visible", "shape": shape, "attributes": {}}

        x, y = width * 0.42, height * 0.55
        tracks = {
            f"{s}-lesion": {
                "clip": CLIP,
                "class_id": "lesion",
                "number": 1,
                "attributes": {},
                "keyframes": {"20": kf({"type": "mask", "rle": disc(x + dx, y, r)})},
            },
            f"{s}-grasper": {
                "clip": CLIP,
                "class_id": "grasper",
                "number": 1,
                "attributes": {},
                "keyframes": {
                    str(f): kf({"type": "tip", "point": [width * 0.5 + f + dx, 180]})
                    for f in (10, 35, 60)
                },
            },
        }

        def phase(class_id: str, start: int, end: int) -> dict[str, Any]:
            span = {"start_frame": start, "end_frame": end}
            return {"clip": CLIP, "class_id": class_id, "attributes": {}, **span}

        intervals = {
            f"{s}-prep": phase("preparation", 0, cut),
            f"{s}-calot": phase("calot", cut, 200),
        }
        if bleed:
            intervals[f"{s}-bleed"] = phase("bleeding", 120, 140)
        return {"clips": [CLIP], "tracks": tracks, "intervals": intervals}

    return side("a", height * 0.16, 0, 60, False), side("b", height * 0.12, 12, 75, True)
