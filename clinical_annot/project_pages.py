"""Pages for making projects and keeping who is in them: members, roles, agreements, senders."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.access import grants, roles
from apps.access.actor import system_roles
from apps.access.doors import actor_of, uuid_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.deid.domain.profile import BUILTIN
from apps.ontology.services import current, draft_version, publish_version
from apps.projects import agreements
from apps.projects.models import Agreement, Project
from apps.projects.queries import managed_projects
from apps.projects.services import add_sender, create_project, grant_role, revoke_role

_STARTERS = Path(settings.BASE_DIR) / "apps/ontology/starters"
_MOST_BYTES = 1 << 20


def _project(request: HttpRequest, project_id: uuid.UUID) -> Project:
    found = managed_projects(request.user).filter(pk=project_id).first()  # type: ignore[arg-type]
    if found is None:
        raise NotFound
    return found


def _is_administrator(request: HttpRequest) -> bool:
    return roles.ADMINISTRATOR in system_roles(request.user)  # type: ignore[arg-type]


@require_GET
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """The projects whose members one keeps; for administrators the form for a new one."""
    found = managed_projects(request.user)  # type: ignore[arg-type]
    may_create = _is_administrator(request)
    if not may_create and not found.exists():
        raise NotFound
    context = {"projects": found, "may_create": may_create, "profiles": BUILTIN}
    return render(request, "projects/manage.html", context)


@require_POST
@login_required
def create(request: HttpRequest) -> HttpResponse:
    """Make a project, and its first lead if one is named."""
    asked = {name: request.POST.get(name, "").strip() for name in ("slug", "name", "ae_title")}
    profile = request.POST.get("profile", BUILTIN[0])
    if profile not in BUILTIN:
        raise Refused("profile", "There is no such profile.", "Choose one of the list.")
    options = {name: bool(request.POST.get(name)) for name in ("assign_to_all", "keep_originals")}
    lead = request.POST.get("lead", "").strip()
    with transaction.atomic():
        made = create_project(actor_of(request), None, **asked, profile=profile, options=options)
        if lead:
            grant_role(actor_of(request), made, _person(lead), roles.PROJECT_LEAD)
    messages.success(request, _("%(name)s is made. Give it its people.") % {"name": made.name})
    return redirect("project-members", made.pk)


def _person(username: str) -> User:
    found = User.objects.filter(username=username, is_active=True, is_service=False).first()
    if found is None:
        raise Refused(
            "no_such_person",
            "Nobody who may sign in has this user name.",
            "Ask the administrator to add the person first.",
            field="person",
        )
    return found


@require_GET
@login_required
def members(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Who holds which role, until when, and what that rests on."""
    project = _project(request, project_id)
    held: dict[User, list[dict[str, Any]]] = {}
    for row in grants.rows_on(project):
        role = row.permission.codename.removeprefix("role_")
        if role != roles.EMERGENCY:
            held.setdefault(row.user, []).append({"role": role, "row": row})
    in_force = [item for item in project.agreements.all() if item.is_in_force]
    context = {
        "project": project,
        "held": held.items(),
        "roles": [role for role in roles.GRANTED_ROLES if role != roles.SENDER],
        "agreements": project.agreements.all(),
        "in_force": in_force,
        "kinds": Agreement.Kind.choices,
        "is_administrator": _is_administrator(request),
        "leads": request.user in dict(held)
        and any(item["role"] == roles.PROJECT_LEAD for item in held[request.user]),  # type: ignore[index]
        "ontology": current(project),
        "starters": sorted(path.stem for path in _STARTERS.glob("*.json")),
    }
    return render(request, "projects/members.html", context)


@require_POST
@login_required
def give(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Give somebody a role, for good or as long as an agreement is in force."""
    project, agreement = _project(request, project_id), None
    if request.POST.get("agreement"):
        agreement = project.agreements.filter(pk=uuid_of(request.POST["agreement"])).first()
        if agreement is None:
            raise NotFound
    person = _person(request.POST.get("person", "").strip())
    grant_role(actor_of(request), project, person, request.POST.get("role", ""), agreement)
    messages.success(request, _("Given."))
    return redirect("project-members", project.pk)


@require_POST
@login_required
def take(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Take a role from somebody."""
    project = _project(request, project_id)
    person = User.objects.filter(pk=uuid_of(request.POST.get("person"))).first()
    role = request.POST.get("role", "")
    if person is None or role not in roles.GRANTED_ROLES:
        raise NotFound
    revoke_role(actor_of(request), project, person, role)
    messages.success(request, _("Taken."))
    return redirect("project-members", project.pk)


@require_POST
@login_required
def add_agreement(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Name an approval or agreement that roles can rest on."""
    project = _project(request, project_id)
    asked = {name: request.POST.get(name, "") for name in ("kind", "reference", "until")}
    agreements.add_agreement(actor_of(request), project, **asked)
    messages.success(request, _("Added. Roles can rest on it now."))
    return redirect("project-members", project.pk)


@require_POST
@login_required
def change_agreement(request: HttpRequest, agreement_id: uuid.UUID) -> HttpResponse:
    """Prolong an agreement, or end it."""
    managed = managed_projects(request.user)  # type: ignore[arg-type]
    found = Agreement.objects.filter(pk=agreement_id, project__in=managed).first()
    if found is None:
        raise NotFound
    asked = {name: request.POST.get(name, "") for name in ("until", "reason")}
    agreements.change_end(actor_of(request), found, **asked)
    messages.success(request, _("Changed, with the roles that rest on it."))
    return redirect("project-members", found.project_id)


@require_POST
@login_required
@never_cache
def sender(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """A machine that stores into the project; its token is in this answer alone."""
    project = _project(request, project_id)
    name = request.POST.get("username", "").strip()
    user, clear = add_sender(actor_of(request), project, username=name)
    return render(request, "account/machine_added.html", {"person": user, "clear": clear})


@require_POST
@login_required
def ontology(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Publish an ontology for the project: a starter, or a file."""
    project, file = _project(request, project_id), request.FILES.get("file")
    starter = request.POST.get("starter", "")
    if file is not None:
        text = file.read(_MOST_BYTES)
    elif starter in {path.stem for path in _STARTERS.glob("*.json")}:
        text = (_STARTERS / f"{starter}.json").read_bytes()
    else:
        raise Refused("no_ontology", "No file is chosen.", "Choose a file, or a starter.")
    try:
        definition = json.loads(text)
    except (ValueError, RecursionError):
        definition = None
    if not isinstance(definition, dict):
        raise Refused("invalid_ontology", "The file holds no JSON object.", "Choose another file.")
    with transaction.atomic():
        made = draft_version(actor_of(request), project, definition=definition)
        publish_version(actor_of(request), made)
    messages.success(request, _("Published. It never changes; a correction is a new version."))
    return redirect("project-members", project.pk)
