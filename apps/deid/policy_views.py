"""The page of a project's rules: which profile, which options, what each keeps."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access import roles
from apps.access.doors import actor_of
from apps.access.errors import Refused
from apps.deid import policy, queries, rules
from apps.deid.domain.profile import PROFILES_DIR, Profile
from apps.deid.domain.strictness import attributes_retained, relaxations
from apps.deid.models import ProfileVersion
from apps.projects.models import Project
from apps.projects.queries import roles_in

_MAY_CHANGE = {roles.DATA_STEWARD, roles.PROJECT_LEAD}


@require_GET
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """The projects whose rules one may see; straight to it where there is one."""
    user: Any = request.user
    found = list(queries.ruled_projects(user))
    if len(found) == 1:
        return redirect("deid-rules", found[0].pk)
    return render(request, "deid/projects.html", {"projects": found})


@require_GET
@login_required
def one(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """A project's rules, and the profiles that it may choose."""
    user: Any = request.user
    project = queries.ruled_project(user, project_id)
    return render(request, "deid/rules.html", _context(user, project))


def _context(user: Any, project: Project, text: str = "") -> dict[str, Any]:
    chosen = rules.chosen(project)
    builtin = [
        _shown(p, Path(PROFILES_DIR / f"{p.name}.yaml").read_text()) for p in rules.builtins()
    ]
    own = [
        {**_shown(rules.loaded(row), row.text), "row": row}
        for row in ProfileVersion.objects.filter(project=project).select_related(
            "proposed_by", "decided_by"
        )
    ]
    held = roles_in(user, project)
    return {
        "project": project,
        "chosen": chosen,
        "profiles": [*builtin, *own],
        "options": {name: policy.option(project, name) for name in policy.OPTIONS},
        "may_change": bool(held & _MAY_CHANGE),
        "is_steward": roles.DATA_STEWARD in held,
        "text": text or _draft(own, builtin),
        "tab": "rules",
    }


def _draft(own: list[dict[str, Any]], builtin: list[dict[str, Any]]) -> str:
    """What the field for a new version begins with: the newest of one's own, or the basic one."""
    if own:
        newest = own[0]["row"]
        return str(newest.text).replace(
            f"version: {newest.version}", f"version: {newest.version + 1}", 1
        )
    return str(builtin[0]["text"]).replace("name: basic", "name: basic-stricter", 1)


def _shown(profile: Profile, text: str) -> dict[str, Any]:
    return {
        "profile": profile,
        "text": text,
        "options": sorted(option.replace("_", " ") for option in profile.options),
        "overrides": [
            {"tag": f"({tag >> 16:04X},{tag & 0xFFFF:04X})", "action": action}
            for tag, action in sorted(profile.overrides.items())
        ],
        "looser": relaxations(profile),
        "retained": attributes_retained(profile),
        "row": None,
    }


@require_POST
@login_required
def save(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Save a version; what cannot be is said above the text, which stays in the field."""
    user: Any = request.user
    project = queries.ruled_project(user, project_id)
    text = request.POST.get("text", "").replace("\r\n", "\n")
    try:
        row = policy.save_profile(actor_of(request), project, text=text)
    except Refused as refusal:
        if refusal.status not in (400, 409):
            raise
        context = {**_context(user, project, text), "refusal": refusal}
        return render(request, "deid/rules.html", context, status=refusal.status)
    if row.state == ProfileVersion.State.PROPOSED:
        messages.info(
            request, _("Saved. It is looser than basic: another person has to approve it.")
        )
    else:
        messages.success(request, _("Saved. It can be chosen."))
    return redirect("deid-rules", project.pk)


@require_POST
@login_required
def decide(request: HttpRequest, profile_id: uuid.UUID) -> HttpResponse:
    """Approve or refuse a proposed profile."""
    row = queries.profile_for(request.user, profile_id)  # type: ignore[arg-type]
    approves = request.POST.get("decision") == "approve"
    verb = policy.approve_profile if approves else policy.refuse_profile
    verb(actor_of(request), row)
    messages.success(request, _("Approved.") if approves else _("Refused."))
    return redirect("deid-rules", row.project_id)


@require_POST
@login_required
def choose(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Choose the profile of the next arrivals."""
    project = queries.ruled_project(request.user, project_id)  # type: ignore[arg-type]
    version = request.POST.get("version", "")
    policy.choose_profile(
        actor_of(request),
        project,
        name=request.POST.get("name", ""),
        version=int(version) if version.isdecimal() and len(version) < 9 else 0,
    )
    messages.success(request, _("Chosen. What arrives from now on goes by it."))
    return redirect("deid-rules", project.pk)


@require_POST
@login_required
def options(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Set the project's options."""
    project = queries.ruled_project(request.user, project_id)  # type: ignore[arg-type]
    policy.set_options(
        actor_of(request),
        project,
        options={
            "phantom_gate": "phantom_gate" in request.POST,
            "second_reviewer": "second_reviewer" in request.POST,
            "withdrawal": request.POST.get("withdrawal", ""),
        },
    )
    messages.success(request, _("Set."))
    return redirect("deid-rules", project.pk)
