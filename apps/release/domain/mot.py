"""MOTChallenge boxes, a benchmark a class and split, so that TrackEval loads each.

Columns: frame, id, x, y, w, h, conf, class, visibility. Frame and id count from 1; x and y are
1-based as in the original data (ours plus 1), with four decimals. Class is 1, conf 1,
visibility 1 when visible and 0 when occluded.
"""

from __future__ import annotations

from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.objects import ClipLabels, box_of


def gt_text(freeze: Freeze, labels: ClipLabels, class_id: str) -> str:
    """`gt.txt` of one clip and class, by frame, then id (the track's number)."""
    label_class = freeze.class_by_id(class_id)
    rows = []
    for track in labels.tracks:
        if track.class_id != class_id:
            continue
        for placed in track.frames:
            x, y, w, h = box_of(placed.shape, label_class)
            visible = 1 if placed.state == "visible" else 0
            rows.append(
                (placed.frame_index + 1, track.number,
                 f"{x + 1:.4f},{y + 1:.4f},{w:.4f},{h:.4f},1,1,{visible}")
            )  # fmt: skip
    rows.sort()
    return "".join(f"{frame},{number},{rest}\n" for frame, number, rest in rows)


def seqinfo_text(clip: ClipFreeze) -> str:
    """`seqinfo.ini` of a clip; frameRate is the clip's mean rate."""
    rate = f"{clip.fps:.6f}".rstrip("0").rstrip(".")
    return (
        "[Sequence]\n"
        f"name={clip.name}\nimDir=img1\nframeRate={rate}\nseqLength={clip.n_frames}\n"
        f"imWidth={clip.columns}\nimHeight={clip.rows}\nimExt=.png\n"
    )


def mot_files(
    freeze: Freeze, labels: dict[str, ClipLabels], splits: dict[str, str]
) -> dict[str, str]:
    """Path below `mot/` → text, for every class that has a track in a split.

    `labels` by clip id, `splits` by pseudonym. Each clip of the split is in the class's
    benchmark, with an empty `gt.txt` where the class does not occur.
    """
    files: dict[str, str] = {}
    for label_class in freeze.classes("mask", "tip", "box"):
        class_id: str = label_class["id"]
        for split in sorted(set(splits.values())):
            clips = [c for c in freeze.clips if splits[c.pseudonym] == split]
            if not any(t.class_id == class_id for c in clips for t in labels[c.id].tracks):
                continue
            benchmark = f"{class_id}-{split}"
            for clip in clips:
                files[f"{benchmark}/{clip.name}/gt/gt.txt"] = gt_text(
                    freeze, labels[clip.id], class_id
                )
                files[f"{benchmark}/{clip.name}/seqinfo.ini"] = seqinfo_text(clip)
            names = "".join(f"{c.name}\n" for c in clips)
            files[f"seqmaps/{benchmark}.txt"] = f"name\n{names}"
    return files
