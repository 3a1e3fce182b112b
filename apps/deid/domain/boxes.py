"""Boxes and spans over pictures: plain values shared by detection, review and redaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

MACROBLOCK_PX = 16


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels in the decoded picture.

    (x_px, y_px) is the top left pixel, width_px and height_px are at least 1; score is the
    detector's, 0 to 1. ``start_frame`` is inclusive, ``end_frame`` exclusive; ``None`` as
    ``end_frame`` means up to the last frame.
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    score: float = 1.0
    start_frame: int = 0
    end_frame: int | None = None

    @property
    def right_px(self) -> int:
        return self.x_px + self.width_px

    @property
    def bottom_px(self) -> int:
        return self.y_px + self.height_px

    @property
    def area_px(self) -> int:
        return self.width_px * self.height_px

    def covers_frame(self, frame_index: int) -> bool:
        return self.start_frame <= frame_index and (
            self.end_frame is None or frame_index < self.end_frame
        )

    def overlap_px(self, other: Box) -> int:
        """Number of pixels that both boxes hold (frame spans are not looked at)."""
        width = min(self.right_px, other.right_px) - max(self.x_px, other.x_px)
        height = min(self.bottom_px, other.bottom_px) - max(self.y_px, other.y_px)
        return max(0, width) * max(0, height)

    def grown(self, margin_px: int, picture_width_px: int, picture_height_px: int) -> Box:
        """The box with ``margin_px`` more on each side, clipped to the picture."""
        return self._spanning(
            max(0, self.x_px - margin_px),
            max(0, self.y_px - margin_px),
            min(picture_width_px, self.right_px + margin_px),
            min(picture_height_px, self.bottom_px + margin_px),
        )

    def snapped(
        self, picture_width_px: int, picture_height_px: int, grid_px: int = MACROBLOCK_PX
    ) -> Box:
        """The smallest box on the macroblock grid that holds this one, clipped to the picture.

        A block that is blank as a whole carries no residue of what stood beside its edge.
        """
        return self._spanning(
            max(0, self.x_px // grid_px * grid_px),
            max(0, self.y_px // grid_px * grid_px),
            min(picture_width_px, -(-self.right_px // grid_px) * grid_px),
            min(picture_height_px, -(-self.bottom_px // grid_px) * grid_px),
        )

    def during(self, start_frame: int, end_frame: int | None) -> Box:
        return replace(self, start_frame=start_frame, end_frame=end_frame)

    def _spanning(self, left: int, top: int, right: int, bottom: int) -> Box:
        return replace(self, x_px=left, y_px=top, width_px=right - left, height_px=bottom - top)


@dataclass(frozen=True, order=True)
class Span:
    """Frames from ``start_frame`` (inclusive) to ``end_frame`` (exclusive)."""

    start_frame: int
    end_frame: int

    def covers_frame(self, frame_index: int) -> bool:
        return self.start_frame <= frame_index < self.end_frame


def check_box(box: Box, picture_width_px: int, picture_height_px: int) -> None:
    """Raise ``ValueError`` when a box is empty or leaves the picture or its span is empty."""
    if box.width_px < 1 or box.height_px < 1:
        raise ValueError("box: width_px and height_px must be at least 1; draw a larger box")
    if (
        box.x_px < 0
        or box.y_px < 0
        or box.right_px > picture_width_px
        or box.bottom_px > picture_height_px
    ):
        raise ValueError("box: lies outside the picture; clip it to width and height")
    if box.start_frame < 0 or (box.end_frame is not None and box.end_frame <= box.start_frame):
        raise ValueError("box: end_frame must be greater than start_frame and both not negative")


def merge_boxes(boxes: Iterable[Box], share: float = 0.3) -> list[Box]:
    """Unite boxes that hold at least ``share`` of the smaller one of a pair, until none is left.

    Only boxes with the same frame span are united. The highest score is kept.
    """
    pending = sorted(boxes, key=lambda b: (b.y_px, b.x_px, b.width_px, b.height_px))
    merged = True
    while merged:
        merged = False
        kept: list[Box] = []
        for box in pending:
            for index, other in enumerate(kept):
                same_span = (box.start_frame, box.end_frame) == (
                    other.start_frame,
                    other.end_frame,
                )
                smaller = min(box.area_px, other.area_px)
                if same_span and box.overlap_px(other) > share * smaller:
                    kept[index] = _union(box, other)
                    merged = True
                    break
            else:
                kept.append(box)
        pending = kept
    return pending


def _union(a: Box, b: Box) -> Box:
    left, top = min(a.x_px, b.x_px), min(a.y_px, b.y_px)
    right, bottom = max(a.right_px, b.right_px), max(a.bottom_px, b.bottom_px)
    return replace(
        a,
        x_px=left,
        y_px=top,
        width_px=right - left,
        height_px=bottom - top,
        score=max(a.score, b.score),
    )


def merge_spans(
    spans: Iterable[Span], n_frames: int, margin_frames: int = 0, gap_frames: int = 0
) -> list[Span]:
    """Spans grown by ``margin_frames`` on both sides, clipped to the clip, and united where
    ``gap_frames`` or fewer frames lie between them. Sorted; disjoint."""
    grown = sorted(
        Span(max(0, s.start_frame - margin_frames), min(n_frames, s.end_frame + margin_frames))
        for s in spans
    )
    merged: list[Span] = []
    for span in grown:
        if span.end_frame <= span.start_frame:
            continue
        if merged and span.start_frame - merged[-1].end_frame <= gap_frames:
            last = merged.pop()
            span = Span(last.start_frame, max(last.end_frame, span.end_frame))
        merged.append(span)
    return merged
