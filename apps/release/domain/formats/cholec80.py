"""Cholec80: a phase a frame, and tool presence a line each 25 frames.

Phases by name without blanks (Cholec80's own way), by id where two names are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from apps.release.domain.given_files import lines_of, own_files, tell_whole
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.objects import Interval
from apps.release.domain.view import SHAPES, ClipView, Create, Dropped, ReleaseView, count_lost

TOOL_STEP_FRAMES = 25


def phase_names(classes: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Class id → what the format calls it."""
    classes = list(classes)
    counted = Counter("".join(c["name"].split()) for c in classes)
    return {
        c["id"]: name if name and counted[name] == 1 else c["id"]
        for c in classes
        for name in ["".join(c["name"].split())]
    }


def write(release: ReleaseView, create: Create) -> Dropped:
    """`phase_annotations/<clip>-phase.txt` and `tool_annotations/<clip>-tool.txt`.

    `Frame` is the frame index. A frame without a phase has no line.
    """
    names = phase_names(release.freeze.classes("phase"))
    lost: Dropped = Dropped()
    for view in release.clips:
        lost += count_lost(view, shapes=SHAPES, state=False, identity=False, intervals=True)
        lost["outlines, boxes and tips"] += sum(len(t.frames) for t in view.labels.tracks)
        phases = phase_of_frames(view.labels.intervals)
        others = [i for i in view.labels.intervals if i.geometry != "phase"]
        lost["events and tags"] += len(others)
        lost["frames without a phase"] += sum(i not in phases for i in view.frames)
        with create(f"phase_annotations/{view.name}-phase.txt") as out:
            out.write(b"Frame\tPhase\n")
            for i in view.frames:
                if i in phases:
                    out.write(f"{i}\t{names[phases[i].class_id]}\n".encode())
        with create(f"tool_annotations/{view.name}-tool.txt") as out:
            out.write("".join(_tool_lines(view)).encode())
    return +lost


def phase_of_frames(intervals: list[Interval]) -> dict[int, Interval]:
    """Frame index → its phase (phases of a clip never overlap)."""
    return {
        frame: interval
        for interval in intervals
        if interval.geometry == "phase"
        for frame in range(interval.start_frame, interval.end_frame)
    }


def _tool_lines(view: ClipView) -> Iterable[str]:
    tools = [c["id"] for c in view.freeze.classes(*SHAPES)]
    there: dict[int, set[str]] = {}
    for track in view.labels.tracks:
        for placed in track.frames:
            there.setdefault(placed.frame_index, set()).add(track.class_id)
    yield "\t".join(("Frame", *tools)) + "\n"
    for i in range(0, view.clip.n_frames, TOOL_STEP_FRAMES):
        present = there.get(i, set())
        yield "\t".join((str(i), *(str(int(t in present)) for t in tools))) + "\n"


def read(files: Files, into: Collector) -> None:
    """Phase files; each run of lines with one phase becomes an interval.

    Tool presence is no label here: its lines are left out.
    """
    names = {name: i for i, name in phase_names(into.target.classes("phase")).items()}
    for name, data in own_files(files, ".txt", into.target).items():
        with into.at(name):
            lines = lines_of(data)
            if PurePosixPath(name).stem.endswith("-tool"):
                into.leave_out(name, 0, "tool presence says nothing of the place", "nothing to do")
                continue
            if not lines or lines[0] != "Frame\tPhase":
                raise NotThisFormat("the first line is not Frame<TAB>Phase", "keep the header")
            _read_phases(name, lines, names, into)


def _read_phases(file: str, lines: list[str], names: dict[str, str], into: Collector) -> None:
    rows: list[tuple[int, int, dict[str, Any]]] = []
    for line, text in enumerate(lines[1:], 2):
        with into.at(file, line):
            frame_text, phase = text.split("\t")
            frame = into.index(file, line, tell_whole(frame_text))
            label_class = into.label_class(file, line, names.get(phase, phase))
            if frame is None or label_class is None:
                continue
            if rows and frame <= rows[-1][1]:
                raise NotThisFormat("the frames do not rise", "sort the lines by frame")
            rows.append((line, frame, label_class))
    step = into.target.stride
    start = 0
    for at in range(1, len(rows) + 1):
        line, first, label_class = rows[start]
        last = rows[at - 1][1]
        goes_on = at < len(rows) and rows[at][1] == last + step and rows[at][2] is label_class
        if not goes_on:
            end = min(last + step, into.target.n_frames)
            with into.at(file, line):
                into.interval(file, line, label_class, first, end)
            start = at
