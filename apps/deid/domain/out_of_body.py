"""Pictures that do not show the inside of the body, told by their colour.

Tissue under an endoscope's light is red, yellow and pink all over; a theatre has walls, drapes,
screens and faces, of many hues. What counts is the share of the lit pixels whose chroma points
to red, compared with the clip's own typical share. Where that typical share is low (narrow-band
light, ultrasound) colour says nothing and no span is proposed: a person has to look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .boxes import Span, merge_spans

MARGIN_FRAMES = 8
_STEP_PX = 4
_LIT = 40
_MINIMUM_TYPICAL_SHARE = 0.4
_ENTER, _LEAVE = 0.5, 0.8
_MINIMUM_FRAMES = 3
_GAP_S = 1.0


@dataclass(frozen=True)
class OutOfBody:
    """``is_assessable`` is False when the clip's colours tell nothing."""

    spans: tuple[Span, ...]
    is_assessable: bool


def redness(luma: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> float:
    """Share (0 to 1) of lit pixels that are reddish; 0 where fewer than 2 % are lit.

    ``luma`` uint8 (height, width), ``cb`` and ``cr`` uint8 at half size.
    """
    step = _STEP_PX // 2
    y = luma[::_STEP_PX, ::_STEP_PX]
    rows, columns = (
        min(y.shape[0], -(-cb.shape[0] // step)),
        min(y.shape[1], -(-cb.shape[1] // step)),
    )
    y = np.ascontiguousarray(y[:rows, :columns])
    u, v = (np.ascontiguousarray(c[::step, ::step][:rows, :columns]) for c in (cb, cr))
    lit = y > _LIT
    n_lit = int(np.count_nonzero(lit))
    if n_lit < 0.02 * y.size:
        return 0.0
    # Where v is the larger, v - u does not wrap.
    reddish = (v > 132) & (v > u) & (v - u > 6) & lit
    return int(np.count_nonzero(reddish)) / n_lit


def out_of_body_spans(
    redness_per_frame: np.ndarray, rate_fps: float, margin_frames: int = MARGIN_FRAMES
) -> OutOfBody:
    """Spans that look like outside the body, grown by ``margin_frames`` on both sides.

    ``redness_per_frame``: float (n,), see :func:`redness`. A span begins where the share falls
    below half of the clip's typical one and reaches on both sides until it is back at 0.8 of it,
    so that the way in and out is inside it.
    """
    values = np.asarray(redness_per_frame, float)
    n = len(values)
    if not n:
        return OutOfBody((), False)
    # The upper part: a long stretch outside must not become what is typical.
    typical = float(np.quantile(values, 0.75))
    if typical < _MINIMUM_TYPICAL_SHARE:
        return OutOfBody((), False)
    low, back = values < _ENTER * typical, values >= _LEAVE * typical
    spans = []
    index = 0
    while index < n:
        if not low[index]:
            index += 1
            continue
        start = index
        while start > 0 and not back[start - 1]:
            start -= 1
        end = index
        while end < n and not back[end]:
            end += 1
        if int(low[start:end].sum()) >= min(_MINIMUM_FRAMES, n):
            spans.append(Span(start, end))
        index = max(end, index + 1)
    return OutOfBody(tuple(merge_spans(spans, n, margin_frames, round(_GAP_S * rate_fps))), True)
