"""What every page shows: the menu by role, the trail's badge for officers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from apps.access import roles
from apps.access.actor import system_roles
from apps.audit.models import Checkpoint
from apps.library.queries import waiting_findings
from apps.projects.queries import projects_for, roles_anywhere, to_review

_LEADS = {roles.PROJECT_LEAD}
_STEWARDS = {roles.DATA_STEWARD}
_OFFICERS = {roles.COMPLIANCE_OFFICER}


def held_roles(user: Any) -> set[str]:
    """Every role the person holds anywhere."""
    return system_roles(user) | roles_anywhere(user)


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Template context ``chrome``: menu, roles, projects, trail."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"chrome": {}}
    held = held_roles(user)
    entries = [
        (_("My work"), "my-work", set(roles.PROJECT_ROLES)),
        (_("Quarantine"), "quarantine", _STEWARDS),
        (_("PACS"), "pacs", _STEWARDS),
        (_("Corrections"), "corrections", _STEWARDS),
        (_("Findings"), "findings", _STEWARDS | _OFFICERS),
        (_("De-identification"), "deid", _STEWARDS | _LEADS | _OFFICERS),
        (_("Retention"), "retention", _STEWARDS | _LEADS | _OFFICERS),
        (_("Studies"), "studies", _STEWARDS | _LEADS),
        (_("Project"), "projects", _LEADS),
        (_("Members"), "project-manage", _LEADS | {roles.ADMINISTRATOR}),
        (_("Releases"), "releases", _LEADS | _OFFICERS | {roles.RESEARCHER}),
        (_("Audit"), "audit", _OFFICERS),
        (_("Emergency access"), "emergency", _STEWARDS | _OFFICERS),
        (_("Node"), "node", {roles.PACS_ADMINISTRATOR}),
        (_("Remote nodes"), "remote-nodes", {roles.PACS_ADMINISTRATOR}),
        (_("People"), "people", {roles.ADMINISTRATOR}),
    ]
    menu: list[dict[str, Any]] = []
    for name, view, wanted in entries:
        if held & wanted:
            try:
                menu.append({"name": name, "url": reverse(view), "current": False})
                if view == "emergency" and held & _OFFICERS:
                    menu[-1]["count"] = to_review(user).count()
                if view == "findings":
                    menu[-1]["count"] = waiting_findings(user)
            except NoReverseMatch:
                continue
    # The nearest address above the page is the one that is open.
    above = [item for item in menu if item["url"] != "/" and request.path.startswith(item["url"])]
    for item in sorted(above, key=lambda item: len(item["url"]))[-1:] or menu[:1]:
        item["current"] = bool(above) or request.path == item["url"]
    return {
        "chrome": {
            "idle_lock_s": settings.CLINICAL_ANNOT_IDLE_LOCK_S,
            "menu": menu,
            "roles": sorted(role.replace("_", " ").replace("pacs", "PACS") for role in held),
            "projects": [project.name for project in projects_for(user)],
            "trail": _trail() if held & _OFFICERS else None,
        }
    }


def _trail() -> dict[str, Any] | None:
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        return None
    return {"size": newest.size, "ago": timesince(newest.created_at, timezone.now())}
