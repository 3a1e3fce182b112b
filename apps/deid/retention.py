"""What becomes of originals: the project's rule, what is due, and the erasing of it.

What is erased leaves its proof: the event names the SHA-256 of what was there, stands in the Merkle
log, and the list of erased originals outlives the database (``apps/intake/erased.py``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.verb import event, verb
from apps.intake import erased
from apps.intake.models import CommitmentRequest, ReceivedInstance
from apps.intake.pacs import committing
from apps.projects import holds
from apps.projects.domain.retention import Kind, Rule, due_at, problem
from apps.projects.models import Project
from apps.projects.retention import rule as rule_of

State = ReceivedInstance.State
WITHDRAWN = "withdrawn"
_RULERS = {roles.PROJECT_LEAD, roles.DATA_STEWARD}
# The rooms above say which instances a published release holds, and since when the first one does.
PUBLISHED: list[Callable[[Project], dict[uuid.UUID, datetime]]] = []


@dataclass(frozen=True)
class Due:
    """One original that the rule, or a withdrawal, will erase. ``is_held``: a legal hold keeps
    it."""

    received: ReceivedInstance
    due_at: datetime
    is_held: bool


@verb("retention.set_rule", roles=_RULERS)
def set_rule(actor: Actor, project: Project, *, kind: str, days: int) -> Project:
    """Say what becomes of a project's originals once they are cleared."""
    if wrong := problem(kind, days):
        raise Refused("invalid_rule", wrong, "Choose one of the list.", field="kind")
    before = rule_of(project)
    if kind != Kind.KEEP and before.kind == Kind.KEEP:
        _require_nothing_promised(project)
    counted = days if kind in (Kind.DAYS, Kind.AFTER_RELEASE) else 0
    rule = Rule(Kind(kind), counted, timezone.now())
    project.options = {**project.options, "originals": rule.as_option()}
    project.save(update_fields=["options"])
    event(
        actor,
        project,
        public={
            "kind": kind,
            "days": counted,
            "kind_before": str(before.kind),
            "days_before": before.days,
        },
    )
    return project


def _require_nothing_promised(project: Project) -> None:
    """Raise Conflict where a sender was, or may be, told that it may let its own copy go."""
    promised = CommitmentRequest.objects.filter(project=project, n_committed__gt=0).exists()
    if committing.is_on(project) or promised:
        raise Conflict(
            "committed",
            "Senders were promised that this project keeps originals.",
            "What purges on commitment holds no copy any more. Make another project for what "
            "comes from now on.",
        )


@verb("retention.original", roles={roles.SERVICE}, states=(State.CLEARED, State.WITHDRAWN))
def settle_original(actor: Actor, received: ReceivedInstance) -> bool:
    """Keep an instance's original encrypted, or erase it, as the project's rule says and no legal
    hold forbids; whether it was erased."""
    file = received.original
    if file is None:
        event(actor, received, public={"original": "gone"})
        return False
    due = due_of(received)
    is_held = holds.is_held(received.project_id, received.subject_id)
    if is_held or due is None or due > timezone.now():
        said = "held" if is_held else "kept"
        until = due.isoformat() if due is not None and not is_held else None
        event(actor, received, public={"original": said, **({"until": until} if until else {})})
        return False
    received.original = None
    received.save(update_fields=["original", "state_changed_at"])
    event(actor, received, public={"original": "deleted", "sha256": file.sha256})
    erased.erase(file)
    return True


def due_of(
    received: ReceivedInstance, published: dict[uuid.UUID, datetime] | None = None
) -> datetime | None:
    """When an original may go, by its project's rule; None for never or not yet known."""
    if received.state == State.WITHDRAWN and received.reason == WITHDRAWN:
        return received.state_changed_at
    rule = rule_of(received.project)
    if rule.kind == Kind.AFTER_RELEASE and published is None:
        published = published_of(received.project)
    return due_at(rule, received.state_changed_at, (published or {}).get(received.pk))


def published_of(project: Project) -> dict[uuid.UUID, datetime]:
    """Received instances that a published release holds, and since when the first one does."""
    found: dict[uuid.UUID, datetime] = {}
    for asked in PUBLISHED:
        for pk, at in asked(project).items():
            found[pk] = min(at, found.get(pk, at))
    return found


def _with_originals(project: Project) -> QuerySet[ReceivedInstance]:
    """What may come due: cleared ones by the rule, withdrawn ones that a hold kept."""
    rows = ReceivedInstance.objects.filter(project=project, original__isnull=False)
    withdrawn = Q(state=State.WITHDRAWN, reason=WITHDRAWN)
    rule = rule_of(project)
    by_rule = Q() if rule.kind == Kind.KEEP else Q(state__in=(State.CLEARED, State.WITHDRAWN))
    found = rows.filter(by_rule | withdrawn) if by_rule else rows.filter(withdrawn)
    return found.select_related("project", "original", "subject").order_by("state_changed_at")


def due_until(
    project: Project, until: datetime, most: int, *, with_held: bool = True
) -> Iterator[Due]:
    """What comes due until then, the oldest first; ``with_held``: also what a hold keeps."""
    rule, kept = rule_of(project), holds.of(project)
    rows = _with_originals(project)
    by_wish = Q(state=State.WITHDRAWN, reason=WITHDRAWN)
    published: dict[uuid.UUID, datetime] = {}
    if rule.kind == Kind.DAYS:
        late = Q(state_changed_at__lte=until - timedelta(days=rule.days))
        rows = rows.filter(late | by_wish)
    elif rule.kind == Kind.AFTER_RELEASE:
        published = published_of(project)
        rows = rows.filter(Q(pk__in=list(published)) | by_wish)
    if not with_held:
        rows = rows.none() if kept.is_whole else rows.exclude(subject__in=kept.subjects)
    count = 0
    for row in rows.iterator(chunk_size=500):
        when = due_of(row, published)
        if when is None or when > until:
            continue
        yield Due(row, when, kept.is_whole or row.subject_id in kept.subjects)
        count += 1
        if count == most:
            return


def erase_due(actor: Actor, most: int = 20, *, with_releases: bool = True) -> int:
    """Erase what is due now and no hold keeps; how many were."""
    now, done = timezone.now(), 0
    kept_by_hold = set(
        ReceivedInstance.objects.filter(
            state=State.WITHDRAWN, reason=WITHDRAWN, original__isnull=False
        ).values_list("project", flat=True)
    )
    for project in Project.objects.all():
        kind = rule_of(project).kind
        if kind == Kind.KEEP and project.pk not in kept_by_hold:
            continue
        if kind == Kind.AFTER_RELEASE and not with_releases:
            continue
        for due in list(due_until(project, now, most - done, with_held=False)):
            done += settle_original(actor, due.received)
        if done >= most:
            break
    return done
