"""Keyframes of an object that a file names frame by frame: those from which our interpolation gives
every frame again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.annotation.domain.interpolate import Rule, iter_track, rule_of
from apps.annotation.domain.shapes import coordinates_key
from apps.release.domain.import_report import Target

ALIKE_PX = 1e-6  # what float arithmetic of another tool may differ by


@dataclass
class FoundObject:
    class_id: str
    number: int | None
    uid: str | None
    attributes: dict[str, Any]
    frames: dict[int, tuple[str, dict[str, Any] | None, dict[str, Any], bool]]


def keyframes_of(
    each: FoundObject, label_class: dict[str, Any], target: Target, alike_px: float = ALIKE_PX
) -> dict[str, Any]:
    """Keyframes that expand to the frames given: those marked as interpolated are left to the
    interpolator where it gives the same within ``alike_px``, and an absent keyframe stands where
    frames stop."""
    geometry, rule = label_class["geometry"], rule_of(label_class)
    wanted = dict(sorted(each.frames.items()))
    if not any(row[3] for row in wanted.values()):
        return _with_gaps(wanted, rule, set(wanted), target)
    own = {i: row for i, row in wanted.items() if not row[3]}
    for _ in range(3):
        made = _with_gaps(own, rule, set(wanted), target)
        wrong = _unlike(wanted, own, made, geometry, rule, alike_px)
        if not wrong:
            return made
        own = dict(sorted({**own, **{i: wanted[i] for i in wrong}}.items()))
    return _with_gaps(wanted, rule, set(wanted), target)


def _unlike(
    wanted: dict[int, Any],
    own: dict[int, Any],
    made: dict[str, Any],
    geometry: str,
    rule: Rule,
    alike_px: float,
) -> list[int]:
    """Frames that were given as interpolated and that the interpolator gives otherwise."""
    given = {f["frame_index"]: f for f in iter_track({"keyframes": made}, geometry, rule)}
    standing: dict[str, Any] = {}
    wrong = []
    for i, (state, shape, attributes, _) in wanted.items():
        if i in own:
            standing = attributes
            continue
        found = given.get(i)
        if (
            found is None
            or found["state"] != state
            or attributes != standing
            or not _alike(found["shape"], shape, alike_px)
        ):
            wrong.append(i)
    return wrong


def _alike(one: dict[str, Any] | None, two: dict[str, Any] | None, alike_px: float) -> bool:
    if one is None or two is None or one["type"] == "mask":
        return one == two
    first, second = (np.ravel(np.array(s[coordinates_key(s["type"])], float)) for s in (one, two))
    if first.size != second.size:
        return False
    apart = np.abs(first - second)
    if one["type"] == "rotated_box":  # a whole turn is none
        apart[4] = min(apart[4] % 360, -apart[4] % 360)
    return bool((apart <= alike_px).all())


def _with_gaps(rows: dict[int, Any], rule: Rule, there: set[int], target: Target) -> dict[str, Any]:
    made = {
        i: {"state": state, "shape": shape, "attributes": attributes}
        for i, (state, shape, attributes, _) in rows.items()
    }
    if rule.kind != "none":
        last = max(there)
        for i in there:
            # A tail that was interpolated stands because the object is absent after it.
            stops = i not in rows and i + 1 < target.n_frames if i == last else True
            if stops and i + target.stride not in there:
                made[i + 1] = {"state": "absent", "shape": None, "attributes": {}}
    return {str(i): made[i] for i in sorted(made)}
