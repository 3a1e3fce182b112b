"""A decision accounts for each proposal: blanked, kept and said so, or covered; never left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.deid.domain.accounting import accounted, basis_of, decision_counts, numbered
from apps.deid.domain.decision import InvalidDecision, checked, decision_from

N, SIZE = 20, (640, 480)


def box(x: int, y: int, w: int = 32, h: int = 16, **more: Any) -> dict[str, Any]:
    return {
        "x_px": x, "y_px": y, "width_px": w, "height_px": h, "start_frame": 0, "end_frame": None,
        "frame_index": 0, "kind": "identifier", "origin": "static", "action": "blank",
        "text": "SECRET", **more,
    }  # fmt: skip


def proposed(*boxes: dict[str, Any], spans: tuple[tuple[int, int], ...] = ()) -> dict[str, Any]:
    return {
        "boxes": list(boxes),
        "spans": [{"start_frame": a, "end_frame": b, "action": "blank"} for a, b in spans],
        "width_px": SIZE[0], "height_px": SIZE[1], "n_frames": N,
    }  # fmt: skip


def decide(known: dict[str, Any], boxes: list[Any], spans: list[Any] | None = None) -> Any:
    sent = {"boxes": boxes, "spans": spans if spans is not None else known["spans"]}
    return accounted(known, checked(sent, *SIZE, N))


def test_what_is_shown_and_sent_back_unchanged_is_the_decision_that_takes_all() -> None:
    known = proposed(box(0, 0), box(64, 0, end_frame=4), spans=((2, 5),))
    shown = numbered(known)
    assert decide(known, shown["boxes"], shown["spans"]) == decision_from(known)
    assert decide(known, known["boxes"], known["spans"]) == decision_from(known)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_each_proposal_that_is_left_out_is_named(left_out: int) -> None:
    known = proposed(box(0, 0), box(64, 0), box(128, 0, action="keep"))
    rest = [one for place, one in enumerate(known["boxes"]) if place != left_out]
    with pytest.raises(InvalidDecision, match=f"proposed as {left_out + 1};"):
        decide(known, rest)
    with pytest.raises(InvalidDecision, match="proposed as 1;"):
        decide(proposed(spans=((0, 4),)), [], [])


def test_a_proposal_within_what_is_blanked_is_decided_and_within_what_is_kept_is_not() -> None:
    known = proposed(box(16, 16), box(200, 200, start_frame=3, end_frame=5))
    wide = {**box(0, 0, 64, 64), "origin": "person"}
    span = {"start_frame": 2, "end_frame": 6, "action": "blank"}
    made = decide(known, [wide], [span])
    assert decision_counts(made)["boxes_added"] == 1
    for boxes, spans in (
        ([{**wide, "action": "keep"}], [span]),
        ([{**wide, "end_frame": N - 1}], [span]),
        ([wide], [{**span, "action": "keep"}]),
        ([wide], [{**span, "end_frame": 4}]),
    ):
        with pytest.raises(InvalidDecision):
            decide(known, boxes, spans)


def test_what_was_moved_says_so_and_keeps_what_it_is() -> None:
    known = proposed(box(0, 0, kind="identifier", origin="transient"))
    (mine,) = numbered(known)["boxes"]
    (made,) = decide(known, [{**mine, "x_px": 8, "kind": "clock", "origin": "person"}])["boxes"]
    assert (made["kind"], made["origin"], made["is_changed"]) == ("identifier", "transient", True)
    (added,) = decide(proposed(), [box(0, 0)])["boxes"]
    assert (added["kind"], added["origin"], added["proposal"]) == ("unknown", "person", None)


@pytest.mark.parametrize("numbers", [(1, 1), (1, 3), (2, 0), (True, 2)])
def test_a_number_that_is_none_or_stands_twice_is_refused(numbers: tuple[int, int]) -> None:
    known = proposed(box(0, 0), box(64, 0))
    sent = [{**one, "proposal": n} for one, n in zip(known["boxes"], numbers, strict=True)]
    with pytest.raises(InvalidDecision):
        decide(known, sent)


def test_the_basis_changes_with_what_is_decided_on_and_holds_no_text() -> None:
    known = proposed(box(0, 0))
    taken = decision_from(known)
    assert basis_of(known, None) == basis_of(proposed(box(0, 0, text="OTHER")), None)
    others = {basis_of(known, taken), basis_of(proposed(box(0, 8)), None)}
    assert len({basis_of(known, None), *others}) == 3


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(n=st.integers(1, 8), kept=st.integers(0, 255), dropped=st.integers(0, 255))
def test_nothing_proposed_goes_missing_whatever_is_sent(n: int, kept: int, dropped: int) -> None:
    known = proposed(*(box(16 * at, 0, 16, 16) for at in range(n)))
    sent = [
        {**one, "action": "keep" if kept >> place & 1 else "blank"}
        for place, one in enumerate(numbered(known)["boxes"])
        if not dropped >> place & 1
    ]
    if len(sent) < n:
        with pytest.raises(InvalidDecision):
            decide(known, sent)
    else:
        counts = decision_counts(decide(known, sent))
        assert counts["boxes_kept"] + counts["boxes_blanked"] == n
        assert len(counts["kept"]["boxes"]) == counts["boxes_kept"]
