"""Verbs on routing rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.verb import event, verb
from apps.intake import routing
from apps.intake.domain.routing import CONDITIONS, KEYWORDS, WAYS
from apps.intake.pacs.models import RoutingRule
from apps.projects.models import Project

_ADMINS = {roles.PACS_ADMINISTRATOR}


def _title(values: dict[str, Any], field: str) -> str:
    text = str(values.get(field) or "").strip()
    if len(text) > 16 or not text.isascii() or not text.isprintable() or "\\" in text:
        raise Refused(
            field, "An AE title has 16 ASCII characters at most.", "Shorten it.", field=field
        )
    return text


def _checked(values: dict[str, Any], project: Project) -> dict[str, Any]:
    """A rule's fields as they are stored. Raises Refused that names the field."""
    name = str(values.get("name") or "").strip()
    if not 1 <= len(name) <= 60:
        raise Refused("name", "A name of 1 to 60 characters is needed.", "Name it.", field="name")
    position = str(values.get("position") or "100").strip()
    if not (position.isascii() and position.isdigit() and int(position[:6]) <= 9999):
        raise Refused(
            "position", "The place is a number up to 9999.", "Correct it.", field="position"
        )
    conditions = [
        {"keyword": str(one["keyword"]), "way": str(one["way"]), "value": str(one["value"]).strip()}
        for one in values.get("conditions") or []
        if one.get("keyword")
    ]
    for one in conditions:
        if one["keyword"] not in KEYWORDS or one["way"] not in WAYS:
            raise Refused(
                "conditions", "There is no such attribute.", "Choose one.", field="conditions"
            )
        if not 1 <= len(one["value"]) <= 64:
            raise Refused(
                "conditions", "A value of 1 to 64 characters is needed.", "Fill it in.",
                field="conditions",
            )  # fmt: skip
    called, calling = _title(values, "called_ae"), _title(values, "calling_ae")
    if not (called or calling or conditions):
        raise Refused(
            "called_ae", "A rule without a condition would take everything.",
            "Give a title or an attribute.", field="called_ae",
        )  # fmt: skip
    return {
        "name": name,
        "position": int(position),
        "called_ae": called,
        "calling_ae": calling,
        "conditions": conditions[:CONDITIONS],
        "project": project,
        "changed_at": timezone.now(),
    }


def _told(rule: RoutingRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "position": rule.position,
        "called_ae": rule.called_ae,
        "calling_ae": rule.calling_ae,
        "conditions": rule.conditions,
        "to_project": str(rule.project_id),
        "is_on": rule.is_on,
    }


def _save(rule: RoutingRule) -> None:
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise Refused(
            "taken", "A rule of this name exists.", "Choose another.", field="name"
        ) from None
    transaction.on_commit(routing.forget)


@verb("routing.add", roles=_ADMINS)
def add_rule(actor: Actor, _: None, *, project: Project, **values: Any) -> RoutingRule:
    """Write a routing rule; it is off."""
    rule = RoutingRule(**_checked(values, project))
    _save(rule)
    event(actor, rule, private=_told(rule))
    return rule


@verb("routing.change", roles=_ADMINS)
def change_rule(actor: Actor, rule: RoutingRule, *, project: Project, **values: Any) -> RoutingRule:
    """Change a routing rule; it is off until it was tried again."""
    before = _told(rule)
    for name, value in _checked(values, project).items():
        setattr(rule, name, value)
    rule.is_on, rule.tried_at = False, None
    _save(rule)
    event(actor, rule, private={"before": before, "after": _told(rule)})
    return rule


@verb("routing.try", roles=_ADMINS)
def note_trial(
    actor: Actor, rule: RoutingRule, *, changed_at: datetime, n_tried: int, n_moved: int
) -> RoutingRule:
    """Record that a rule was tried on past instances, and how many would go elsewhere."""
    if rule.changed_at != changed_at:
        raise Conflict("changed", "The rule was changed meanwhile.", "Try it again.")
    rule.tried_at, rule.n_tried, rule.n_moved = timezone.now(), n_tried, n_moved
    rule.save(update_fields=["tried_at", "n_tried", "n_moved"])
    event(actor, rule, public={"tried": n_tried, "moved": n_moved})
    return rule


@verb("routing.switch", roles=_ADMINS)
def switch_rule(actor: Actor, rule: RoutingRule, *, is_wanted: bool) -> RoutingRule:
    """Switch a routing rule on or off; on only after it was tried as it stands."""
    if is_wanted and rule.tried_at is None:
        raise Refused(
            "not_tried", "This rule was not tried as it stands.", "Try it on past instances first."
        )
    rule.is_on = is_wanted
    _save(rule)
    event(actor, rule, public={"on": is_wanted})
    return rule


@verb("routing.remove", roles=_ADMINS)
def remove_rule(actor: Actor, rule: RoutingRule) -> None:
    """Remove a routing rule."""
    event(actor, rule, private=_told(rule))
    rule.delete()
    transaction.on_commit(routing.forget)
