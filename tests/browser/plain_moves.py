"""What a person does to whole tracks and to proposals, said plainly: split, cut, merge, take a
propagation run, decide on an import's proposal. Beside the browser's own modules and the server."""

from __future__ import annotations

import copy
import random
import uuid
from typing import Any

from apps.annotation.domain.interpolate import at
from apps.ontology.domain.geometries import rule_of

Labels = dict[str, Any]
Move = dict[str, Any]
KINDS = ("split", "cut", "merge", "merge", "carry", "decide", "decide")


class Moves:
    """``classes`` of the ontology by id; ``source`` is (id, labels) of the imported set."""

    def __init__(self, classes: dict[str, Any], source: tuple[str, Labels], n_frames: int) -> None:
        self.classes, self.source, self.n_frames = classes, source, n_frames

    def pick(self, draw: random.Random, labels: Labels) -> Move | None:
        """A move that these labels allow; None where the kind drawn has none."""
        kind = draw.choice(KINDS)
        if kind == "decide":
            return self._decision(draw, labels)
        whole = {n: t for n, t in labels["tracks"].items() if t["keyframes"]}
        if not whole:
            return None
        name = draw.choice(sorted(whole))
        if kind == "merge":
            later = [n for n in sorted(whole) if self._goes_on(whole, n)]
            return {"do": kind, "track": draw.choice(later), "ids": []} if later else None
        frames = frames_of(whole[name])
        move = {"do": kind, "track": name, "frame": 0, "ids": [new_id(draw), new_id(draw)]}
        if kind in ("split", "cut"):
            move["frame"] = draw.randint(frames[0], frames[-1] + 1)
            across = [
                r for r in relations_of(labels, name).values()
                if r["start_frame"] < move["frame"] < r["end_frame"]
            ]  # fmt: skip
            # Which of several takes which new id is nobody's promise.
            return move if len(across) < 2 else None
        return self._run(draw, whole[name], move)

    @staticmethod
    def _goes_on(whole: dict[str, Any], name: str) -> bool:
        """Whether one track of its class, and no other, is the last to end before it begins."""
        ends = [
            frames_of(t)[-1] for t in whole.values() if t["class_id"] == whole[name]["class_id"]
        ]  # fmt: skip
        before = [end for end in ends if end < frames_of(whole[name])[0]]
        return before.count(max(before, default=0)) == 1

    def _run(self, draw: random.Random, track: Any, move: Move) -> Move | None:
        """A propagation run's answer: keyframes up to the next one that stands, or to where the
        object leaves the picture."""
        shown = [f for f in range(self.n_frames) if self.shape(track, f)]
        if not shown:
            return None
        start = draw.choice(shown)
        until = min([f for f in frames_of(track) if f > start], default=self.n_frames)
        if until - start < 3:
            return None
        shape = self.shape(track, start)
        found = [
            {"frame_index": f, "shape": shape, "score": 0.9} for f in range(start + 1, until - 1)
        ]
        wanted = [each["frame_index"] for each in found if draw.random() < 0.4]
        stopped = draw.choice([None, {"frame_index": until - 1, "reason": "left"}])
        return move | {
            "frame": start,
            "found": {"frames": found, "keyframes": wanted, "stopped": stopped},
        }

    def _decision(self, draw: random.Random, labels: Labels) -> Move | None:
        _, proposed = self.source
        decided = labels.get("proposals", {})
        names = [n for n in (*proposed["tracks"], *proposed["intervals"]) if n not in decided]
        if not names:
            return None
        return {
            "do": "decide", "proposal": draw.choice(names), "ids": [new_id(draw)],
            "decision": draw.choice(["accepted", "redrawn", "refused"]),
        }  # fmt: skip

    def here(self, track: Any, frame: int) -> Any:
        cls = self.classes[track["class_id"]]
        return at(track, cls["geometry"], frame, rule_of(cls))

    def shape(self, track: Any, frame: int) -> Any:
        found = self.here(track, frame)
        return found and found["shape"]

    def make(self, labels: Labels, move: Move) -> bool:
        """Change ``labels`` by a move; False where it changes nothing."""
        return bool(getattr(self, move["do"])(labels, move))

    def split(self, labels: Labels, move: Move) -> bool:
        track, frame, ids = labels["tracks"][move["track"]], move["frame"], move["ids"]
        frames = frames_of(track)
        if not frames[0] < frame <= frames[-1]:
            return False
        first, second = self._part(track, frame), {}
        if str(frame) not in track["keyframes"] and (shown := self.here(track, frame)):
            second[str(frame)] = keyframe(shown["state"], shown["shape"], standing(track, frame))
        second |= {str(f): track["keyframes"][str(f)] for f in frames if f >= frame}
        number = next_number(labels, track["class_id"])
        labels["tracks"][ids[0]] = {**track, "number": number, "keyframes": second}
        labels["tracks"][move["track"]] = {**track, "keyframes": first}
        for name, held in relations_of(labels, move["track"]).items():
            moved = renamed(held, move["track"], ids[0])
            if held["start_frame"] >= frame:
                labels["relations"][name] = moved
            elif held["end_frame"] > frame:
                labels["relations"][name] = {**held, "end_frame": frame}
                labels["relations"][ids[1]] = {**moved, "start_frame": frame}
        return True

    def cut(self, labels: Labels, move: Move) -> bool:
        track = labels["tracks"][move["track"]]
        frames = frames_of(track)
        if not frames[0] < move["frame"] <= frames[-1]:
            return False
        kept = self._part(track, move["frame"])
        labels["tracks"][move["track"]] = {**track, "keyframes": kept}
        return True

    def _part(self, track: Any, frame: int) -> dict[str, Any]:
        """The keyframes of a track that ends on the frame before."""
        kept = {str(f): track["keyframes"][str(f)] for f in frames_of(track) if f < frame}
        if str(frame - 1) not in kept and (shown := self.here(track, frame - 1)):
            before = standing(track, frame - 1)
            kept[str(frame - 1)] = keyframe(shown["state"], shown["shape"], before)
        return kept

    def merge(self, labels: Labels, move: Move) -> bool:
        tracks, later = labels["tracks"], move["track"]
        first = frames_of(tracks[later])[0]
        ends = {
            frames_of(t)[-1]: n for n, t in tracks.items()
            if n != later and t["keyframes"] and t["class_id"] == tracks[later]["class_id"]
            and frames_of(t)[-1] < first
        }  # fmt: skip
        earlier, last = ends[max(ends)], max(ends)
        one, two = tracks[earlier], tracks.pop(later)
        held = dict(one["keyframes"])
        if first > last + 1:
            held[str(last + 1)] = keyframe("absent", None, standing(one, last))
        own = {k: v for k, v in two["attributes"].items() if one["attributes"].get(k) != v}
        for index, each in two["keyframes"].items():
            held[index] = {**each, "attributes": {**own, **each["attributes"]}}
        tracks[earlier] = {**one, "keyframes": held}
        for name, relation in relations_of(labels, later).items():
            moved = renamed(relation, later, earlier)
            if moved["subject"] == moved["target"]:
                del labels["relations"][name]
            else:
                labels["relations"][name] = moved
        if not labels.get("relations", True):
            del labels["relations"]
        return True

    def carry(self, labels: Labels, move: Move) -> bool:
        track, start, found = labels["tracks"][move["track"]], move["frame"], move["found"]
        attributes, held = standing(track, start), dict(track["keyframes"])
        held.setdefault(str(start), keyframe("visible", self.shape(track, start), attributes))
        for each in found["frames"]:
            if each["frame_index"] in found["keyframes"]:
                held[str(each["frame_index"])] = keyframe("visible", each["shape"], attributes)
        if found["stopped"]:
            held[str(found["stopped"]["frame_index"])] = keyframe("absent", None, attributes)
        labels["tracks"][move["track"]] = {**track, "keyframes": held}
        return held != track["keyframes"] or str(start) not in track["keyframes"]

    def decide(self, labels: Labels, move: Move) -> bool:
        source, proposed = self.source
        proposed = copy.deepcopy(proposed)
        name, decision, result = move["proposal"], move["decision"], move["ids"][0]
        track, clip = proposed["tracks"].get(name), labels["clips"][0]
        if decision != "refused" and track:
            number = next_number(labels, track["class_id"])
            emptied = {"attributes": {}, "keyframes": {}} if decision == "redrawn" else {}
            labels["tracks"][result] = {**track, "number": number, **emptied}
        elif decision != "refused":
            labels["intervals"][result] = proposed["intervals"][name]
        labels.setdefault("proposals", {})[name] = {
            "clip": clip, "source": source, "decision": decision,
            "result": None if decision == "refused" else result,
        }  # fmt: skip
        return True


def new_id(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def frames_of(track: Any) -> list[int]:
    return sorted(int(index) for index in track["keyframes"])


def keyframe(state: str, shape: Any, attributes: Any) -> dict[str, Any]:
    return {"state": state, "shape": shape, "attributes": attributes}


def standing(track: Any, frame: int) -> dict[str, Any]:
    """What the newest keyframe up to a frame says besides its track."""
    until = [f for f in frames_of(track) if f <= frame]
    return dict(track["keyframes"][str(until[-1])]["attributes"]) if until else {}


def next_number(labels: Labels, class_id: str) -> int:
    held = [t["number"] for t in labels["tracks"].values() if t["class_id"] == class_id]
    return max(held, default=0) + 1


def relations_of(labels: Labels, track: str) -> dict[str, Any]:
    held = labels.get("relations", {})
    return {n: r for n, r in held.items() if track in (r["subject"], r["target"])}


def renamed(relation: Any, old: str, new: str) -> dict[str, Any]:
    ends = {end: new for end in ("subject", "target") if relation[end] == old}
    return {**relation, **ends}
