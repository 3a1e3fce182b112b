"""The administrator's page: people and their roles. It shows no clinical data."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access import grants, people, roles
from apps.access.actor import system_roles
from apps.access.doors import actor_of, uuid_of
from apps.access.errors import NotFound
from apps.access.models import User
from apps.projects.models import Project
from apps.projects.services import grant_role, revoke_role


def _managed(request: HttpRequest) -> None:
    if roles.ADMINISTRATOR not in system_roles(request.user):  # type: ignore[arg-type]
        raise NotFound


@require_GET
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """Everybody, and who holds which role in which project."""
    _managed(request)
    rows: list[dict[str, Any]] = []
    projects = list(Project.objects.all())
    by_id = {project.pk: project for project in projects}
    held: dict[Any, list[dict[str, Any]]] = {}
    for person, project, name in grants.live_rows(Project):
        role = name.removeprefix("role_")
        if role != roles.EMERGENCY:
            held.setdefault(person, []).append({"project": by_id[project], "role": role})
    for user in User.objects.filter(is_service=False):
        mine = held.get(user.pk, []) if user.is_active else []
        rows.append({"person": user, "held": sorted(mine, key=lambda one: one["project"].name)})
    return render(
        request,
        "people.html",
        {
            "rows": rows,
            "projects": projects,
            "roles": roles.GRANTED_ROLES,
            "system_roles": roles.SYSTEM_ROLES,
        },
    )


@require_POST
@login_required
def add(request: HttpRequest) -> HttpResponse:
    user, password = people.add_person(
        actor_of(request),
        None,
        username=request.POST.get("username", "").strip(),
        printed_name=request.POST.get("printed_name", ""),
        system_role=request.POST.get("system_role", ""),
    )
    return render(request, "person_added.html", {"person": user, "password": password})


@require_POST
@login_required
def change(request: HttpRequest) -> HttpResponse:
    """Give or take a role, name the department, switch a person off or on."""
    _managed(request)
    user = User.objects.filter(pk=uuid_of(request.POST.get("person")), is_service=False).first()
    if user is None:
        raise NotFound
    actor, what = actor_of(request), request.POST.get("what")
    if what in ("switch_off", "switch_on", "deprovision"):
        getattr(people, what)(actor, user)
    elif what == "department":
        people.set_department(actor, user, department=request.POST.get("department", ""))
    else:
        project = Project.objects.filter(slug=request.POST.get("project")).first()
        if project is None:
            raise NotFound
        verb = grant_role if what == "grant" else revoke_role
        verb(actor, project, user, request.POST.get("role", ""))
    messages.success(request, _("Changed."))
    return redirect("people")
