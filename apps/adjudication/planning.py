"""The assignments of a project as a matrix, a plan for what is missing, and its verb."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from django.db.models import Q, Sum

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.adjudication import blinding
from apps.adjudication.assigning import OPEN_STATES, assign_clip
from apps.adjudication.domain.planning import Plan, Wanted, balanced
from apps.adjudication.domain.workflow import Workflow
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.workflow import version_of, workflow_in
from apps.library.models import Clip
from apps.library.queries import clips_for
from apps.projects.models import Project

Kind, Purpose, State = Assignment.Kind, Assignment.Purpose, Assignment.State


@dataclass(frozen=True)
class Preview:
    """What a plan would give to whom; ``digest`` names exactly this, so that nothing else is
    applied than what was looked at."""

    people: list[User]
    plan: Plan
    clips: dict[str, Clip]
    before_s: dict[str, float]

    @property
    def digest(self) -> str:
        return sha256(json.dumps(self.plan.given).encode()).hexdigest()


def annotators_of(project: Project) -> list[User]:
    """Active annotators of a project, by user name."""
    return grants.holders(roles.codename(roles.ANNOTATOR), project)


def work_in(project: Project) -> Any:
    """What was given to annotators as work, whatever became of it."""
    return Assignment.objects.filter(project=project, kind=Kind.ANNOTATE, purpose=Purpose.WORK)


def preview(
    project: Project, people: Collection[Any] | None = None, viewer: User | None = None
) -> Preview:
    """What the rule (balanced by length) gives to ``people`` (ids; every annotator when None) so
    that each ready clip that nobody decides yet has its passes."""
    chosen = [p for p in annotators_of(project) if people is None or str(p.pk) in people]
    wanted, clips = [], {}
    held: dict[Any, set[str]] = {}
    barred: dict[Any, set[str]] = {}
    rule_of: dict[Any, int] = {}
    for item in work_in(project).order_by("created_at"):
        side = held if item.state == State.GIVEN else barred
        side.setdefault(item.clip_id, set()).add(str(item.person_id))
        rule_of[item.clip_id] = min(item.workflow, rule_of.get(item.clip_id, item.workflow))
    for clip_id, person_id in [
        *blinding.deciders(project),
        *Assignment.objects.filter(project=project, purpose=Purpose.CALIBRATION).values_list(
            "clip_id", "person_id"
        ),
    ]:
        barred.setdefault(clip_id, set()).add(str(person_id))
    flows = {number: workflow_in(project, number) for number in {*rule_of.values()}}
    newest, secret = workflow_in(project), project.secret()
    ready = Clip.objects.filter(project=project, state=Clip.State.READY, repeats=None)
    decided = Adjudication.objects.exclude(state=Adjudication.State.ENDED)
    for clip in ready.exclude(pk__in=decided.values("clip_id")):
        flow = flows[rule_of[clip.pk]] if clip.pk in rule_of else newest
        clips[str(clip.pk)] = clip
        wanted.append(
            Wanted(
                str(clip.pk),
                clip.duration_s,
                flow.passes_of(secret, str(clip.pk)),
                frozenset(held.get(clip.pk, ())),
                frozenset(barred.get(clip.pk, ())),
            )
        )
    before = loads_of(project, viewer)
    load = {str(person.pk): before.get(str(person.pk), 0.0) for person in chosen}
    return Preview(chosen, balanced(wanted, load), clips, load)


def loads_of(project: Project, viewer: User | None = None) -> dict[str, float]:
    """Seconds of video that each person still has to label, by their id. Of clips that ``viewer``
    labels too, all counts: it must not show whether another has handed in."""
    is_left = Q(label_set__state__in=OPEN_STATES)
    if viewer is not None:
        is_left |= Q(clip_id__in=blinding.blinded_clip_ids(viewer)) & ~Q(person=viewer)
    counted = Assignment.objects.filter(
        project=project, kind=Kind.ANNOTATE, purpose__in=(Purpose.WORK, Purpose.REPEAT)
    )
    rows = counted.filter(is_left, state=State.GIVEN)
    summed = rows.order_by().values("person_id").annotate(s=Sum("clip__duration_s"))
    return {str(row["person_id"]): row["s"] for row in summed}


def matrix(
    project: Project, user: User, people: list[User], planned: Collection[tuple[str, str]]
) -> list[dict[str, Any]]:
    """A row a clip, a cell a person: the assignment, or that the plan would give it."""
    held: dict[tuple[Any, Any], Assignment] = {}
    given = Assignment.objects.filter(project=project, kind=Kind.ANNOTATE)
    for item in given.select_related("label_set").order_by("created_at"):
        held[item.clip_id, item.person_id] = item
    gone = (Adjudication.State.SUPERSEDED, Adjudication.State.ENDED)
    decided = Adjudication.objects.filter(project=project).exclude(state__in=gone)
    decided_on = {row.clip_id: row for row in decided.order_by("created_at")}
    blinded = blinding.blinded_clip_ids(user)
    flows: dict[int | None, Workflow] = {None: workflow_in(project)}
    secret, rows = project.secret(), []
    for clip in clips_for(user).filter(project=project).order_by("created_at"):
        items = [held.get((clip.pk, person.pk)) for person in people]
        numbers = [item.workflow for item in items if item and item.purpose == Purpose.WORK]
        number = min(numbers, default=None)
        if number not in flows:
            flows[number] = workflow_in(project, number)
        rows.append(
            {
                "clip": clip,
                "passes": flows[number].passes_of(secret, str(clip.pk)),
                "is_sampled": flows[number].samples(secret, str(clip.pk)),
                "adjudication": decided_on.get(clip.pk),
                "cells": [
                    {
                        "person": person,
                        "item": item,
                        "is_planned": (str(clip.pk), str(person.pk)) in planned,
                        "is_hidden": clip.pk in blinded and person != user,
                        "is_open": bool(
                            item and item.label_set and item.label_set.state in OPEN_STATES
                        ),
                    }
                    for person, item in zip(people, items, strict=True)
                ],
            }
        )
    return rows


def loads_shown(
    project: Project, user: User, people: list[User], found: Preview | None
) -> list[dict[str, Any]]:
    """Minutes of video that each person has to label, now and after the plan."""
    now = loads_of(project, user)
    after = found.plan.load_s if found else {}
    return [
        {
            "person": person,
            "minutes": now.get(str(person.pk), 0.0) / 60,
            "after": after[str(person.pk)] / 60 if str(person.pk) in after else None,
        }
        for person in people
    ]


@verb("assignment.plan", roles={roles.PROJECT_LEAD, roles.SERVICE})
def apply_plan(
    actor: Actor,
    project: Project,
    *,
    people: Collection[Any] | None = None,
    due_on: date | None = None,
    digest: str | None = None,
) -> Preview:
    """Give clips to annotators by the project's rule, all of the plan or none of it.

    ``digest``: of the preview that was looked at; refused when the plan would be another now.
    """
    found = preview(project, people, None if actor.is_service else actor.user)
    if digest is not None and digest != found.digest:
        raise Conflict("plan_changed", "The plan is another by now.", "Look at it again.")
    if not found.plan.given:
        raise Refused(
            "nothing_to_give", "The plan gives nothing to anybody.", "Choose other people."
        )
    by_id = {str(person.pk): person for person in found.people}
    for clip_id, person in found.plan.given:
        assign_clip(actor, found.clips[clip_id], person=by_id[person], due_on=due_on)
    event(
        actor,
        project,
        public={
            "given": len(found.plan.given),
            "clips": len({clip for clip, _ in found.plan.given}),
            "workflow": version_of(project),
        },
        private={"digest": found.digest},
    )
    return found
