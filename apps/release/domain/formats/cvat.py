"""CVAT for video, XML 1.1: tracks of boxes (turned too), points, outlines, lines and masks.

Frames count the exported pictures from 0. `tracking_uid` and `number` are attributes of the track;
a shape's own attributes stand in it. CVAT has no intervals over a video: phases and events are
left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from apps.annotation.domain import rle as masks
from apps.release.domain.given_files import own_files, tell_number, tell_whole, uuid_of_uid
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.objects import Placed, Track
from apps.release.domain.view import ClipView, Create, Dropped, ReleaseView, count_lost

ELEMENTS = {
    "box": "box", "tip": "points", "mask": "mask", "polygon": "polygon", "polyline": "polyline",
    "rotated_box": "box",
}  # fmt: skip
HELD = tuple(ELEMENTS)
MAX_DEPTH = 20
OWN = ("tracking_uid", "number")


def write(release: ReleaseView, create: Create) -> Dropped:
    """`<clip>.xml`."""
    lost: Dropped = Dropped()
    for view in release.clips:
        lost += count_lost(view, shapes=HELD, identity=True, state=True, attributes=True,
                           interpolated=True)  # fmt: skip
        with create(f"{view.name}.xml") as out:
            for part in _document(view):
                out.write(part.encode())
    return +lost


def _document(view: ClipView) -> Iterator[str]:
    n = len(view.frames)
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
    yield (
        f"<meta><task><name>{escape(view.name)}</name><size>{n}</size><mode>interpolation</mode>"
        f"<overlap>0</overlap><start_frame>0</start_frame><stop_frame>{view.frames[-1]}"
        f"</stop_frame><frame_filter>{f'step={view.stride}' if view.stride > 1 else ''}"
        "</frame_filter><labels>"
    )
    for label_class in view.freeze.classes(*HELD):
        yield f"<label><name>{escape(label_class['id'])}</name><attributes>"
        yield _attribute_spec("tracking_uid", False, "text", "")
        yield _attribute_spec("number", False, "number", "1\n1000000\n1")
        for attribute in label_class.get("attributes") or []:
            kind, values = _cvat_type(attribute)
            yield _attribute_spec(attribute["id"], True, kind, values)
        yield "</attributes></label>"
    yield (
        f"</labels><original_size><width>{view.columns}</width><height>{view.rows}</height>"
        "</original_size></task></meta>\n"
    )
    for place, track in enumerate(view.labels.of(*HELD)):
        yield from _track(view, place, track)
    yield "</annotations>\n"


def _cvat_type(attribute: dict[str, Any]) -> tuple[str, str]:
    if attribute["type"] == "choice":
        return "select", "\n".join(["", *(v["id"] for v in attribute["values"])])
    if attribute["type"] == "boolean":
        return "checkbox", "false"
    return "text", ""


def _attribute_spec(name: str, mutable: bool, kind: str, values: str) -> str:
    return (
        f"<attribute><name>{escape(name)}</name><mutable>{mutable}</mutable><input_type>{kind}"
        f"</input_type><default_value></default_value><values>{escape(values)}</values></attribute>"
    )


def _track(view: ClipView, place: int, track: Track) -> Iterator[str]:
    yield f'<track id="{place}" label={quoteattr(track.class_id)} source="manual">\n'
    fixed = {"tracking_uid": track.tracking_uid, "number": track.number}
    before: Placed | None = None
    for placed in track.frames:
        if before is not None and placed.frame_index > before.frame_index + view.stride:
            yield _shape(view, before, fixed, track, ends=True)
        yield _shape(view, placed, fixed, track)
        before = placed
    if before is not None and before.frame_index + view.stride < view.clip.n_frames:
        yield _shape(view, before, fixed, track, ends=True)
    yield "</track>\n"


def _shape(
    view: ClipView, placed: Placed, fixed: dict[str, Any], track: Track, ends: bool = False
) -> str:
    """One shape; with `ends` the next picture's, on which the object is outside."""
    shape = placed.shape
    if shape["type"] == "box":
        x, y, w, h = (float(v) for v in shape["box"])
        where = f'xtl="{x!r}" ytl="{y!r}" xbr="{x + w!r}" ybr="{y + h!r}"'
    elif shape["type"] == "tip":
        x, y = (float(v) for v in shape["point"])
        where = f'points="{x!r},{y!r}"'
    elif shape["type"] == "rotated_box":
        x, y, w, h, degrees = (float(v) for v in shape["rotated_box"])
        where = (
            f'xtl="{x - w / 2!r}" ytl="{y - h / 2!r}" xbr="{x + w / 2!r}" ybr="{y + h / 2!r}" '
            f'rotation="{degrees % 360!r}"'
        )
    elif "points" in shape:
        where = (
            'points="' + ";".join(f"{float(x)!r},{float(y)!r}" for x, y in shape["points"]) + '"'
        )
    else:
        where = _mask(shape["rle"])
    is_key = ends or view.stride > 1 or not placed.interpolated
    frame = view.position(placed.frame_index) + (1 if ends else 0)
    values = {**fixed, **track.attributes, **placed.attributes}
    inner = "".join(
        f"<attribute name={quoteattr(name)}>{escape(_text(value))}</attribute>"
        for name, value in values.items()
    )
    element = ELEMENTS[shape["type"]]
    return (
        f'<{element} frame="{frame}" outside="{int(ends)}" '
        f'occluded="{int(placed.state == "occluded")}" keyframe="{int(is_key)}" {where} '
        f'z_order="0">{inner}</{element}>\n'
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mask(rle: dict[str, Any]) -> str:
    """CVAT's mask: runs along the rows of its box, background first."""
    left, top, width, height = (int(v) for v in masks.bbox(rle))
    flat = np.ravel(masks.decode(rle)[top : top + height, left : left + width])
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    if flat[0]:
        runs = [0, *runs]
    words = ", ".join(map(str, runs))
    return f'rle="{words}" left="{left}" top="{top}" width="{width}" height="{height}"'


def read(files: Files, into: Collector) -> None:
    """The clip's XML; every line of it is named in the report. DOCTYPE and entities are refused."""
    for name, data in own_files(files, ".xml", into.target).items():
        with into.at(name):
            _Reading(name, into).parse(data)


class _Reading:
    """One pass over a file; holds the shape whose attributes are being read."""

    def __init__(self, file: str, into: Collector) -> None:
        self.file, self.into = file, into
        self.track: dict[str, str] | None = None
        self.shape: tuple[int, str, dict[str, str]] | None = None
        self.values: dict[str, str] = {}
        self.attribute: str | None = None
        self.text = ""
        self.depth = 0
        self.parser = expat.ParserCreate()

    def parse(self, data: bytes) -> None:
        parser = self.parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            self.into.problem(self.file, error.lineno, "not well-formed XML", "export it again")

    def _doctype(self, *_: Any) -> None:
        raise NotThisFormat("a document type is not taken", "export it from CVAT again")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotThisFormat("nested too deep")
        if self.depth == 1 and name != "annotations":
            raise NotThisFormat("not CVAT's XML", "export as CVAT for video 1.1")
        line = self.parser.CurrentLineNumber
        if name == "image" and self.depth == 2:
            raise NotThisFormat("CVAT for images", "export as CVAT for video 1.1")
        if name == "track":
            self.track = attributes
        elif self.track is not None and self.shape is None and self.depth == 3:
            self.shape, self.values = (line, name, attributes), {}
        elif self.shape is not None and name == "attribute":
            self.attribute, self.text = attributes.get("name", ""), ""

    def _data(self, text: str) -> None:
        if self.attribute is not None:
            self.text += text

    def _end(self, name: str) -> None:
        self.depth -= 1
        if name == "attribute" and self.attribute is not None:
            self.values[self.attribute] = self.text
            self.attribute = None
        elif name == "track":
            self.track = None
        elif self.shape is not None and name == self.shape[1] and self.track is not None:
            line = self.shape[0]
            with self.into.at(self.file, line):
                self._take(line, self.shape[1], self.shape[2], self.track)
            self.shape = None

    def _take(self, line: int, name: str, said: dict[str, str], track: dict[str, str]) -> None:
        into = self.into
        label_class = into.label_class(self.file, line, track.get("label"))
        position = tell_whole(said["frame"])
        if said.get("outside") == "1":
            return
        if said.get("keyframe") not in (None, "0", "1") or said["occluded"] not in ("0", "1"):
            raise NotThisFormat("keyframe or occluded is not 0 or 1")
        index = into.frame(self.file, line, position)
        if label_class is None or index is None:
            return
        shape = self._shape(name, said, label_class["geometry"])
        uid = uuid_of_uid(self.values.get("tracking_uid"))
        number = self.values.get("number")
        into.place(
            self.file, line, label_class, index, shape, key=("track", track.get("id")), uid=uid,
            number=tell_whole(number, 1) if number else None,
            state="occluded" if said["occluded"] == "1" else "visible",
            interpolated=said.get("keyframe") == "0",
            attributes=_typed(self.values, label_class),
        )  # fmt: skip

    def _shape(self, name: str, said: dict[str, str], geometry: str) -> dict[str, Any]:
        if name == "box":
            left, top, right, bottom = (tell_number(said[k]) for k in ("xtl", "ytl", "xbr", "ybr"))
            if geometry == "rotated_box":
                box = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
                return {"type": geometry, geometry: [*box, tell_number(said.get("rotation", "0"))]}
            return {"type": "box", "box": [left, top, right - left, bottom - top]}
        if name == "points":
            points = said["points"].split(";")
            if len(points) != 1:
                raise NotThisFormat("several points are no tip", "give a track a point")
            x, y = points[0].split(",")
            return {"type": "tip", "point": [tell_number(x), tell_number(y)]}
        if name in ("polygon", "polyline"):
            places = [[tell_number(v) for v in p.split(",")] for p in said["points"].split(";")]
            return {"type": name, "points": places}
        if name != "mask":
            raise NotThisFormat(
                "this kind of shape is not taken", "use box, points, polygon, polyline or mask"
            )
        left, top, width, height = (
            tell_whole(said[k], 0, 65535) for k in ("left", "top", "width", "height")
        )
        rows, columns = self.into.target.rows, self.into.target.columns
        runs = np.array([tell_whole(v.strip()) for v in said["rle"].split(",")], np.int64)
        if left + width > columns or top + height > rows or int(runs.sum()) != width * height:
            raise NotThisFormat("the mask's runs do not fill its box inside the picture")
        pixels = np.zeros((rows, columns), bool)
        inside = np.repeat((np.arange(runs.size) & 1).astype(bool), runs)
        pixels[top : top + height, left : left + width] = inside.reshape(height, width)
        return {"type": "mask", "rle": masks.encode(pixels)}


def _typed(values: dict[str, str], label_class: dict[str, Any]) -> dict[str, Any]:
    """Attribute values of the class as the ontology types them; empty ones are unset."""
    found: dict[str, Any] = {}
    kinds = {a["id"]: a["type"] for a in label_class.get("attributes") or []}
    for name, text in values.items():
        if name in OWN or text == "":
            continue
        kind = kinds.get(name)
        if kind == "boolean" and text.lower() in ("true", "false"):
            found[name] = text.lower() == "true"
        elif kind == "number":
            value = tell_number(text)
            found[name] = int(text) if text.removeprefix("-").isdigit() else value
        else:
            found[name] = text
    return found
