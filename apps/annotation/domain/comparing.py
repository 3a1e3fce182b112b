"""Two revisions of a label set, object by object: what came, went and changed, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

KINDS = {"tracks": "track", "intervals": "interval", "relations": "relation"}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows by first frame: ``{"kind", "object", "what", "class_id", "number", "start_frame",
    "end_frame", "fields", "keyframes"}``.

    ``what``: added, removed or changed. ``start_frame`` and ``end_frame`` (exclusive) hold all that
    differs, 0 and 0 where only the object as a whole does. ``fields``: names that differ beside
    keyframes. ``keyframes``: how many were added, removed and changed, for tracks alone. ``number``
    and ``class_id`` are None where the kind has none.
    """
    rows = [row for name in KINDS for row in _of_kind(name, before, after)]
    return sorted(rows, key=lambda row: (row["start_frame"], row["kind"], row["object"]))


def _of_kind(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    old, new = before.get(name, {}), after.get(name, {})
    for key in old.keys() | new.keys():
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        held = now if now is not None else was
        row: dict[str, Any] = {
            "kind": KINDS[name],
            "object": key,
            "what": "added" if was is None else "removed" if now is None else "changed",
            "class_id": held.get("class_id"),
            "number": held.get("number"),
            "fields": _fields(was, now) if was is not None and now is not None else [],
        }
        yield row | _place(was or {}, now or {})


def _fields(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = (was.keys() | now.keys()) - {"keyframes"}
    return sorted(name for name in names if was.get(name) != now.get(name))


def _place(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    if "keyframes" not in was and "keyframes" not in now:
        spans = [one for one in (was, now) if one]
        return {
            "start_frame": min(span["start_frame"] for span in spans),
            "end_frame": max(span["end_frame"] for span in spans),
            "keyframes": None,
        }
    old, new = was.get("keyframes", {}), now.get("keyframes", {})
    frames = sorted(int(f) for f in old.keys() | new.keys() if old.get(f) != new.get(f))
    return {
        "start_frame": frames[0] if frames else 0,
        "end_frame": frames[-1] + 1 if frames else 0,
        "keyframes": {
            "added": len(new.keys() - old.keys()),
            "removed": len(old.keys() - new.keys()),
            "changed": sum(old[frame] != new[frame] for frame in old.keys() & new.keys()),
        },
    }
