"""What is doubtful in a video as it was sent, in codes and words that identify nobody.

Copying and encoding make the stream whole again, so nothing of this can be told from the result:
it is noted here and goes with the clip as its warnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from pydicom.dataset import Dataset

from .elements import read_element

Note = tuple[str, str]
_FRAME_TIME, _VECTOR = 0x00181063, 0x00181065
_CINE_RATE, _DISPLAY_RATE = 0x00180040, 0x00082144
_NAMES = {
    _FRAME_TIME: "Frame Time (0018,1063)",
    _VECTOR: "Frame Time Vector (0018,1065)",
    _CINE_RATE: "Cine Rate (0018,0040)",
    _DISPLAY_RATE: "Recommended Display Frame Rate (0008,2144)",
}
_FOLLOWED = "the stream is followed"


def packet_notes(
    *,
    n_cut: int,
    n_damaged: int,
    n_jumps: int,
    n_without_time: int,
    n_repeated: int,
    is_disordered: bool,
) -> list[Note]:
    """Notes on what demuxing alone shows, given as counts of pictures."""
    found = (
        (n_cut, "cut_by_edit_list", "{} coded pictures are cut by an edit list"),
        (n_damaged, "lost_references", "before {} pictures packets of the stream were lost"),
        (n_jumps, "jumping_clock", "the stream's clock falls back {} times; pictures keep the order"
         " in which they were sent"),
        (n_without_time, "missing_pts", "{} pictures have no time of their own"),
        (int(is_disordered), "disordered_pts", "times are not in the pictures' order; the n-th"
         " picture takes the n-th time"),
        (n_repeated, "repeated_pts", "{} pictures repeat the time of the one before"),
    )  # fmt: skip
    return [(code, words.format(count)) for count, code, words in found if count]


def encoder_notes(*, n_filled: int, n_damaged: int, has_sizes: bool) -> tuple[Note, ...]:
    """What encoding once met in the stream."""
    notes: list[Note] = []
    if n_filled:
        notes.append(
            (
                "picture_filled",
                f"{n_filled} pictures do not decode; each repeats the one before",
            )
        )
    if n_damaged:
        notes.append(("damaged_picture", f"{n_damaged} pictures decode with damage"))
    if has_sizes:
        notes.append(
            (
                "changed_size",
                "the picture's size changes; all are shown at the first size",
            )
        )
    return tuple(notes)


def header_notes(ds: Dataset, pts: Sequence[int], time_base: Fraction) -> list[Note]:
    """Where Number of Frames and the header's times are not the stream's (``pts`` in
    ``time_base``, as many as it presents)."""
    notes = count_notes(ds, len(pts))
    if len(pts) > 1 and (said := _times_said(ds, pts, time_base)):
        notes.append(("frame_times", said))
    return notes


def count_notes(ds: Dataset, n_frames: int) -> list[Note]:
    """Where Number of Frames is not the ``n_frames`` that the stream holds."""
    claimed = next(iter(_numbers(ds, 0x00280008)), None)
    if claimed is None or claimed == n_frames:
        return []
    said = f"Number of Frames (0028,0008) says {_said(claimed)}, the stream holds {n_frames}"
    return [("number_of_frames", f"{said}; {_FOLLOWED}")]


def _times_said(ds: Dataset, pts: Sequence[int], time_base: Fraction) -> str:
    """What the header says other than the stream, or nothing. A value's own rounding and half a
    picture are no disagreement; a rate is a whole number, so half a picture a second is none."""
    ms = [1000 * (time - pts[0]) * time_base for time in pts]
    mean = ms[-1] / (len(ms) - 1)
    if mean <= 0:
        return ""
    tag, values = _governing(ds)
    if tag in (_CINE_RATE, _DISPLAY_RATE):
        rate = 1000 / mean
        if abs(Fraction(values[0]) - rate) <= Fraction(1, 2):
            return ""
        return (
            f"{_NAMES[tag]} says {_said(values[0])} a second, the stream shows "
            f"{float(rate):.2f}; {_FOLLOWED}"
        )
    if tag == _FRAME_TIME:
        step = Fraction(values[0])
        rounding = Fraction(1, 2) * Fraction(10) ** int(values[0].as_tuple().exponent)
        said = [step * i for i in range(len(ms))]
        slack = [abs(rounding) * i for i in range(len(ms))]
    elif tag == _VECTOR:
        said, slack = [Fraction(0)], [Fraction(0)]
        for value in values[1 : len(ms)]:
            said.append(said[-1] + Fraction(value))
            rounding = Fraction(1, 2) * Fraction(10) ** int(value.as_tuple().exponent)
            slack.append(slack[-1] + rounding)
        if len(values) != len(ms):
            return f"{_NAMES[tag]} has {len(values)} values for {len(ms)} pictures; {_FOLLOWED}"
    else:
        return ""
    off = [abs(a - b) for a, b in zip(said, ms, strict=True)]
    beyond = [o for o, s in zip(off, slack, strict=True) if o > s + mean / 2]
    if not beyond:
        return ""
    return (
        f"by {_NAMES[tag]} pictures would stand up to {_said(Decimal(float(max(beyond)) / 1000))} s"
        f" from where the stream shows them; {_FOLLOWED}"
    )


def _said(value: Decimal) -> str:
    """A number of the header for a note that goes with the clip: a long one may be anybody's."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".") if abs(value) < 10_000 else "many more"


def _governing(ds: Dataset) -> tuple[int, list[Decimal]]:
    """Which attribute says the times, and its values (PS3.3 C.7.6.5): the one that Frame Increment
    Pointer names, else Frame Time Vector, Frame Time, then a rate."""
    pointer = read_element(ds, 0x00280009)
    order = [_VECTOR, _FRAME_TIME, _CINE_RATE, _DISPLAY_RATE]
    if pointer is not None and pointer.value in (_FRAME_TIME, _VECTOR):
        order.insert(0, int(pointer.value))
    for tag in order:
        values = _numbers(ds, tag)
        if values and (tag == _VECTOR or values[0] > 0):
            return tag, values
    return 0, []


def _numbers(ds: Dataset, tag: int) -> list[Decimal]:
    element = read_element(ds, tag)
    value: Any = None if element is None else element.value
    if value is None or value == "":
        return []
    many = value if hasattr(value, "__iter__") and not isinstance(value, (str, bytes)) else [value]
    try:
        found = [Decimal(str(one)) for one in many]
    except InvalidOperation:
        return []
    # A number of nine digits and more is neither a count nor a time.
    return found if all(one.is_finite() and one.adjusted() < 9 for one in found) else []
