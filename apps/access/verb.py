"""One door for every change: ``@verb`` is the policy row, the transaction and the audit event.

A verb takes the acting ``Actor`` first and what it acts on second (a model instance, or None). The
decorator locks and re-reads that object, checks role, state and relation once, runs the body in one
transaction, and raises when the body wrote no event. A refusal is an event too, written in a
transaction of its own after the rollback.

What a target model offers:

- ``policy_project() -> Project | None``: where project roles are looked up;
- ``policy_projects() -> list[Project]`` instead, for what lies in several: a role counts that is
  held in each of them;
- ``state``: compared with ``states`` when the verb names any;
- ``locked_with``: relations that are read with it in the same statement (not locked), by name;
- ``relations(user) -> set[str]``: author, assigned, granted …, compared with ``relation``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, cast

from django.db import models, transaction

from apps.access import grants
from apps.access.actor import Actor, system_roles
from apps.access.domain.policy import Apart, PolicyRow, Verdict, verdict
from apps.access.domain.scopes import allows
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.access.prepared import Given, Prepared
from apps.audit import log
from apps.audit.log import Written

P = ParamSpec("P")
R = TypeVar("R")

_action: ContextVar[str] = ContextVar("verb_action", default="")
_depth: ContextVar[int] = ContextVar("verb_depth", default=0)


class VerbWroteNoEventError(Exception):
    """A change without its event is a programming error and must not be committed."""


POLICY: dict[str, PolicyRow] = {}


def verb(
    action: str,
    *,
    roles: Iterable[str],
    states: Iterable[str] | None = None,
    relation: str | None = None,
    not_relation: str | None = None,
    apart: Apart | None = None,
    lock: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a verb. ``relation`` must hold between person and object, ``not_relation`` must not
    (nobody adjudicates work of their own); ``apart`` says the same of who is named, not of who
    acts."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        row = PolicyRow(
            action,
            frozenset(roles),
            frozenset(states) if states is not None else None,
            relation,
            not_relation,
            (function.__doc__ or "").strip().split("\n")[0],
            f"{function.__module__}.{function.__qualname__}",
            apart,
        )
        if action in POLICY and POLICY[action].function != row.function:
            raise ValueError(f"two verbs are called {action}")
        POLICY[action] = row

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            actor, target, *rest = args
            return _run(row, function, cast(Actor, actor), target, rest, kwargs, lock)

        wrapper.policy = row  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _run(
    row: PolicyRow,
    function: Callable[..., R],
    actor: Actor,
    target: Any,
    rest: list[Any],
    kwargs: dict[str, Any],
    lock: bool,
) -> R:
    depth, action = _depth.set(_depth.get() + 1), _action.set(row.action)
    try:
        with transaction.atomic(), log.Collector() as events:
            fresh = _lock(target) if lock and isinstance(target, models.Model) else target
            if _depth.get() == 1 and not allows(actor.scopes, row.action):
                raise Forbidden("The token does not include this.", "Use one with its scope.")
            check(row, actor, fresh)
            if row.apart is not None:
                given = inspect.signature(function).bind(actor, fresh, *rest, **kwargs)
                given.apply_defaults()
                _refuse_named(row.apart, given.arguments, fresh)
            result = function(actor, fresh, *rest, **kwargs)
            if not events:
                raise VerbWroteNoEventError(row.action)
            return result
    except Refused as refusal:
        if _depth.get() == 1:
            _record_refusal(row, actor, target, refusal)
        raise
    finally:
        _depth.reset(depth)
        _action.reset(action)


def _lock(target: models.Model) -> models.Model:
    for found in _locking(type(target))(pk=target.pk):
        return found
    raise NotFound


@functools.cache
def _locking(model: type[models.Model]) -> Prepared[models.Model]:
    beside: tuple[str, ...] = getattr(model, "locked_with", ())
    place = Given("pk", model._meta.pk)

    def compose() -> models.QuerySet[models.Model]:
        found = model._base_manager.select_for_update(of=("self",)).filter(pk=place)
        return found.select_related(*beside) if beside else found

    return Prepared(compose)


def roles_on(actor: Actor, target: Any) -> set[str]:
    """Every role the actor has towards ``target``: of the system, and granted on its project."""
    held = system_roles(actor.user)
    projects = _projects(target)
    if projects and not actor.is_service:
        held |= set.intersection(*(_roles_in(actor, project) for project in projects))
    return held


def _projects(target: Any) -> list[Any]:
    if hasattr(target, "policy_projects"):
        return list(target.policy_projects())
    project = target.policy_project() if hasattr(target, "policy_project") else None
    return [] if project is None else [project]


def _roles_in(actor: Actor, project: Any) -> set[str]:
    names = grants.granted_codenames(actor.user, project)
    return {name.removeprefix("role_") for name in names if name.startswith("role_")}


def check(row: PolicyRow, actor: Actor, target: Any) -> None:
    """Raise NotFound, Forbidden or Conflict unless the policy row lets ``actor`` do it.

    Without any role towards a clinical object it does not exist for this person (404); with a role
    that is not the right one, or the wrong relation, the answer says so.
    """
    if not actor.user.is_active:
        raise NotFound
    held = roles_on(actor, target)
    related = target.relations(actor.user) if hasattr(target, "relations") else set()
    said = verdict(
        row,
        held,
        related,
        state=None if target is None else str(getattr(target, "state", "")),
        has_object=target is not None,
        is_service=actor.is_service,
    )
    if said == Verdict.ABSENT:
        raise NotFound
    if said == Verdict.WRONG_ROLE:
        remedy = "Ask the project lead for the role." if target is not None else ""
        raise Forbidden("Your role does not include this.", remedy or "Ask an administrator.")
    if said == Verdict.OWN_WORK:
        raise Forbidden(
            "This is your own work: another person must do this.", "Ask another clinician."
        )
    if said == Verdict.WRONG_STATE:
        raise _wrong_state(str(target.state), row.states or frozenset())


# What is said of somebody who cannot be named because of the part that they had.
_NAMED = {
    "labels": (
        "own_work",
        "This person's own labels are on the clip.",
        "Choose another clinician.",
    ),
    "decides": (
        "has_seen",
        "This person adjudicates the clip: they see what the others labelled.",
        "Choose somebody who has seen no labels of it.",
    ),
}


def _refuse_named(apart: Apart, given: Mapping[str, Any], target: Any) -> None:
    """Raises Refused where the person whom the verb names had a part in the object that bars it."""
    part = apart.bar(given, target)
    if part is not None:
        code, message, remedy = _NAMED[part]
        raise Refused(code, message, remedy, field=apart.argument, status=409)


def _wrong_state(state: str, wanted: frozenset[str]) -> Conflict:
    is_locked = state in {"locked", "signed", "submitted", "superseded"}
    named = ", ".join(sorted(wanted)).replace("_", " ")
    return Conflict(
        "locked" if is_locked else "wrong_state",
        f"This is {state.replace('_', ' ')}; it can be done only while {named}.",
        "Reload to see where it stands now.",
        status=423 if is_locked else 409,
    )


def _subject(target: Any) -> dict[str, str]:
    if not isinstance(target, models.Model):
        return {"object_type": "", "object_id": "", "project": ""}
    project = target.policy_project() if hasattr(target, "policy_project") else None
    return {
        "object_type": target._meta.model_name or "",
        "object_id": str(target.pk),
        "project": str(project.pk) if project is not None else "",
    }


def event(
    actor: Actor,
    target: Any,
    *,
    action: str | None = None,
    outcome: str = "done",
    public: dict[str, Any] | None = None,
    private: dict[str, Any] | None = None,
    sealed: bytes | None = None,
    sealed_key: str = "",
) -> Written:
    """Write the running verb's event (``action`` only for a further one)."""
    return log.append(
        action or _action.get(),
        outcome=outcome,
        actor=actor.id,
        **_subject(target),
        public=public,
        private={"door": actor.door, "origin": actor.origin, **(private or {})},
        sealed=sealed,
        sealed_key=sealed_key,
    )


def _record_refusal(row: PolicyRow, actor: Actor, target: Any, refusal: Refused) -> None:
    if transaction.get_connection().needs_rollback:
        return
    with transaction.atomic():
        event(
            actor,
            target,
            action=row.action,
            outcome="refused",
            public={"code": refusal.code},
            private={"field": refusal.field} if refusal.field else None,
        )
