"""Pages of the routing rules, for the PACS administrator."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.access.doors import actor_of
from apps.access.errors import NotFound, Refused
from apps.intake import routing
from apps.intake.domain.routing import CONDITIONS, KEYWORDS, WAYS
from apps.intake.pacs import queries, rules
from apps.intake.pacs.models import RoutingRule
from apps.projects.models import Project

_FIELDS = ("name", "position", "called_ae", "calling_ae")


@require_GET
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """The rules in their order, and the form of a new one."""
    return _page(request)


def _form(values: dict[str, Any], refusal: Refused | None) -> dict[str, Any]:
    given = list(values.get("conditions") or [])
    rows = (given + [{}] * CONDITIONS)[:CONDITIONS]
    return {
        "values": values,
        "condition_rows": rows,
        "refusal": refusal,
        "projects": Project.objects.all(),
        "keywords": KEYWORDS,
        "ways": WAYS,
    }


def _page(request: HttpRequest, refusal: Refused | None = None) -> HttpResponse:
    found = queries.rules_for(request.user)  # type: ignore[arg-type]
    values = _values(request) if refusal else {"position": 100}
    return render(
        request,
        "intake/routing.html",
        {"rules": found, **_form(values, refusal)},
        status=refusal.status if refusal else 200,
    )


def _values(request: HttpRequest) -> dict[str, Any]:
    columns = [request.POST.getlist(name) for name in ("keyword", "way", "value")]
    return {
        **{name: request.POST.get(name, "") for name in _FIELDS},
        "project": request.POST.get("project", ""),
        "conditions": [
            {"keyword": keyword, "way": way, "value": value}
            for keyword, way, value in zip(*columns, strict=False)
        ],
    }


def _write(request: HttpRequest, rule: RoutingRule | None) -> RoutingRule:
    values = _values(request)
    project = Project.objects.filter(slug=values.pop("project")).first()
    if project is None:
        raise Refused("project", "There is no such project.", "Choose one.", field="project")
    if rule is None:
        return rules.add_rule(actor_of(request), None, project=project, **values)
    return rules.change_rule(actor_of(request), rule, project=project, **values)


@require_POST
@login_required
def add(request: HttpRequest) -> HttpResponse:
    queries.rules_for(request.user)  # type: ignore[arg-type]
    try:
        _write(request, None)
    except NotFound:
        raise
    except Refused as refusal:
        return _page(request, refusal)
    messages.success(request, _("Added. Try it before you switch it on."))
    return redirect("routing")


@require_http_methods(["GET", "POST"])
@login_required
def change(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    """The form of one rule, then the change, which switches it off."""
    rule = queries.rule_for(request.user, rule_id)  # type: ignore[arg-type]
    refusal: Refused | None = None
    if request.method == "POST":
        try:
            _write(request, rule)
        except Refused as refused:
            refusal = refused
        else:
            messages.success(request, _("Changed and switched off. Try it again."))
            return redirect("routing")
    values = _values(request) if refusal else {
        **{name: getattr(rule, name) for name in _FIELDS},
        "project": rule.project.slug,
        "conditions": rule.conditions,
    }  # fmt: skip
    return render(
        request,
        "intake/routing_rule.html",
        {"rule": rule, **_form(values, refusal)},
        status=refusal.status if refusal else 200,
    )


@require_POST
@login_required
def try_rule(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    """Which past instances would have gone where; nothing is moved."""
    rule = queries.rule_for(request.user, rule_id)  # type: ignore[arg-type]
    trials, gone = routing.try_rule(rule)
    moved = sum(one.is_moved for one in trials)
    rule = rules.note_trial(
        actor_of(request),
        rule,
        changed_at=rule.changed_at,
        n_tried=len(trials),
        n_moved=moved,
    )
    return render(
        request,
        "intake/routing_trial.html",
        {
            "rule": rule,
            "summary": routing.summary(trials),
            "n_tried": len(trials),
            "n_moved": moved,
            "n_by_rule": sum(one.is_by_rule for one in trials),
            "gone": gone,
            "limit": routing.TRIED,
        },
    )


@require_POST
@login_required
def switch(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    rule = queries.rule_for(request.user, rule_id)  # type: ignore[arg-type]
    is_wanted = request.POST.get("on") == "1"
    rules.switch_rule(actor_of(request), rule, is_wanted=is_wanted)
    messages.success(request, _("Switched on.") if is_wanted else _("Switched off."))
    return redirect("routing")


@require_POST
@login_required
def remove(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    rule = queries.rule_for(request.user, rule_id)  # type: ignore[arg-type]
    rules.remove_rule(actor_of(request), rule)
    messages.success(request, _("Removed."))
    return redirect("routing")
