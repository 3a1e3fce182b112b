"""Verbs on how a project decides: its rules of adjudication."""

from __future__ import annotations

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.verb import event, verb
from apps.projects.models import Project

LARGEST_ACCEPTED = 0.25


@verb("adjudication.set_rules", roles={roles.PROJECT_LEAD})
def set_rules(
    actor: Actor, project: Project, *, accept_below: float, countersign: bool = False
) -> Project:
    """Say which differences may be accepted together, and whether a second clinician signs too.

    ``accept_below`` is a share, 0 (each is decided by itself) to ``LARGEST_ACCEPTED``: more than
    that is no small difference.
    """
    if not 0 <= accept_below <= LARGEST_ACCEPTED:
        raise Refused(
            "invalid_threshold",
            f"The threshold is not between 0 and {LARGEST_ACCEPTED:.0%}.",
            "Give a smaller share.",
            field="accept_below",
        )
    rules = {"accept_below": accept_below, "countersign": countersign}
    project.options = {**project.options, **rules}
    project.save(update_fields=["options"])
    event(actor, project, public=rules)
    return project
