"""What a page of the workspace fetches at once is what it imports."""

from __future__ import annotations

from pathlib import Path

from clinical_annot.templatetags.modules import modules_of

STATIC = Path(__file__).resolve().parents[2] / "static"


def test_every_module_of_the_workspace_is_fetched_at_once_and_each_is_there() -> None:
    found = modules_of("workspace/main.js")
    every = {str(path.relative_to(STATIC)) for path in (STATIC / "workspace").rglob("*.js")}
    # Types alone.
    assert every - {"workspace/types.js"} == {path for path in found if "vendor/" not in path}
    assert any(path.endswith("mediabunny.min.js") for path in found)
    assert all((STATIC / path).is_file() for path in found)
    assert {"adjudication/state.js", "workspace/bench.js"} < {*modules_of("adjudication/main.js")}
