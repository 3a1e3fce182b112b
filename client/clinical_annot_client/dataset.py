"""Labelled frames in the form that PyTorch's DataLoader takes; torch itself is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clinical_annot_client.pictures import Cine, Video, rgb_of
from clinical_annot_client.release import Clip, Release


class FrameDataset:
    """A map-style dataset of a split's labelled frames.

    ``len(dataset)`` and ``dataset[i]``: {"image" uint8 (h, w, 3), "mask" int64 (h, w): 0 for
    background, else 1 + the place of the mask's class in ``class_ids``, "boxes" float32 (n, 4)
    x, y, w, h, "points" float32 (n, 2), "box_classes", "point_classes" int64 (n,), "clip",
    "frame_index", "digest"}. Where masks overlap, the class listed first has the pixel.

    ``class_ids``: the classes asked for, in this order (all when None); frames without any of them
    are left out. ``keyframes_only``: leave out what no person placed on the frame itself.
    ``transform`` is called with the item. Opens its videos anew in each worker process.
    """

    def __init__(
        self,
        release: Release,
        split: str | None = None,
        class_ids: Iterable[str] | None = None,
        stride: int = 1,
        keyframes_only: bool = False,
        transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self.class_ids = (
            [c["id"] for c in release.classes if c["geometry"] in ("mask", "tip", "box")]
            if class_ids is None
            else list(class_ids)
        )
        self._keyframes_only, self._transform = keyframes_only, transform
        clips = release.clips if split is None else release.split(split)
        self.items = [
            (clip, index)
            for clip in clips
            for index in sorted(clip.labels)
            if index % stride == 0 and self._wanted(clip, index)
        ]
        self._readers: dict[str, Video | Cine] = {}

    def _wanted(self, clip: Clip, index: int) -> list[Any]:
        return [
            label
            for label in clip.labels[index]
            if label.class_id in self.class_ids
            and not (self._keyframes_only and label.is_interpolated)
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        clip, index = self.items[place]
        image = self._image(clip, index)
        labels = self._wanted(clip, index)
        numbers = {class_id: n for n, class_id in enumerate(self.class_ids)}
        boxes = [label for label in labels if label.geometry == "box"]
        points = [label for label in labels if label.geometry == "tip"]
        item = {
            "image": image,
            "mask": self._mask(labels, numbers, image.shape[:2]),
            "boxes": np.array([x.box for x in boxes], np.float32).reshape(-1, 4),
            "box_classes": np.array([numbers[x.class_id] for x in boxes], np.int64),
            "points": np.array([x.point for x in points], np.float32).reshape(-1, 2),
            "point_classes": np.array([numbers[x.class_id] for x in points], np.int64),
            "clip": clip.name,
            "frame_index": index,
            "digest": clip.rows[index]["digest"],
        }
        return item if self._transform is None else self._transform(item)

    def _mask(
        self, labels: list[Any], numbers: dict[str, int], shape: tuple[int, ...]
    ) -> NDArray[np.int64]:
        mask = np.zeros(shape, np.int64)
        masks = [label for label in labels if label.geometry == "mask"]
        for label in sorted(masks, key=lambda x: (-numbers[x.class_id], -x.number)):
            mask[label.mask] = numbers[label.class_id] + 1
        return mask

    def _image(self, clip: Clip, index: int) -> NDArray[np.uint8]:
        if clip.id not in self._readers:
            for reader in self._readers.values():
                reader.close()
            self._readers = {clip.id: clip.pictures()}
        return rgb_of(self._readers[clip.id].picture(index))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_readers": {}}
