"""Write docs/access.md: who may do what, drawn from the verbs themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import autodiscover_modules, import_string

from apps.access import roles
from apps.access.domain.policy import PARTED_ROLES, PolicyRow
from apps.access.verb import POLICY

MODULES = (
    "services",
    "closing",
    "pacs.services",
    "pacs.committing",
    "pacs.rules",
    "agreements",
    "assigning",
    "emergency",
    "propagating",
    "comments",
    "habits",
    "examples",
    "trail",
    "people",
    "tokens",
    "corrections",
    "policy",
    "devices",
    "remedies",
    "reporting",
    "withdrawal",
    "recalls",
    "endorsing",
    "signed",
    "destinations",
    "workflow",
    "reviewing",
    "looking",
    "consensus",
    "planning",
    "calibrating",
    "repeating",
    "joining",
    "readers",
    "further_readers",
    "drafts",
    "looks",
    "sending",
    "incidental",
    "holds",
    "retention",
    "erased",
)

HEAD = """\
# Who may do what

Written by `manage.py render_access` from the `@verb` declarations; do not edit. A verb is the only
thing that changes clinical state or hands out pictures and files: it checks this row once, runs in
one transaction and writes its audit event there. A refusal is an event too.

**Roles** come by grant on a project (annotator, adjudicator, project lead, data steward, compliance
officer, researcher, sender) or from the system (compliance officer, PACS administrator,
administrator). A sender is a machine that stores over DICOMweb. `service` is the node, the worker
or a command. Being a superuser grants nothing. What each person is promised stands by hand in
`tests/access/rights.md`; every address and every row is held to it. **Relation** must hold between
the person and the object; **never** must not, nor may it hold of whom the verb names. Never held
together in one project: {parted}. Somebody without any role towards a clinical object gets 404, not
403.

| action | roles | while the object is | relation | never | what it does |
| --- | --- | --- | --- | --- | --- |
"""

TAIL = """
Events without a verb: `session.sign_in` (failed ones as refused), `session.sign_out`,
`session.locked_out`, `session.ended`, `session.password_changed`, `session.factor_added`,
`session.factor_removed`, `session.factor_reset`, `session.factor_failed`; an
electronic signature adds `adjudication.signature` inside `adjudication.sign`.
"""


def _words(names: Any) -> str:
    words = (str(name).replace("_", " ").replace("pacs", "PACS") for name in names)
    return ", ".join(sorted(words, key=str.lower))


def _summary(row: PolicyRow) -> str:
    """The first sentence of the verb's docstring."""
    text = " ".join((import_string(row.function).__doc__ or row.summary).split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".") + "."


def _never(row: PolicyRow) -> str:
    """Whose hands it must not be in: of who acts, and of whom the verb names."""
    said = [(row.not_relation or "").replace("_", " "), row.apart.words() if row.apart else ""]
    return "; ".join(filter(None, said))


def _line(row: PolicyRow) -> str:
    held = "anyone signed in" if roles.ANYONE in row.roles else _words(row.roles)
    cells = (
        f"`{row.action}`",
        held,
        _words(row.states) if row.states is not None else "",
        (row.relation or "").replace("_", " "),
        _never(row),
        _summary(row).replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |\n"


def render() -> str:
    """The whole document; every room's verbs are imported first."""
    autodiscover_modules(*MODULES)
    ours = [row for row in POLICY.values() if row.function.startswith(("apps.", "clinical_annot."))]
    parted = "; ".join(
        " and ".join(sorted(_words([role]) for role in pair)) for pair in PARTED_ROLES
    )
    return (
        HEAD.replace("{parted}", parted)
        + "".join(_line(row) for row in sorted(ours, key=lambda row: row.action))
        + TAIL
    )


class Command(BaseCommand):
    help = "Render the policy rows of all verbs into docs/access.md."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="1 when the file is not current")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs/access.md"
        text = render()
        if options["check"]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                self.stdout.write("docs/access.md is not current: run manage.py render_access")
                raise SystemExit(1)
            return
        path.write_text(text, encoding="utf-8")
        self.stdout.write(str(path))
