"""The two networks of PP-OCRv4 on one small picture at a time: where text is, and what it says.

Nothing is downloaded: the model files lie in the rapidocr wheel, and a missing one is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .refusals import StreamRefusal

# One thread an engine: two spin and take twice the processor time for the same answer; speed on
# several cores comes from several workers.
THREADS = 1
MODELS = {
    "Det": "ch_PP-OCRv4_det_infer.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "Rec": "ch_PP-OCRv4_rec_infer.onnx",
}

Corners = tuple[float, float, float, float, float]


class Engine(Protocol):
    """What :class:`TextDetector` needs; in this process or in one of its own."""

    def detect(self, tile: np.ndarray, least_side_px: int) -> list[Corners]:
        """(left, top, right, bottom, score) of each line; ``tile``: uint8 RGB (h, w, 3)."""
        ...

    def recognise(self, crops: Sequence[np.ndarray]) -> list[str]:
        """What each crop (uint8 RGB, one line) reads; an empty string where nothing is read."""
        ...


class TextEngine:
    """Both networks in this process (100 MB, and up to 450 MB more at work)."""

    def __init__(self, threads: int = THREADS) -> None:
        engine = _load(threads)
        self._detect = engine.text_det
        self._recognise = engine.text_rec

    def detect(self, tile: np.ndarray, least_side_px: int) -> list[Corners]:
        # A shorter side below this is enlarged to it, for the sake of small text.
        self._detect.limit_side_len = least_side_px
        # It was trained on BGR.
        found = self._detect(np.ascontiguousarray(tile[..., ::-1]))
        if found.boxes is None:
            return []
        lines = []
        for corners, score in zip(found.boxes, found.scores, strict=True):
            left, top = (float(v) for v in corners.min(axis=0))
            right, bottom = (float(v) for v in corners.max(axis=0))
            lines.append((left, top, right, bottom, float(score)))
        return lines

    def recognise(self, crops: Sequence[np.ndarray]) -> list[str]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not crops:
            return []
        images = [np.ascontiguousarray(crop[..., ::-1]) for crop in crops]
        result = self._recognise(TextRecInput(img=images, return_word_box=False))
        return [str(text).strip() for text in result.txts]


def model_folder() -> Path:
    """Where the models lie. Raises ``StreamRefusal("detector_missing")`` naming what is not there,
    without loading anything."""
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise _missing("the package rapidocr")
    folder = Path(spec.origin).parent / "models"
    for name in MODELS.values():
        if not (folder / name).is_file():
            raise _missing(name)
    return folder


def _load(threads: int) -> Any:
    folder = model_folder()
    from rapidocr import RapidOCR

    params: dict[str, Any] = {
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    for part, name in MODELS.items():
        params[f"{part}.model_path"] = str(folder / name)
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    return RapidOCR(params=params)


def _missing(what: str) -> StreamRefusal:
    return StreamRefusal(
        "detector_missing", f"text detector: {what} is not installed; run make install again"
    )
