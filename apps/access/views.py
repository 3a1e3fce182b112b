"""Pages of one's own: the account, the tokens of one's programs; service accounts."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.access import again, roles, tokens
from apps.access.actor import system_roles
from apps.access.domain.scopes import SCOPES
from apps.access.doors import actor_of
from apps.access.errors import NotFound
from apps.access.models import ApiToken


@require_GET
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """What one can change about one's own sign-in."""
    user: Any = request.user
    context = {"has_factor": again.has_second_factor(user)}
    return render(request, "account/account.html", context)


def _asked(request: HttpRequest) -> dict[str, Any]:
    days = request.POST.get("days", "")
    return {
        "scopes": request.POST.getlist("scopes"),
        "networks": request.POST.get("networks", ""),
        "days": int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0,
    }


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def own_tokens(request: HttpRequest) -> HttpResponse:
    """One's tokens; a new one, which this answer alone shows."""
    user: Any = request.user
    clear = ""
    if request.method == "POST":
        name = request.POST.get("name", "")
        clear = tokens.make_token(actor_of(request), None, name=name, **_asked(request))
    context = {
        "rows": ApiToken.objects.filter(user=user)[:200],
        "clear": clear,
        "scopes": SCOPES,
        "most_days": tokens.MOST_DAYS,
        "may_add_machines": roles.ADMINISTRATOR in system_roles(user),
    }
    return render(request, "account/tokens.html", context)


@require_POST
@login_required
def revoke(request: HttpRequest, token_id: uuid.UUID) -> HttpResponse:
    row = ApiToken.objects.filter(pk=token_id, user=request.user).first()  # type: ignore[misc]
    if row is None:
        raise NotFound
    tokens.revoke_token(actor_of(request), row)
    messages.success(request, _("Revoked."))
    return redirect("tokens")


@require_POST
@login_required
@never_cache
def add_machine(request: HttpRequest) -> HttpResponse:
    """A service account and its first token, which this answer alone shows."""
    user, clear = tokens.add_machine(
        actor_of(request),
        None,
        username=request.POST.get("username", ""),
        keeps_people=bool(request.POST.get("keeps_people")),
        **_asked(request),
    )
    return render(request, "account/machine_added.html", {"person": user, "clear": clear})
