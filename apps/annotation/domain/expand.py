"""What is signed: every frame of every object of a label set, as bytes that never vary.

JSON lines in UTF-8, keys sorted, no spaces, every coordinate a double in its shortest form that
reads back equal (``repr``), minus zero as zero. Order: clips as listed, in each its tracks by UUID
with their frames in order, then its intervals by start, end, UUID, then its relations likewise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from .interpolate import interpolator_of, iter_track, rule_of

FORMAT = "clinical-annot/expanded@1"


def expanded_lines(
    labels: Mapping[str, Any],
    ontology: Mapping[str, Any],
    clips: Mapping[str, tuple[int, int, int]],
) -> Iterator[bytes]:
    """Lines (each ending in LF) of the expanded labels; ``clips`` as in ``ops.validate``.

    Raises KeyError for a class or clip that is not given, ValueError for an object on a clip that
    the label set does not list (nothing may stand outside what is signed).
    """
    classes = {c["id"]: c for c in ontology["classes"]}
    order = list(labels["clips"])
    relations = labels.get("relations", {})
    for thing in [
        *labels["tracks"].values(), *labels["intervals"].values(), *relations.values(),
    ]:  # fmt: skip
        if thing["clip"] not in order:
            raise ValueError("an object lies on a clip that the label set does not list")
    yield _line(
        {
            "format": FORMAT,
            "interpolator": interpolator_of(ontology),
            "ontology": {"slug": ontology["slug"], "version": ontology["version"]},
        }
    )
    for clip in order:
        n_frames, width_px, height_px = clips[clip]
        yield _line(
            {"clip": clip, "n_frames": n_frames, "width_px": width_px, "height_px": height_px}
        )
        for name, track in sorted(labels["tracks"].items()):
            if track["clip"] == clip:
                yield from _track_lines(name, track, classes[track["class_id"]])
        spans = [(n, s) for n, s in labels["intervals"].items() if s["clip"] == clip]
        spans.sort(key=lambda item: (item[1]["start_frame"], item[1]["end_frame"], item[0]))
        for name, span in spans:
            yield _line(
                {
                    "interval": name,
                    "class_id": span["class_id"],
                    "geometry": classes[span["class_id"]]["geometry"],
                    "start_frame": span["start_frame"],
                    "end_frame": span["end_frame"],
                    "attributes": span["attributes"],
                }
            )
        held = [(n, r) for n, r in relations.items() if r["clip"] == clip]
        held.sort(key=lambda item: (item[1]["start_frame"], item[1]["end_frame"], item[0]))
        for name, relation in held:
            says = {k: v for k, v in relation.items() if k not in ("clip", "relation")}
            yield _line({"relation": name, "relation_id": relation["relation"], **says})


def expanded_digest(
    labels: Mapping[str, Any],
    ontology: Mapping[str, Any],
    clips: Mapping[str, tuple[int, int, int]],
) -> str:
    """Lower-case hex SHA-256 over ``expanded_lines``."""
    digest = hashlib.sha256()
    for line in expanded_lines(labels, ontology, clips):
        digest.update(line)
    return digest.hexdigest()


def canonical_labels(labels: Mapping[str, Any]) -> bytes:
    """The labels (keyframes, not expanded) as canonical JSON: equal labels are equal bytes."""
    tracks = {
        name: {
            **track,
            "keyframes": {
                index: {**keyframe, "shape": canonical_shape(keyframe["shape"])}
                for index, keyframe in track["keyframes"].items()
            },
        }
        for name, track in labels["tracks"].items()
    }
    others = {part: held for part, held in labels.items() if part not in ("clips", "tracks")}
    return _line({"clips": labels["clips"], "tracks": tracks, **others}).rstrip(b"\n")


def canonical_shape(shape: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The shape with its coordinates as doubles (12 becomes 12.0, -0.0 becomes 0.0)."""
    if shape is None:
        return None
    kind = shape["type"]
    if kind == "mask":
        return dict(shape)
    if "points" in shape:
        return {"type": kind, "points": [[float(v) + 0.0 for v in p] for p in shape["points"]]}
    key = "point" if kind == "tip" else kind
    return {"type": kind, key: [float(v) + 0.0 for v in shape[key]]}


def _track_lines(
    name: str, track: Mapping[str, Any], label_class: Mapping[str, Any]
) -> Iterator[bytes]:
    geometry = label_class["geometry"]
    yield _line(
        {
            "track": name,
            "class_id": track["class_id"],
            "number": track["number"],
            "geometry": geometry,
            "attributes": track["attributes"],
        }
    )
    for frame in iter_track(track, geometry, rule_of(label_class)):
        line = {**frame, "shape": canonical_shape(frame["shape"])}
        if not frame["interpolated"]:
            line["attributes"] = track["keyframes"][str(frame["frame_index"])]["attributes"]
        yield _line(line)


def _line(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode() + b"\n"
