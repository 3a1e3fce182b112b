"""Reads of the node's page: throughput, senders, refusals. No study content is in them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, QuerySet, Sum
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
    """Bytes of each of the last ``MINUTES`` minutes, oldest first; ``share`` of the largest (0 to
    100) and ``x`` for drawing."""
    now = timezone.now()
    sums: Counter[int] = Counter()
    rows = ReceivedInstance.objects.filter(received_at__gt=now - timedelta(minutes=MINUTES))
    for at, size in rows.order_by().values_list("received_at", "size_bytes").iterator():
        sums[int((now - at).total_seconds() // 60)] += size
    largest = max(sums.values(), default=0)
    bars = []
    for place, ago in enumerate(reversed(range(MINUTES))):
        height = round(100 * sums[ago] / largest) if largest else 0
        bars.append({"x": place * 10, "y": 100 - height, "height": height, "size_bytes": sums[ago]})
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
