"""Bars of the player and of the clips that hospitals send (issue 5)."""

from __future__ import annotations

from bench.bar import Bar, tests


def _player() -> tuple[str, bool]:
    """``bench/player.py`` on an hour of 1080p (``BENCH_PLAYER_S``)."""
    from bench.player import measured

    found = measured()
    figure = (
        f"seek p95 {found['ours_ms']:.0f} ms, {found['ratio']:.2f} of bare; held arrow"
        f" {found['held_per_s']:.0f} a second; {100 * found['dropped']:.1f} % dropped;"
        f" opened in {found['opened_s']:.2f} s"
    )
    held = (
        found["ratio"] <= 1.5
        and found["held_per_s"] >= 25
        and found["dropped"] < 0.01
        and found["opened_s"] < 2
    )
    return figure, held


def _painting() -> tuple[str, bool]:
    """``bench/painting.py``: brush on 1080p, and a frame with 200 tracks."""
    from bench.painting import measured

    found = measured()
    figure = (
        f"brush p95 {found['handler_ms']:.1f} ms, event to paint {found['ratio']:.2f} of a bare"
        f" canvas ({found['paint_ms']:.1f} to {found['bare_ms']:.1f} ms); a frame with"
        f" {found['tracks']} tracks p95 {found['tracks_ms']:.1f} ms"
    )
    return figure, (found["handler_ms"] < 8 and found["ratio"] <= 1.3 and found["tracks_ms"] < 16)


def _scrubbing() -> tuple[str, bool]:
    """``bench/scrubbing.py``: opening, seeking (picture and labels), dragging, saving."""
    from bench.scrubbing import measured

    found = measured()
    ratios = {
        what: found[f"full_{what}_ms"] / found[f"empty_{what}_ms"]
        for what in ("open", "seek", "drag", "save")
    }
    told = ", ".join(
        f"{what} {ratio:.2f} ({found[f'full_{what}_ms']:.0f} to {found[f'empty_{what}_ms']:.0f} ms)"
        for what, ratio in ratios.items()
    )
    return f"{found['keyframes']} keyframes: {told}", max(ratios.values()) <= 2


def _review_speed() -> tuple[str, bool]:
    """``bench/review.py``: CPU time of bare decoding and x264 to that of a review copy."""
    from bench.review import measured

    found = measured()
    figure = (
        f"{found['ratio']:.2f} of bare x264 ({found['ours_s']:.1f} s to {found['bare_s']:.1f} s)"
    )
    return figure, found["ratio"] >= 0.8


BARS = [
    Bar(
        "trap clips",
        "200 of 200 random seeks and single steps show the picture asked for on every trap"
        " clip: master, digests, review copy, frame endpoint, browser; each with its warnings",
        tests("tests/traps", BAR_SEEKS="200", BAR_FULL="1"),
    ),
    Bar(
        "review kills",
        "SIGKILL of the worker at 20 random moments of making a review copy: no finished"
        " segment is made again",
        tests("tests/library/test_review_segments.py", BAR_SEGMENT_KILLS="20"),
    ),
    Bar(
        "review speed",
        "a review copy in segments at 0.8 or more of bare x264 at the same settings (CPU time)",
        _review_speed,
    ),
    Bar(
        "failures",
        "tab killed in mid-stroke, two minutes without network, two tabs, server restarted,"
        " session ended, slow mobile link, three hours: the server holds what was drawn",
        tests(
            "tests/journeys/test_failures.py",
            "tests/journeys/test_refusals.py::"
            "test_a_session_that_ends_in_the_middle_of_a_drawing_loses_nothing",
            BAR_OFF_S="120",
            BAR_LONG_S="10800",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "player",
        "an hour of 1080p: seek p95 at most 1.5 of a bare mediabunny loop, held arrow 25 a"
        " second, under 1 % dropped at 1x, first picture within 2 s",
        _player,
    ),
    Bar(
        "scrubbing",
        "a million keyframes in 500 tracks: opened, sought, scrubbed and saved in the browser at"
        " most 2 times slower than an empty clip",
        _scrubbing,
    ),
    Bar(
        "painting",
        "a brush of 40 px on 1080p: handler p95 under 8 ms, event to paint at most 1.3 of a bare"
        " canvas; a frame with 200 tracks under 16 ms",
        _painting,
    ),
]
