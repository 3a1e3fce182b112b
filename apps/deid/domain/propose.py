"""What of a clip's pictures may identify someone: boxes of text and spans outside the body.

A proposal, never a decision: a person confirms it over the representative frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from . import out_of_body
from .boxes import Box, Span, merge_boxes, merge_spans
from .novelty import NoveltyGate
from .pictures import Pictures, Planes, VideoPictures
from .reading import HarvestMatch, classify
from .remux import Cancelled, Progress, stop_if
from .seen import NotProven
from .text_detector import TextDetector, text_detector

GROW_PX = 6
MARGIN_FRAMES = 12
MEDIAN_FRAMES = (3, 24)
MEDIAN_LIMIT_BYTES = 100 << 20
SINGLE_FRAMES = 4
MAX_TRANSIENT_FRAMES = 60
# Lines that follow each other make one flagged run: a look has to fall into each half second.
_LOOK_EVERY_S = 0.4
_SMALL_SIDE_PX = 540
_STATIC_SHARE = 0.8


@dataclass(frozen=True)
class ProposedBox:
    """A box to blank, snapped to macroblocks, with the frames it stands in.

    ``kind``: ``identifier`` (matches the harvest or reads as a date: must go), ``clock``
    (time, measurement or scale: a reviewer may keep it) or ``unknown`` (must go unless kept by
    a person). ``origin``: ``static``, ``transient``, ``device_mask``. ``text`` may name a
    person: encrypt it, never log it.
    """

    box: Box
    kind: str
    origin: str
    frame_index: int
    text: str = field(default="", repr=False)


@dataclass(frozen=True)
class Proposals:
    """``representative_frames``: sorted frame indices over which a person decides."""

    boxes: tuple[ProposedBox, ...]
    spans: tuple[Span, ...]
    representative_frames: tuple[int, ...]
    is_out_of_body_assessable: bool
    n_frames: int
    n_frames_detected: int
    warnings: tuple[str, ...]


def propose(
    f: IO[bytes],
    device_masks: Sequence[Box] = (),
    progress: Progress | None = None,
    harvest_match: HarvestMatch | None = None,
    cancelled: Cancelled | None = None,
    detector: TextDetector | None = None,
) -> Proposals:
    """Proposals for the first video stream of a seekable binary file; see ``propose_for``."""
    return propose_for(VideoPictures(f), device_masks, progress, harvest_match, cancelled, detector)


def propose_for(
    pictures: Pictures,
    device_masks: Sequence[Box] = (),
    progress: Progress | None = None,
    harvest_match: HarvestMatch | None = None,
    cancelled: Cancelled | None = None,
    detector: TextDetector | None = None,
    look_for_out_of_body: bool = True,
    under_masks: bool = False,
) -> Proposals:
    """Find text and out-of-body spans in one pass over all pictures and a few looks back.

    ``under_masks``: standing text is proposed also where a device mask holds it.

    ``harvest_match(text)`` says whether a recognised line holds an identifier of this patient.
    ``progress(done, total)`` counts pictures. Raises ``StreamRefusal`` with ``decode_failed``,
    ``detector_missing`` or ``cancelled``.
    """
    detector = detector or text_detector()
    gate, samples, redness = _watch(pictures, progress, cancelled)
    body = out_of_body.OutOfBody((), False)
    if look_for_out_of_body:
        body = out_of_body.out_of_body_spans(redness, pictures.rate_fps)
    search = _Search(pictures, detector, gate, body.spans, harvest_match, cancelled)
    boxes = [ProposedBox(b, "unknown", "device_mask", b.start_frame) for b in device_masks]
    hidden_by = [] if under_masks else device_masks
    boxes += [p for p in search.static(samples) if not _is_held(p.box, hidden_by)]
    boxes += search.transient([b.box for b in boxes])
    warnings = []
    if search.is_cut_off:
        warnings.append("more_changes_than_looked_at")
    if look_for_out_of_body and not body.is_assessable:
        warnings.append("out_of_body_not_assessable")
    if gate.n_frames < pictures.n_frames:
        warnings.append("pictures_not_decoded")
    seen = {b.frame_index for b in boxes} | set(_spread(pictures.n_frames, SINGLE_FRAMES))
    for span in body.spans:
        seen |= {span.start_frame, (span.start_frame + span.end_frame) // 2, span.end_frame - 1}
    return Proposals(
        boxes=tuple(boxes),
        spans=body.spans,
        representative_frames=tuple(sorted(seen)),
        is_out_of_body_assessable=body.is_assessable,
        n_frames=pictures.n_frames,
        n_frames_detected=search.n_detected,
        warnings=tuple(warnings),
    )


def _spread(n_frames: int, count: int) -> list[int]:
    """``count`` indices in the middles of as many equal parts of the clip."""
    return sorted({(2 * k + 1) * n_frames // (2 * count) for k in range(count)})


def _watch(
    pictures: Pictures, progress: Progress | None, cancelled: Cancelled | None
) -> tuple[NoveltyGate, dict[int, Planes], np.ndarray]:
    """The one pass: gate, redness, and the planes of pictures spread over the clip. What cannot be
    followed as its copy is looked at from the start again."""
    try:
        return _look_through(pictures, progress, cancelled)
    except NotProven:
        return _look_through(pictures, progress, cancelled)


def _look_through(
    pictures: Pictures, progress: Progress | None, cancelled: Cancelled | None
) -> tuple[NoveltyGate, dict[int, Planes], np.ndarray]:
    picture_bytes = pictures.width_px * pictures.height_px * 3 // 2
    fewest, most = MEDIAN_FRAMES
    count = min(most, max(fewest, MEDIAN_LIMIT_BYTES // picture_bytes))
    wanted = set(_spread(pictures.n_frames, count))
    gate = NoveltyGate()
    samples: dict[int, Planes] = {}
    redness = np.ones(pictures.n_frames)
    for done, planes in enumerate(pictures.planes()):
        gate.add(planes.index, planes.luma)
        redness[planes.index] = out_of_body.redness(planes.luma, planes.cb, planes.cr)
        if planes.index in wanted:
            samples[planes.index] = Planes(
                planes.index, planes.luma.copy(), planes.cb.copy(), planes.cr.copy()
            )
        if done % 64 == 0:
            stop_if(cancelled)
        if progress:
            progress(done + 1, pictures.n_frames)
    gate.pad_to(pictures.n_frames)
    return gate, samples, redness


def to_rgb(luma: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    """RGB (BT.601, limited range) uint8 for the detector; colours need not be exact for it."""
    import cv2

    height, width = luma.shape
    size = (width, height)
    ycrcb = np.dstack(
        [
            cv2.convertScaleAbs(luma.astype(np.int16) - 16, alpha=255 / 219),
            cv2.resize(cr, size, interpolation=cv2.INTER_NEAREST),
            cv2.resize(cb, size, interpolation=cv2.INTER_NEAREST),
        ]
    )
    return cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB)


class _Search:
    """Detection over chosen pictures of one clip."""

    def __init__(
        self,
        pictures: Pictures,
        detector: TextDetector,
        gate: NoveltyGate,
        outside: Sequence[Span],
        harvest_match: HarvestMatch | None,
        cancelled: Cancelled | None,
    ) -> None:
        self.pictures, self.detector, self.gate = pictures, detector, gate
        self.outside, self.harvest_match, self.cancelled = outside, harvest_match, cancelled
        self.n_detected = 0
        self.is_cut_off = False

    def static(self, samples: dict[int, Planes]) -> list[ProposedBox]:
        """Text that stands: in the temporal median, and in single pictures."""
        inside = {i: p for i, p in samples.items() if not self._is_outside(i)} or samples
        frames = sorted(inside)
        middle = frames[len(frames) // 2]
        median = to_rgb(
            *(
                temporal_median([getattr(inside[i], plane) for i in frames])
                for plane in ("luma", "cb", "cr")
            )
        )
        n = self.pictures.n_frames
        lines = self._lines(median)
        found = [(box.during(0, n), middle) for box, _ in lines]
        proposed = self._proposed(found, [text for _, text in lines], "static")
        # A single picture is its own median.
        singles = _spread(len(frames), SINGLE_FRAMES) if len(frames) > 1 else []
        for place in singles:
            one = inside[frames[place]]
            picture = to_rgb(one.luma, one.cb, one.cr)
            proposed += self._in_picture(frames[place], picture, [b.box for b in proposed])
        return _united(proposed)

    def transient(self, known: list[Box]) -> list[ProposedBox]:
        """Text that flashes: in pictures that the gate flagged and after scene cuts."""
        chosen = self._chosen()
        proposed: list[ProposedBox] = []
        scale = min(1.0, _SMALL_SIDE_PX / min(self.pictures.width_px, self.pictures.height_px))
        for index, picture in self.pictures.rgb(chosen):
            stop_if(self.cancelled)
            boxes = known + [b.box for b in proposed]
            quick = self.detector.detect(picture, scale, self._stop) if scale < 1 else None
            self.n_detected += 1
            if quick is None or _unknown_among(quick, boxes, index):
                proposed += self._in_picture(index, picture, boxes)
        return _united(proposed)

    def _in_picture(
        self, index: int, picture: np.ndarray, known: Sequence[Box]
    ) -> list[ProposedBox]:
        """Text of one picture that no known box holds, for as long as it stays as it looks."""
        lines = self._lines(picture)
        fresh = set(_unknown_among([box for box, _ in lines], known, index))
        proposed: list[ProposedBox] = []
        for box, text in lines:
            if box in fresh:
                found = [
                    (box.during(s.start_frame, s.end_frame), index)
                    for s in self._presence(box, index)
                ]
                proposed += self._proposed(found, [text] * len(found), "transient")
        return proposed

    def _presence(self, box: Box, index: int) -> list[Span]:
        n = self.pictures.n_frames
        grown = box.grown(GROW_PX, self.pictures.width_px, self.pictures.height_px)
        similar = self.gate.similar_frames(
            grown.x_px, grown.y_px, grown.width_px, grown.height_px, index
        )
        similar[index] = True
        if similar.mean() > _STATIC_SHARE:
            return [Span(0, n)]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], similar.astype(np.int8), [0]])))
        runs = [Span(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        return merge_spans(runs, n, MARGIN_FRAMES, round(self.pictures.rate_fps))

    def _proposed(
        self, found: Sequence[tuple[Box, int]], texts: Sequence[str], origin: str
    ) -> list[ProposedBox]:
        width, height = self.pictures.width_px, self.pictures.height_px
        return [
            ProposedBox(
                box=box.grown(GROW_PX, width, height).snapped(width, height),
                kind=classify(text, self.harvest_match),
                origin=origin,
                frame_index=index,
                text=text,
            )
            for (box, index), text in zip(found, texts, strict=True)
        ]

    def _lines(self, picture: np.ndarray) -> list[tuple[Box, str]]:
        self.n_detected += 1
        return self.detector.lines(picture, stop=self._stop)

    def _stop(self) -> None:
        stop_if(self.cancelled)

    def _is_outside(self, index: int) -> bool:
        return any(span.covers_frame(index) for span in self.outside)

    def _chosen(self) -> list[int]:
        """Up to ``MAX_TRANSIENT_FRAMES`` pictures: of each flagged run its strongest places."""
        runs = [r for r in self._flagged_runs() if r.end_frame > r.start_frame]
        cuts = [i for i in self.gate.scene_cuts() if not self._is_outside(i)]
        step = max(1, round(_LOOK_EVERY_S * self.pictures.rate_fps))
        chosen: dict[int, None] = dict.fromkeys(
            (run.start_frame + run.end_frame) // 2 for run in runs
        )
        for cut in cuts:
            chosen.setdefault(min(cut + 1, self.pictures.n_frames - 1))
        for run in runs:
            for index in range(run.start_frame + step // 2, run.end_frame, step):
                chosen.setdefault(index)
        self.is_cut_off = len(chosen) > MAX_TRANSIENT_FRAMES
        listed = list(chosen)
        if self.is_cut_off:
            places = np.linspace(0, len(listed) - 1, MAX_TRANSIENT_FRAMES).astype(int)
            listed = [listed[p] for p in places]
        return sorted(set(listed))

    def _flagged_runs(self) -> Iterator[Span]:
        flagged = self.gate.flagged()
        for span in self.outside:
            flagged[span.start_frame : span.end_frame] = False
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flagged.astype(np.int8), [0]])))
        runs = [Span(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        yield from merge_spans(runs, self.pictures.n_frames, 0, 3)


def temporal_median(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Median over time of uint8 pictures of one shape; in strips, so memory stays small."""
    if len(pictures) == 1:
        return pictures[0]
    out = np.empty_like(pictures[0])
    for top in range(0, out.shape[0], 64):
        strip = np.stack([p[top : top + 64] for p in pictures])
        middle = len(pictures) // 2
        out[top : top + 64] = np.partition(strip, middle, axis=0)[middle]
    return out


