"""After redaction: is there text left in the pictures that nobody decided to keep?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .boxes import Box
from .pictures import Pictures
from .remux import Cancelled, Progress, stop_if
from .text_detector import TextDetector, text_detector

STEP_S = 2.0
KEPT_MARGIN_PX = 12
_QUICK_SIDE_PX = 540


@dataclass(frozen=True)
class TextFinding:
    """A place, never the text. ``is_identifier``: the harvest knows what is written there;
    ``is_readable``: at least two letters or digits were read."""

    frame_index: int
    box: Box
    is_readable: bool
    is_identifier: bool


def verify_text(
    pictures: Pictures,
    kept_boxes: Sequence[Box] = (),
    frames: Sequence[int] = (),
    harvest_match: Callable[[str], bool] | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    detector: TextDetector | None = None,
) -> list[TextFinding]:
    """Detect text in ``frames`` (those the proposal looked at) and one every 2 s.

    Text is a finding unless kept boxes of that frame, grown by 12 px, hold 90 % of its box.
    A kept box is clean by a person's decision, so an identifier in it is a finding all the same.
    """
    detector = detector or text_detector()
    step = max(1, round(STEP_S * pictures.rate_fps))
    asked = {i for i in frames if 0 <= i < pictures.n_frames}
    chosen = sorted(asked | set(range(0, pictures.n_frames, step)))
    width, height = pictures.width_px, pictures.height_px
    kept = [box.grown(KEPT_MARGIN_PX, width, height) for box in kept_boxes]
    scale = min(1.0, _QUICK_SIDE_PX / min(width, height))

    def stop() -> None:
        stop_if(cancelled)

    findings: list[TextFinding] = []
    for done, (index, picture) in enumerate(pictures.rgb(chosen)):
        if progress:
            progress(done + 1, len(chosen))
        if index not in asked and scale < 1 and not detector.lines(picture, scale, stop):
            continue
        for box, text in detector.lines(picture, stop=stop):
            is_identifier = bool(harvest_match and harvest_match(text))
            held = max((box.overlap_px(k) for k in kept if k.covers_frame(index)), default=0)
            if is_identifier or held < 0.9 * box.area_px:
                readable = sum(c.isalnum() for c in text) >= 2
                findings.append(TextFinding(index, box, readable, is_identifier))
    return findings
