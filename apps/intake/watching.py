"""Reads of the node's page: throughput, senders, refusals. No study content is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, QuerySet, Sum
from django.db.models.functions import TruncMinute
from django.utils import timezone

from apps.audit.models import Event
from apps.intake.models import ReceivedInstance

DAY = timedelta(hours=24)
MINUTES = 30
_EVENTS = 500


@dataclass(frozen=True)
class Flow:
    """What was stored in a span of time."""

    instances: int
    size_bytes: int
    span_s: float

    @property
    def bytes_a_second(self) -> float:
        return self.size_bytes / self.span_s


@dataclass(frozen=True)
class Refusal:
    """One kind of refusal of one sender, and how often it happened."""

    reason: str
    calling_ae: str
    called_ae: str
    peer: str
    count: int
    newest_at: datetime


def flow(span: timedelta) -> Flow:
    """Instances and bytes stored in the last ``span``."""
    rows = ReceivedInstance.objects.filter(received_at__gt=timezone.now() - span)
    found = rows.aggregate(n=Count("pk"), size=Sum("size_bytes"))
    return Flow(found["n"], found["size"] or 0, span.total_seconds())


def by_minute() -> list[dict[str, Any]]:
    """Bytes of each of the last ``MINUTES`` minutes of the clock, oldest first, with the bar to
    draw: ``x``, ``y`` and ``height`` in a box of 300 by 100."""
    this = timezone.now().replace(second=0, microsecond=0)
    first = this - timedelta(minutes=MINUTES - 1)
    rows = (
        ReceivedInstance.objects.filter(received_at__gte=first)
        .order_by()
        .annotate(minute=TruncMinute("received_at"))
        .values_list("minute")
        .annotate(size=Sum("size_bytes"))
    )
    sums = {minute: size for minute, size in rows}
    largest = max(sums.values(), default=0)
    bars = []
    for place in range(MINUTES):
        size_bytes = sums.get(first + timedelta(minutes=place), 0)
        height = round(100 * size_bytes / largest) if largest else 0
        bars.append(
            {"x": place * 10, "y": 100 - height, "height": height, "size_bytes": size_bytes}
        )
    return bars


def senders() -> list[dict[str, Any]]:
    """Who sent in the last day: titles, address, project, how much, when last."""
    rows = (
        ReceivedInstance.objects.filter(received_at__gt=timezone.now() - DAY)
        .order_by()
        .values("calling_ae", "called_ae", "peer", "door", "project__name")
        .annotate(n=Count("pk"), size=Sum("size_bytes"), newest_at=Max("received_at"))
    )
    newest_first = sorted(rows, key=lambda row: row["newest_at"], reverse=True)
    return [dict(row) for row in newest_first[:50]]


def refused_events(project_ids: list[Any] | None = None) -> QuerySet[Event]:
    """Refused associations and instances of the last day, newest first; of some projects only."""
    found = Event.objects.filter(
        action__in=["intake.association", "intake.refuse"],
        outcome="refused",
        recorded_at__gt=timezone.now() - DAY,
    )
    if project_ids is not None:
        found = found.filter(project__in=[str(one) for one in project_ids])
    return found.order_by("-recorded_at")[:_EVENTS]


def refusals(project_ids: list[Any] | None = None) -> list[Refusal]:
    """The last day's refusals, the same of one sender counted together, newest first."""
    kinds: dict[tuple[str, str, str, str], list[datetime]] = {}
    for row in refused_events(project_ids):
        reason = str(json.loads(bytes(row.entry))["public"].get("reason", ""))
        private = json.loads(bytes(row.private))
        who = [str(private.get(name, "")) for name in ("calling_ae", "called_ae", "peer")]
        kinds.setdefault((reason, *who), []).append(row.recorded_at)  # type: ignore[arg-type]
    return [Refusal(*kind, len(times), times[0]) for kind, times in kinds.items()]


def associations(limit: int = 50) -> list[dict[str, Any]]:
    """The newest associations that stood, and how each ended."""
    rows = Event.objects.filter(action="intake.association").exclude(outcome="refused")
    shown = []
    for row in rows.order_by("-recorded_at")[:limit]:
        public = json.loads(bytes(row.entry))["public"]
        private = json.loads(bytes(row.private))
        shown.append({"at": row.recorded_at, "outcome": row.outcome, **public, **private})
    return shown
