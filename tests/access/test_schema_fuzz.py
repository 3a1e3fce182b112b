"""schemathesis over the whole OpenAPI document, as each role: no 5xx, no answer outside the
document, nothing of what is not for the role.

A bar (``make bars NAME=schemathesis``, 10 minutes a role): ``SCHEMATHESIS`` names the program,
which the bar installs into an environment of its own; ``FUZZ_S`` and ``FUZZ_SEED`` are seconds a
role and the seed, ``FUZZ_ROLES`` picks roles, ``FUZZ_LOG`` names a folder for the whole output.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from apps.access import roles
from tests.access.world import Someone, World, build

pytestmark = [
    pytest.mark.bars,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "SCHEMATHESIS" not in os.environ, reason="a bar: make bars NAME=schemathesis"
    ),
]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,tells_nothing"
)
SECONDS = int(os.environ.get("FUZZ_S", "20"))
# An administrator closes accounts: last.
ROLES = (
    *roles.GRANTED_ROLES,
    "rescuer",
    "nobody",
    *(f"{role}_elsewhere" for role in roles.GRANTED_ROLES),
    "compliance_officer_of_all",
    "pacs_administrator_of_all",
    "administrator_of_all",
)
_NO_PICTURES = ("label set", "their label set", "received", "held", "emergency")


def _marks(world: World, someone: Someone) -> set[str]:
    """What this person may not be told at any address."""
    if someone.is_elsewhere or not someone.roles:
        return world.marks | world.project_marks
    if someone.name in ("pacs_administrator_of_all", "administrator_of_all", roles.SENDER):
        account = str(world.things["account"].kwargs["user_id"])
        return world.marks - {account}
    if someone.name == roles.ANNOTATOR:
        return world.blind
    if someone.name in (roles.RESEARCHER, roles.COMPLIANCE_OFFICER):
        # An officer is told which label sets a wrong patient touches ("read touched").
        officer = someone.name == roles.COMPLIANCE_OFFICER
        kinds = [world.things[name].kwargs for name in _NO_PICTURES[2 if officer else 0 : 4]]
        return {str(value) for held in kinds for value in held.values() if len(str(value)) > 8}
    return set()


def _ids(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for thing in world.things.values():
        for name, value in thing.kwargs.items():
            held = found.setdefault(name, [])
            if isinstance(value, list):
                value = ",".join(map(str, value))
            if str(value) not in held:
                held.append(str(value))
    found["scope"] = ["", "/projects/demo", "/projects/other"]
    return found


@pytest.mark.timeout(SECONDS * (len(ROLES) + 1) * 3 + 600)
def test_no_role_gets_an_answer_outside_the_document_or_not_for_it(
    live_server: Any, project: Any, tmp_path: Path, settings: Any
) -> None:
    # A server of a site shows no pages of Django's own when something fails.
    settings.DEBUG = False
    world = build(project)
    seed = int(os.environ.get("FUZZ_SEED") or random.randrange(1 << 30))
    chosen = os.environ.get("FUZZ_ROLES", "").split() or list(ROLES)
    print(f"seed {seed}, {SECONDS} s a role")
    wrong, done = [], []
    for name in chosen:
        someone = world.people[name]
        given = tmp_path / f"{name}.json"
        given.write_text(json.dumps({"ids": _ids(world), "marks": sorted(_marks(world, someone))}))
        ran = subprocess.run(
            [
                os.environ["SCHEMATHESIS"], "run", live_server.url + reverse("schema"),
                "--header", f"Authorization: Bearer {someone.token}", "--seed", str(seed),
                "--checks", CHECKS, "--max-time", str(SECONDS), "--phases", "coverage,fuzzing",
                "--continue-on-failure", "--request-timeout", "60", "--workers", "1",
                "--suppress-health-check", "all", "--warnings", "off", "--no-color",
                "--exclude-path-regex", "/session/",
            ],
            cwd=tmp_path,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
                "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("fuzz_hooks.py")),
                "FUZZ_WORLD": str(given),
            },
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        count = re.search(r"(\d+) generated", ran.stdout)
        done.append(f"{name} {count[1] if count else '?'}")
        if folder := os.environ.get("FUZZ_LOG"):
            (Path(folder) / f"{name}.log").write_text(ran.stdout + ran.stderr)
        # A run that had no time for a single request has shown nothing.
        if ran.returncode or count is None or int(count[1]) == 0:
            wrong.append(f"as {name} (seed {seed}):\n{ran.stdout[-8000:]}{ran.stderr[-2000:]}")
    figures = f"requests: {', '.join(done)}; seed {seed}"
    print(figures)
    if noted := os.environ.get("BAR_FIGURES"):
        with Path(noted).open("a") as out:
            out.write(f"{figures}\n")
    assert wrong == [], "\n\n".join(wrong)
