"""How a person works: keys of their own, and the time that they spent."""

from __future__ import annotations

import math
import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Max, Q, Sum
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.annotation.domain import key_choices
from apps.annotation.models import KeyChoice, LabelSet, WorkSpell
from apps.projects.models import Project

DEFAULTS: dict[str, Any] = {"characters": True, "keys": {}}
# A page reports once it has worked for a while: it began before its first report.
_BEFORE_FIRST_S = 300


def keys_of(user: User) -> dict[str, Any]:
    """The keys that a person has changed."""
    held = KeyChoice.objects.filter(user=user).first()
    return dict(held.choices) if held is not None else DEFAULTS


@verb("workspace.choose_keys", roles={roles.ANYONE})
def choose_keys(actor: Actor, _: None, *, choices: Any) -> dict[str, Any]:
    """Change or switch off keys of the workspace, for oneself."""
    wrong = key_choices.problem(choices)
    if wrong:
        raise Refused("invalid_keys", f"The keys are not taken: {wrong}.", "Reload.", field="keys")
    held, _made = KeyChoice.objects.update_or_create(user=actor.user, defaults={"choices": choices})
    event(actor, held, private={"changed": len(choices["keys"])})
    return dict(held.choices)


@verb("label_set.record_time", roles={roles.ANNOTATOR, roles.ADJUDICATOR}, relation="author")
def record_time(
    actor: Actor, label_set: LabelSet, *, page: uuid.UUID, active_s: float, frame_index: int = 0
) -> WorkSpell:
    """Record how long a page of one's own label set was worked on so far, idle time left out.

    The same report again changes nothing. Never more than the time that has passed.
    """
    if not math.isfinite(active_s) or active_s < 0:
        raise Refused("invalid_time", "The time is no number of seconds.", "", field="active_s")
    spell = WorkSpell.objects.filter(label_set=label_set, person=actor.user, page=page).first()
    if spell is None:
        place = label_set.places.order_by("position").first()
        assert place is not None
        spell = WorkSpell(label_set=label_set, person=actor.user, page=page, clip_id=place.clip_id)
        passed_s = float(_BEFORE_FIRST_S)
    else:
        passed_s = (timezone.now() - spell.began_at) / timedelta(seconds=1) + _BEFORE_FIRST_S
    spell.frame_index = max(0, min(frame_index, spell.clip.n_frames - 1))
    spell.active_s = max(spell.active_s, min(active_s, passed_s))
    spell.save()
    event(actor, label_set, private={"active_s": round(spell.active_s, 1)})
    return spell


def resumed_frame(user: User, label_set: LabelSet) -> int:
    """The frame that the person saw last in their label set; 0 for one not begun."""
    spell = WorkSpell.objects.filter(label_set=label_set, person=user).order_by("ended_at").last()
    return spell.frame_index if spell is not None else 0


def time_on_task(project: Project, *, hidden: Q | None = None) -> list[dict[str, Any]]:
    """Active time by person and clip of a project, newest work first; for its lead. ``hidden``:
    what is not for them to know, of a row's ``clip`` and ``person``."""
    rows = (
        WorkSpell.objects.filter(label_set__project=project)
        .exclude(hidden or Q(pk__in=[]))
        .values("person__printed_name", "clip__name", "clip_id")
        .annotate(active_s=Sum("active_s"), last_at=Max("ended_at"))
        .order_by("-last_at")
    )
    return [
        {
            "person": row["person__printed_name"],
            "clip": row["clip__name"],
            "clip_id": row["clip_id"],
            "active_s": row["active_s"],
            "minutes": row["active_s"] / 60,
            "last_at": row["last_at"],
        }
        for row in rows
    ]
