"""Text in pictures, found offline by PP-OCRv4 (the ONNX models inside the rapidocr wheel).

Nothing is downloaded: the model files are named, and a missing one is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .boxes import Box
from .refusals import StreamRefusal

DETECTOR_NAME = "PP-OCRv4 mobile det (rapidocr 3.5.0)"
THREADS = 2
_MODELS = {
    "Det": "ch_PP-OCRv4_det_infer.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "Rec": "ch_PP-OCRv4_rec_infer.onnx",
}
_RECOGNITION_MARGIN_PX = 2
SHORT_SIDE_PX = 480


class TextDetector:
    """Detection and recognition; one model pair a process, see :func:`text_detector`."""

    def __init__(self, threads: int = THREADS) -> None:
        engine = _load_engine(threads)
        self._detect = engine.text_det
        self._recognise = engine.text_rec

    def detect(self, picture: np.ndarray, scale: float = 1.0) -> list[Box]:
        """Boxes of text lines in a picture.

        ``picture``: uint8 RGB (height, width, 3). ``scale`` below 1 looks at a smaller picture
        (faster, misses small text). Boxes are upright, in pixels of ``picture``, clipped to it.
        """
        import cv2

        _check(picture)
        height, width = picture.shape[:2]
        small = picture
        if scale != 1.0:
            size = (max(32, round(width * scale)), max(32, round(height * scale)))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        # A shorter side below this is enlarged to it, for the sake of small text.
        self._detect.limit_side_len = SHORT_SIDE_PX if scale == 1.0 else 32
        # It was trained on BGR.
        found = self._detect(np.ascontiguousarray(small[..., ::-1]))
        if found.boxes is None:
            return []
        x_scale, y_scale = width / small.shape[1], height / small.shape[0]
        boxes = []
        for corners, score in zip(found.boxes, found.scores, strict=True):
            xs, ys = corners[:, 0] * x_scale, corners[:, 1] * y_scale
            left, top = max(0, int(np.floor(xs.min()))), max(0, int(np.floor(ys.min())))
            right, bottom = min(width, int(np.ceil(xs.max()))), min(height, int(np.ceil(ys.max())))
            if right > left and bottom > top:
                boxes.append(Box(left, top, right - left, bottom - top, float(score)))
        return boxes

    def recognise(self, picture: np.ndarray, boxes: Sequence[Box]) -> list[str]:
        """The text in each box, an empty string where nothing is read.

        The text may name a person: for the vault and the scan only, never for a log.
        """
        from rapidocr.ch_ppocr_rec import TextRecInput

        _check(picture)
        height, width = picture.shape[:2]
        crops = []
        for box in boxes:
            box = box.grown(_RECOGNITION_MARGIN_PX, width, height)
            crop = picture[box.y_px : box.bottom_px, box.x_px : box.right_px, ::-1]
            crops.append(np.ascontiguousarray(crop))
        if not crops:
            return []
        result = self._recognise(TextRecInput(img=crops, return_word_box=False))
        return [str(text).strip() for text in result.txts]

    def lines(self, picture: np.ndarray, scale: float = 1.0) -> list[tuple[Box, str]]:
        """Boxes of text and what is read in each, without lone glyphs.

        A squarish box with at most one character in it names nobody; small patterns (colour
        bars, a matrix code's corner) look like that to the detector.
        """
        boxes = self.detect(picture, scale)
        read = self.recognise(picture, boxes)
        return [(b, t) for b, t in zip(boxes, read, strict=True) if not is_lone_glyph(b, t)]


def is_lone_glyph(box: Box, text: str) -> bool:
    """True when the box is about square and no more than one letter or digit is read in it.

    In a box taller than wide two are no line either: a line of two is as wide as high at least.
    """
    squarish = box.width_px < 1.5 * box.height_px and box.height_px < 2 * box.width_px
    is_tall = box.height_px > 1.2 * box.width_px
    return squarish and sum(c.isalnum() for c in text) <= (2 if is_tall else 1)


@lru_cache(maxsize=1)
def text_detector() -> TextDetector:
    """The process's own detector, loaded at first use (about 0.3 s, 100 MB).

    Raises ``StreamRefusal("detector_missing")`` when the library or a model is not installed.
    """
    return TextDetector()


def _load_engine(threads: int) -> Any:
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise _missing("the package rapidocr")
    folder = Path(spec.origin).parent / "models"
    for name in _MODELS.values():
        if not (folder / name).is_file():
            raise _missing(name)
    from rapidocr import RapidOCR

    params: dict[str, Any] = {
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    for part, name in _MODELS.items():
        params[f"{part}.model_path"] = str(folder / name)
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    return RapidOCR(params=params)


def _missing(what: str) -> StreamRefusal:
    return StreamRefusal(
        "detector_missing", f"text detector: {what} is not installed; run make install again"
    )


def _check(picture: np.ndarray) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"picture: uint8 RGB (height, width, 3) expected, got {picture.dtype} with "
            f"{picture.ndim} dimensions; convert it first"
        )
