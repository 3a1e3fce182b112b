"""Which device took the pictures, as far as text burned into them goes: maker, model, software, and
the picture's size (a mask of one size says nothing of another)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydicom.dataset import Dataset

from apps.deid.domain.acceptance import element_text
from apps.deid.domain.boxes import Box
from apps.deid.domain.harvest import Harvest

_NAMES = (0x00080070, 0x00081090, 0x00181020)
_OWN_KINDS = ("device", "private", "text")


@dataclass(frozen=True)
class DeviceKey:
    """``rows`` and ``columns`` of the picture; names as the header gives them, empty where it gives
    none or where the name holds what identifies a patient or a place."""

    manufacturer: str
    model: str
    software: str
    rows: int
    columns: int


def device_of(ds: Dataset, size_px: tuple[int, int] | None = None) -> DeviceKey | None:
    """The device as the header names it; None where the data set has no pictures. The names may
    hold anything: not to be stored before ``vetted`` has seen them. ``size_px``: width and height
    of the pictures themselves, where they do not go by the header."""
    try:
        columns, rows = size_px or (int(ds.Columns), int(ds.Rows))
    except (AttributeError, TypeError, ValueError):
        return None
    if not (0 < rows <= 65_535 and 0 < columns <= 65_535):
        return None
    manufacturer, model, software = (_name(element_text(ds, tag)) for tag in _NAMES)
    return DeviceKey(manufacturer, model, software, rows, columns)


def vetted(key: DeviceKey, harvest: Harvest) -> DeviceKey:
    """The device as it may be stored and shown: without a name that identifies a patient or a
    place. ``harvest``: of the same data set."""

    def plain(name: str) -> str:
        return name if harvest.find_in_text(name) in (None, *_OWN_KINDS) else ""

    return replace(
        key,
        manufacturer=plain(key.manufacturer),
        model=plain(key.model),
        software=plain(key.software),
    )


def _name(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:64]


def mask_boxes(boxes: Sequence[Mapping[str, int]]) -> list[Box]:
    """A stored mask as boxes that stand for the whole clip."""
    return [Box(b["x_px"], b["y_px"], b["width_px"], b["height_px"]) for b in boxes]


def mask_from(decision: Mapping[str, Any], n_frames: int) -> list[dict[str, int]]:
    """What of a decision holds for the device: the boxes that it blanks in the whole clip."""
    return [
        {name: box[name] for name in ("x_px", "y_px", "width_px", "height_px")}
        for box in decision["boxes"]
        if box["action"] == "blank"
        and box["start_frame"] == 0
        and box["end_frame"] in (None, n_frames)
    ]


def phantom_problems(proposed: Mapping[str, Any] | None, decision: Mapping[str, Any]) -> list[str]:
    """Why a phantom that came out clean does not prove its device; empty where it does.

    The planted names stand in its header and in its pictures: the detector itself must have found
    such a name in the pictures, and no person may have had to add a box or the second look one.
    """
    if proposed is None or not any(
        box["kind"] == "identifier" and box["origin"] in ("static", "transient")
        for box in proposed["boxes"]
    ):
        return ["no planted name was read in the pictures"]
    added = sum(box["origin"] in ("person", "check") for box in decision["boxes"])
    if added:
        return ["a box had to be added to what was proposed"]
    if any(box.get("is_changed") for box in decision["boxes"]):
        return ["a proposed box had to be moved or resized"]
    if any(box["action"] == "keep" and box["kind"] == "identifier" for box in decision["boxes"]):
        return ["a planted name was kept"]
    return []


def batch_decision(
    reference: Mapping[str, Any], reference_frames: int, proposed: Mapping[str, Any]
) -> dict[str, Any]:
    """A decision for another clip of the same device: all that was proposed for it is blanked, but
    for what the reference keeps in the same place; and so is what the reference blanks throughout.

    Boxes that read as an identifier are blanked whatever the reference says; spans of the reference
    are the reference's own and are not carried over.
    """
    kept = [box for box in reference["boxes"] if box["action"] == "keep"]
    boxes = []
    for number, box in enumerate(proposed["boxes"], 1):
        stays = box["kind"] != "identifier" and any(_holds(one, box) for one in kept)
        plain = {name: value for name, value in box.items() if name != "text"}
        boxes.append({**plain, "action": "keep" if stays else "blank", "proposal": number})
    for mask in mask_from(reference, reference_frames):
        box = {**mask, "start_frame": 0, "end_frame": None, "frame_index": 0}
        if not any(
            _holds(one, box) and one["action"] == "blank" and _whole(one, proposed) for one in boxes
        ):
            boxes.append({**box, "kind": "unknown", "origin": "device_mask", "action": "blank"})
    spans = [
        {**span, "action": "blank", "proposal": number}
        for number, span in enumerate(proposed["spans"], 1)
    ]
    return {"boxes": boxes, "spans": spans}


def _whole(box: Mapping[str, Any], proposed: Mapping[str, Any]) -> bool:
    return box["start_frame"] == 0 and box["end_frame"] in (None, proposed["n_frames"])


def _holds(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    return bool(
        outer["x_px"] <= inner["x_px"]
        and outer["y_px"] <= inner["y_px"]
        and outer["x_px"] + outer["width_px"] >= inner["x_px"] + inner["width_px"]
        and outer["y_px"] + outer["height_px"] >= inner["y_px"] + inner["height_px"]
    )
