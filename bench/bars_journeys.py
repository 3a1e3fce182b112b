"""The bars of whole journeys: every role on one running server, in real Chromium."""

from __future__ import annotations

from bench.bar import Bar, tests

BARS = [
    Bar(
        "journey",
        "all roles on the 60 s sample; every export as drawn; no identifier anywhere",
        tests("tests/journeys/test_road.py", JOURNEY_FRAMES="1500"),
    ),
    Bar(
        "pictures",
        "200 of 200 seeks and 200 of 200 steps on each sample",
        tests("tests/journeys/test_pictures.py", BAR_SEEKS="200", BAR_FULL="1"),
    ),
    Bar(
        "foreign",
        "a foreign study in quarantine within 10 s, then playable; bad input refused clearly",
        tests("tests/journeys/test_foreign.py", "tests/journeys/test_refusals.py", BAR_FULL="1"),
    ),
    Bar(
        "kill",
        "node, worker and web killed 5 times each: nothing lost, the trail holds",
        tests("tests/journeys/test_kill.py", BAR_KILLS="5", BAR_FULL="1"),
    ),
    Bar(
        "keyboard",
        "workspace and adjudication by keyboard alone, each action of the table of keys, Firefox"
        " too; axe-core finds nothing serious",
        tests(
            "tests/journeys/test_keyboard.py",
            "tests/browser/test_every_key.py",
            "tests/browser/test_axe.py",
            "tests/browser/test_firefox.py",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "zoom",
        "axe-core on every page that a role gets to, at 200 % without motion: nothing serious, Tab"
        " comes to all and the focus is seen, nothing moves",
        tests(
            "tests/browser/test_axe.py::test_every_page_at_200_percent_without_motion_has_no_serious_finding",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "same labels",
        "random work through the browser's store, the server and a plain model: the same labels",
        tests("tests/browser/test_same_labels.py", BAR_HISTORIES="40"),
    ),
]
