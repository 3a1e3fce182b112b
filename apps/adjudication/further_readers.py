"""Verbs on clips whose readers agree too little: by the project's rule one more reads them.

The rule: where ``metric`` of some class of a clip lies below ``below``, a ``share`` of such clips
is drawn by a keyed hash of the clip's id, so that the draw can be repeated and nobody can foresee
it.
"""

from __future__ import annotations

import hmac
import uuid
from hashlib import sha256

from django.db.models import Count, Q
from django.utils import timezone

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.adjudication import blinding
from apps.adjudication.assigning import assign_clip
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.reader_models import FurtherReading, ReadersFigure, ReadersReport, rule_of
from apps.annotation.models import LabelSet
from apps.projects.models import Project

State = FurtherReading.State
# Figures of a class from 0 (or below) to 1, larger where people agree.
METRICS = (
    "agreement", "kappa", "alpha", "HOTA", "DetA", "IDF1", "mean IoU", "mean Dice", "PCK",
    "accuracy", "F1@50",
)  # fmt: skip
_OPEN = (LabelSet.State.ASSIGNED, LabelSet.State.IN_PROGRESS, LabelSet.State.RETURNED)


@verb("readers.set_rule", roles={roles.PROJECT_LEAD})
def set_rule(
    actor: Actor,
    project: Project,
    *,
    metric: str,
    below: float,
    share: float,
    by_itself: bool = False,
) -> Project:
    """Say where a further reader is asked for: below which figure, and for what share of the clips.

    ``share`` 0 to 1, 0: for none. ``by_itself``: the clip is given to who has the least to do,
    without the lead.
    """
    if metric not in METRICS or not 0 <= below <= 1 or not 0 <= share <= 1:
        raise Refused(
            "invalid_rule",
            "The rule is not of a known figure with numbers from 0 to 1.",
            "Choose a figure, a limit and a share.",
            field="below" if metric in METRICS else "metric",
        )
    rule = {"metric": metric, "below": below, "share": share, "by_itself": by_itself}
    project.options = {**project.options, "further_reader": rule}
    project.save(update_fields=["options"])
    event(actor, project, public=rule)
    return project


def consider(actor: Actor, report: ReadersReport) -> FurtherReading | None:
    """Ask for a further reader of the report's clip where the rule says so, and give the clip to
    one where the rule does that by itself."""
    rule = rule_of(report.project)
    if rule is None or report.is_chosen or not is_drawn(report, rule["share"]):
        return None
    if FurtherReading.objects.filter(clip=report.clip_id).exists() or is_decided(report.clip_id):
        return None
    lowest = (
        ReadersFigure.objects.filter(report=report, set_a=None, phase="", metric=rule["metric"])
        .order_by("value", "class_id")
        .first()
    )
    if lowest is None or lowest.value >= rule["below"]:
        return None
    made = propose(actor, report, lowest=lowest, below=rule["below"])
    reader = least_busy(made) if rule["by_itself"] else None
    return call(actor, made, person=reader) if reader is not None else made


def is_decided(clip_id: uuid.UUID) -> bool:
    """Whether the clip's consensus was signed: no further reading is of use to who decides then.
    One that is only being decided still takes one (``joining.py``)."""
    return Adjudication.objects.filter(clip=clip_id, signature__isnull=False).exists()


def is_drawn(report: ReadersReport, share: float) -> bool:
    """Whether the clip is in the share that is drawn: HMAC-SHA256 of its id by the project's
    secret, its first 8 bytes as a number from 0 to 1."""
    said = hmac.new(
        report.project.secret(), b"further-reader/" + report.clip_id.bytes, sha256
    ).digest()
    return int.from_bytes(said[:8], "big") < share * 2**64


@verb("readers.propose", roles={roles.SERVICE}, states=(ReadersReport.State.DONE,))
def propose(
    actor: Actor, report: ReadersReport, *, lowest: ReadersFigure, below: float
) -> FurtherReading:
    """Ask for a further reader of a clip whose readers agree too little."""
    made = FurtherReading.objects.create(
        project=report.project,
        clip=report.clip,
        report=report,
        metric=lowest.metric,
        label=lowest.label,
        value=lowest.value,
        below=below,
    )
    event(actor, made, public={"metric": lowest.metric, "below": below},
          private={"clip": str(report.clip_id)})  # fmt: skip
    return made


@verb("readers.call", roles={roles.PROJECT_LEAD, roles.SERVICE}, states=(State.PROPOSED,))
def call(actor: Actor, reading: FurtherReading, *, person: User) -> FurtherReading:
    """Give the clip to a further reader, by the assigning of every clip."""
    if is_decided(reading.clip_id):
        raise Refused(
            "decided",
            "The clip's consensus is signed: nobody more is needed.",
            "Leave it to the readers that it has.",
            status=409,
        )
    assign_clip(actor, reading.clip, person=person)
    reading.state, reading.reader = State.ASSIGNED, person
    reading.settled_at = timezone.now()
    reading.save(update_fields=["state", "reader", "settled_at"])
    event(actor, reading, private={"person": str(person.pk), "clip": str(reading.clip_id)})
    return reading


@verb("readers.decline", roles={roles.PROJECT_LEAD}, states=(State.PROPOSED,))
def decline(actor: Actor, reading: FurtherReading, *, reason: str) -> FurtherReading:
    """Leave a clip to the readers that it has, with a reason."""
    said = note_text(reason)
    reading.state, reading.reason, reading.settled_at = State.DECLINED, said, timezone.now()
    reading.save(update_fields=["state", "reason", "settled_at"])
    event(actor, reading, private={"reason": said})
    return reading


def free_readers(reading: FurtherReading) -> list[User]:
    """Annotators of the project who have no part in the clip, who has the least to do first."""
    taken = blinding.labellers(reading.clip) | set(
        Assignment.objects.filter(clip=reading.clip).values_list("person_id", flat=True)
    )
    people = grants.holders(roles.codename(roles.ANNOTATOR), reading.project)
    busy = dict(
        Assignment.objects.filter(project=reading.project, kind=Assignment.Kind.ANNOTATE)
        .order_by()
        .values_list("person_id")
        .annotate(n=Count("pk", filter=Q(label_set__state__in=_OPEN)))
    )
    free = [person for person in people if person.pk not in taken]
    return sorted(free, key=lambda person: (busy.get(person.pk, 0), person.username))


def least_busy(reading: FurtherReading) -> User | None:
    return next(iter(free_readers(reading)), None)
