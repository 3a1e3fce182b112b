"""From decoded samples to the red, green and blue that a browser shows for the same stream."""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

MATRIX_BT709, MATRIX_UNSPECIFIED, MATRIX_SMPTE170M, MATRIX_BT2020 = 1, 2, 6, 9
RANGE_LIMITED, RANGE_FULL = 1, 2
HD_HEIGHT_PX = 720

SWS_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# Accurate rounding keeps grey grey: the fast path is off by up to three levels.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class ColourCode(NamedTuple):
    """ISO/IEC 23091-2 code points as they are written into a stream."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


def shown_colour(matrix: int, color_range: int, height_px: int, pixel_format: str) -> ColourCode:
    """The code points a browser goes by. Where the stream names no matrix, Chromium takes
    BT.601 below 720 lines and BT.709 from there (media/ffmpeg/ffmpeg_common.cc)."""
    if matrix not in SWS_MATRIX:
        matrix = MATRIX_SMPTE170M if height_px < HD_HEIGHT_PX else MATRIX_BT709
    full = color_range == RANGE_FULL or pixel_format.startswith("yuvj")
    if matrix in {4, 5, 6, 7}:
        return ColourCode(6, 6, matrix, full)
    return ColourCode(9, 14, matrix, full) if matrix in {9, 10} else ColourCode(1, 1, 1, full)


def to_packed(
    frame: av.VideoFrame, layout: str = "rgb24", reformatter: VideoReformatter | None = None
) -> NDArray[np.uint8]:
    """uint8 (height_px, width_px, 3) in `layout` (rgb24 or bgr24), full range."""
    name = frame.format.name
    if name == layout:
        return frame.to_ndarray().astype(np.uint8, copy=False)
    code = shown_colour(int(frame.colorspace), int(frame.color_range), frame.height, name)
    is_rgb = frame.format.is_rgb or name.startswith(("gray", "pal"))
    full = code.full_range or is_rgb
    made = (reformatter or VideoReformatter()).reformat(
        frame,
        format=layout,
        src_colorspace=SWS_MATRIX[code.matrix],
        dst_colorspace=SWS_MATRIX[code.matrix],
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT,
        threads=1,
    )
    return made.to_ndarray().astype(np.uint8, copy=False)
