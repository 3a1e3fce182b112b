"""What the documents say is what the product does: names, variables, files, tables."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("apps/*/README.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
GUIDES = (
    "annotator", "adjudicator", "data-steward", "project-lead", "compliance-officer", "researcher",
    "pacs-administrator", "system-administrator",
)  # fmt: skip


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_variable_of_the_settings_stands_in_the_configuration_page():
    asked = set()
    for path in (
        *(ROOT / "clinical_annot/settings").glob("*.py"),
        ROOT / "clinical_annot/sign_in/settings.py",
    ):
        asked |= set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', path.read_text()))
    assert len(asked) > 10
    written = set(re.findall(r"^\| `([A-Z_]+)` \|", text_of("configuration.md"), re.M))
    assert asked == written


def test_every_direct_dependency_has_its_line():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted = {re.split(r"[\[<>=~; ]", line)[0] for line in named}
    written = set(re.findall(r"^\| `([A-Za-z0-9-]+)` \|", text_of("dependencies.md"), re.M))
    assert wanted - written == set() and written - wanted == set()


@pytest.mark.django_db
def test_the_access_table_is_current():
    from clinical_annot.management.commands.render_access import render

    assert text_of("access.md") == render(), "run manage.py render_access"


def test_every_verb_stands_in_a_module_that_the_access_table_reads():
    from clinical_annot.management.commands.render_access import MODULES

    for path in [*ROOT.glob("apps/**/*.py"), *ROOT.glob("clinical_annot/**/*.py")]:
        inside = path.relative_to(ROOT).with_suffix("").parts
        if re.search(r"^@(verb|_mine)\(", path.read_text(encoding="utf-8"), re.M):
            # Within its app: a module of that name, or a file of the folder of that name.
            place = ".".join(inside[2 if inside[0] == "apps" else 1 :])
            assert any(f"{place}.".startswith(f"{module}.") for module in MODULES), path


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "/")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_that_are_named_are_there(page):
    text = page.read_text(encoding="utf-8")
    rooms = [*ROOT.glob("apps/*"), ROOT / "clinical_annot"]
    own = {path.stem for room in rooms for path in room.glob("management/commands/*.py")}
    djangos = {"migrate", "collectstatic", "shell", "makemigrations"}
    for name in re.findall(r"manage\.py ([a-z_]+)", text):
        assert name in own | djangos, name
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for name in re.findall(r"`make ([a-z]+)", text):
        assert name in targets, name


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_paths_that_are_named_are_there(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(
        r"`((?:apps|clinical_annot|static|templates|tests|docs)/[\w./-]+)`", text
    ):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("role", GUIDES)
def test_each_role_has_its_first_ten_minutes(role):
    text = text_of(f"guides/{role}.md")
    assert 800 < len(text) < 8000 and text.count("\n## ") >= 2


def test_every_room_says_what_lives_in_it():
    rooms = {path.parent.name for path in ROOT.glob("apps/*/apps.py")}
    assert {path.parent.name for path in ROOT.glob("apps/*/README.md")} >= rooms - {"intake"}


def test_every_key_of_the_guides_is_bound_in_the_browser():
    bound = set()
    for name in ("workspace/commands.js", "workspace/main.js", "adjudication/main.js",
                 "workspace/panels/shortcuts.js", "workspace/panels/comments.js"):  # fmt: skip
        bound |= set(re.findall(r'"(Key[A-Z]|Bracket\w+|Space|Enter|Delete|Escape|Home|End|'
                                r'Comma|Period|Backslash|Slash)"',
                                (ROOT / "static" / name).read_text()))  # fmt: skip
    for role in ("annotator", "adjudicator"):
        for letter in re.findall(r"<kbd>([A-Z])</kbd>", text_of(f"guides/{role}.md")):
            assert f"Key{letter}" in bound, letter


def test_every_screen_of_the_readme_is_a_small_picture():
    shown = re.findall(r"\((docs/screenshots/[\w-]+\.png)\)", (ROOT / "README.md").read_text())
    assert len(shown) >= 10
    for name in shown:
        assert (ROOT / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert (ROOT / name).stat().st_size <= 200_000


@pytest.mark.django_db
def test_every_address_of_the_api_stands_in_its_page():
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)
    there = {f"{m.upper()} {path}" for path, ways in schema["paths"].items() for m in ways}
    rows = re.findall(
        r"^\| (GET|POST|PATCH|DELETE) \| `(/(?:api|dicomweb)[^`]+)` \|", text_of("api.md"), re.M
    )
    assert {f"{method} {path}" for method, path in rows} == there
