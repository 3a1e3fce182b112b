"""Ethics approvals and agreements that roles rest on: the roles end with them, by themselves."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.projects.emergency import end_without_role
from apps.projects.models import Agreement, Project

_MANAGERS = {roles.ADMINISTRATOR, roles.PROJECT_LEAD, roles.SERVICE}
MOST_YEARS = 30


def end_of(day: str) -> datetime:
    """The last moment (UTC) of a day, ISO 8601. Raises Refused."""
    try:
        moment = datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        moment = datetime.max.replace(tzinfo=UTC)
    if moment > timezone.now() + timedelta(days=366 * MOST_YEARS):
        raise Refused(
            "day",
            f"This is no day within {MOST_YEARS} years.",
            "Give the last day of the agreement.",
            field="until",
        )
    return moment


@verb("agreement.add", roles=_MANAGERS)
def add_agreement(
    actor: Actor, project: Project, *, kind: str, reference: str, until: str
) -> Agreement:
    """Name an ethics approval or a data use agreement of a project, with its last day."""
    if kind not in Agreement.Kind.values:
        raise Refused("kind", "There is no such kind.", "Choose one of the list.", field="kind")
    said = reference.strip()
    if not said or len(said) > 120:
        raise Refused(
            "reference",
            "The reference is missing or longer than 120 characters.",
            "Give the number that its papers bear.",
            field="reference",
        )
    if Agreement.objects.filter(project=project, reference=said).exists():
        raise Refused(
            "taken", "The project has this one already.", "Change its end.", field="reference"
        )
    ends_at = end_of(until)
    if ends_at <= timezone.now():
        raise Refused("ended", "That day is over.", "Give a day to come.", field="until")
    made = Agreement.objects.create(project=project, kind=kind, reference=said, ends_at=ends_at)
    event(
        actor,
        made,
        public={"kind": kind, "ends_at": ends_at.isoformat()},
        private={"reference": said},
    )
    return made


@verb("agreement.change_end", roles=_MANAGERS)
def change_end(actor: Actor, agreement: Agreement, *, until: str, reason: str) -> Agreement:
    """Prolong an agreement, or end it earlier, with a reason; the roles that rest on it follow at
    once, also those that had ended with it."""
    said = note_text(reason)
    before, agreement.ends_at = agreement.ends_at, end_of(until)
    agreement.save(update_fields=["ends_at"])
    n_grants = agreement.grants.update(ends_at=agreement.ends_at)
    _end_emergencies(actor, agreement)
    event(
        actor,
        agreement,
        public={
            "before": before.isoformat(),
            "ends_at": agreement.ends_at.isoformat(),
            "grants": n_grants,
        },
        private={"reason": said},
    )
    return agreement


@verb("agreement.note_end", roles={roles.SERVICE})
def note_end(actor: Actor, agreement: Agreement) -> Agreement:
    """Note that an agreement has ended, and how many roles with it."""
    agreement.noted_end = agreement.ends_at
    agreement.save(update_fields=["noted_end"])
    event(actor, agreement, public={"grants": agreement.grants.count()})
    _end_emergencies(actor, agreement)
    return agreement


def _end_emergencies(actor: Actor, agreement: Agreement) -> None:
    """Whose role has ended with it holds no broken glass any longer."""
    if not agreement.is_in_force:
        for grant in agreement.grants.select_related("user"):
            end_without_role(actor, agreement.project, grant.user)
