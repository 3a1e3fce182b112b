"""How a project labels and decides: its workflow by versions, and its rules of adjudication."""

from __future__ import annotations

from typing import Any

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.verb import event, verb
from apps.adjudication.domain.workflow import (
    ALL,
    BY_HAND,
    InvalidWorkflowError,
    Workflow,
    workflow_of,
)
from apps.adjudication.models import Assignment, WorkflowVersion
from apps.library.models import Clip
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


@verb("workflow.set", roles={roles.PROJECT_LEAD})
def set_workflow(actor: Actor, project: Project, *, rule: dict[str, Any]) -> WorkflowVersion:
    """Say how many people label a clip from now on, as a new version of the project's workflow.
    What ``rule`` leaves out stays as it is."""
    try:
        flow = workflow_of({**workflow_in(project).as_json(), **rule})
    except InvalidWorkflowError as error:
        raise Refused(
            "invalid_workflow", str(error), "Change the rule, then set it again.", field=error.field
        ) from None
    made = WorkflowVersion.objects.create(
        project=project, number=version_of(project) + 1, rule=flow.as_json(), by=actor.user
    )
    # Once asked for, repeats may be under way whatever the rule is later.
    repeats = {"repeats": True} if flow.repeat_share else {}
    project.options = {**project.options, "assign_to_all": flow.giving == ALL, **repeats}
    project.save(update_fields=["options"])
    event(actor, project, public={"version": made.number, **flow.as_json()})
    return made


def version_of(project: Project) -> int:
    """Number of the workflow that clips are given under now; 0 where none was set."""
    newest = WorkflowVersion.objects.filter(project=project).values_list("number", flat=True)
    return newest.first() or 0


def workflow_in(project: Project, number: int | None = None) -> Workflow:
    """The project's workflow of a version (the newest when None): two blinded passes and an
    adjudicator where none was set."""
    held = WorkflowVersion.objects.filter(project=project)
    found = held.first() if number is None else held.filter(number=number).first()
    if found is None:
        return Workflow(giving=ALL if project.options.get("assign_to_all") else BY_HAND)
    return workflow_of(found.rule)


def passes_of(clip: Clip) -> int:
    """How many label sets this clip is decided from: by the oldest rule that it was given under:
    who has it anew, or instead of another, has it under the rule of now."""
    given = Assignment.objects.filter(
        clip=clip, kind=Assignment.Kind.ANNOTATE, purpose=Assignment.Purpose.WORK
    ).order_by("workflow")
    number = given.values_list("workflow", flat=True).first()
    return workflow_in(clip.project, number).passes_of(clip.project.secret(), str(clip.pk))
