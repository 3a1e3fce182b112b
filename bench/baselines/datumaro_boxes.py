"""datumaro writing boxes of one clip, run by a Python that has it: FORMAT N FOLDER.

Only the export is counted; making its data set is not.
"""

from __future__ import annotations

import json
import os
import resource
import sys

from datumaro import Bbox, Dataset, DatasetItem, Image

format_name, n_boxes, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
n_tracks = 20
items = [
    DatasetItem(
        id=f"{frame + 1:06d}",
        media=Image.from_file(path=f"{frame + 1:06d}.png", size=(1080, 1920)),
        attributes={"frame": frame},
        annotations=[
            Bbox(
                10.0 * n + frame / 7,
                20.5,
                99.25,
                80.0,
                label=0,
                id=n,
                attributes={"track_id": n, "occluded": False},
            )
            for n in range(1, n_tracks + 1)
        ],
    )
    for frame in range(n_boxes // n_tracks)
]
data = Dataset.from_iterable(items, categories=["bag"])
began = os.times()
data.export(folder, format_name, save_media=False)
ended = os.times()
cpu_s = ended.user + ended.system - began.user - began.system
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu_s": cpu_s, "peak_mb": peak_mb}))
