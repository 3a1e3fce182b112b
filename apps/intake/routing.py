"""Which project an association and an instance go to, by the rules that are on; trying a rule."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.intake.domain import routing
from apps.intake.domain.routing import Condition, Rule
from apps.intake.models import ReceivedInstance
from apps.intake.pacs.models import RoutingRule
from apps.keys import keyring
from apps.projects.models import Project
from apps.projects.queries import by_called_ae
from apps.vault.files import open_file
from apps.vault.models import VaultFile

TRIED = 200
# Rules are asked for each instance; a node hears of a change within this time.
_FRESH_S = 2.0
_held: tuple[float, list[tuple[Rule, RoutingRule]]] = (float("-inf"), [])


def rule_of(row: RoutingRule) -> Rule:
    return Rule(row.called_ae, row.calling_ae, tuple(Condition(**one) for one in row.conditions))


def forget() -> None:
    """A rule was changed: ask the database again."""
    global _held
    _held = (float("-inf"), [])


def _on() -> list[tuple[Rule, RoutingRule]]:
    global _held
    read_at, rules = _held
    if time.monotonic() - read_at > _FRESH_S:
        rows = RoutingRule.objects.filter(is_on=True).select_related("project")
        rules = [(rule_of(row), row) for row in rows]
        _held = (time.monotonic(), rules)
    return rules


def project_of_titles(called_ae: str, calling_ae: str) -> Project | None:
    """Where an association belongs: the first rule by titles alone, else the project that has the
    called AE title."""
    row = routing.first(_on(), called_ae, calling_ae, None)
    return row.project if row is not None else by_called_ae(called_ae)


def project_of_instance(
    project: Project, file: VaultFile, called_ae: str, calling_ae: str
) -> tuple[Project, str]:
    """Where an arrived instance belongs, and the id of the rule that says so ("" when none does):
    ``project`` is its association's. The header is read only when a rule asks for it."""
    rules = _on()
    if not rules:
        return project, ""

    def attributes() -> Mapping[str, tuple[str, ...]]:
        with open_file(file, keyring.intake_key()) as source:
            return routing.attributes_of(source)

    row = routing.first(rules, called_ae, calling_ae, attributes)
    return (row.project, str(row.pk)) if row is not None else (project, "")


@dataclass(frozen=True)
class Trial:
    """Where one past instance went, and where it would go; no content of it."""

    received: ReceivedInstance
    would_go_to: Project
    is_by_rule: bool

    @property
    def is_moved(self) -> bool:
        return self.would_go_to.pk != self.received.project_id


def try_rule(rule: RoutingRule) -> tuple[list[Trial], int]:
    """What the newest instances that came to the node would have met with this rule on beside
    those that are, and how many could not be tried because their original is gone."""
    rows = RoutingRule.objects.filter(is_on=True).exclude(pk=rule.pk).select_related("project")
    order = sorted([*rows, rule], key=lambda row: (row.position, row.name))
    rules = [(rule_of(row), row) for row in order]
    asks = any(one.conditions for one, _ in rules)
    arrived = ReceivedInstance.objects.exclude(called_ae="").filter(door="node")
    trials, gone = [], 0
    for received in arrived.select_related("project", "original")[:TRIED]:
        read = _header(received) if asks else {}
        if read is None:
            gone += 1
            continue
        row = routing.first(
            rules, received.called_ae, received.calling_ae, functools.partial(dict, read)
        )
        target = row.project if row is not None else by_called_ae(received.called_ae)
        trials.append(
            Trial(received, target or received.project, row is not None and row.pk == rule.pk)
        )
    return trials, gone


def _header(received: ReceivedInstance) -> dict[str, tuple[str, ...]] | None:
    if received.original is None:
        return None
    try:
        with keyring.open_vault_file(received.original) as source:
            return routing.attributes_of(source)
    except (keyring.KeyDestroyedError, OSError):
        return None


def summary(trials: list[Trial]) -> list[dict[str, Any]]:
    """Instances by sender, the project they went to and the one they would go to."""
    counted: dict[tuple[str, str, str, str], int] = {}
    for one in trials:
        row = one.received
        key = (row.calling_ae, row.called_ae, row.project.name, one.would_go_to.name)
        counted[key] = counted.get(key, 0) + 1
    names = ("calling_ae", "called_ae", "went_to", "would_go_to")
    return [
        {**dict(zip(names, key, strict=True)), "n": n, "is_moved": key[2] != key[3]}
        for key, n in counted.items()
    ]