def _unknown_among(found: Sequence[Box], known: Sequence[Box], frame_index: int) -> list[Box]:
    """Boxes of which known boxes hold less than 90 % at that frame."""
    return [
        box
        for box in found
        if sum(box.overlap_px(k) for k in known if k.covers_frame(frame_index)) < 0.9 * box.area_px
    ]


def _is_held(box: Box, masks: Sequence[Box]) -> bool:
    """True when one mask that stands for the whole clip holds the box."""
    whole = [m for m in masks if m.start_frame == 0 and m.end_frame is None]
    return any(box.overlap_px(m) == box.area_px for m in whole)


def _united(proposed: Sequence[ProposedBox]) -> list[ProposedBox]:
    """Boxes that overlap and stand for the same frames become one, of the gravest kind."""
    grave = ("identifier", "unknown", "clock")
    united = []
    for box in merge_boxes(p.box for p in proposed):
        parts = [
            p
            for p in proposed
            if p.box.overlap_px(box) == p.box.area_px
            and (p.box.start_frame, p.box.end_frame) == (box.start_frame, box.end_frame)
        ]
        united.append(
            ProposedBox(
                box=box,
                kind=min((p.kind for p in parts), key=grave.index),
                origin=parts[0].origin,
                frame_index=parts[0].frame_index,
                text=" ".join(dict.fromkeys(p.text for p in parts if p.text)),
            )
        )
    return united
