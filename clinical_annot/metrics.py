"""``/metrics`` for Prometheus. Every figure is read from the database, so that it is the same from
whichever web process answers, and counts what node and worker did in theirs.

Counters follow the log in the order of its leaves: each process keeps sums up to a place and adds
what came since; a leaf never changes and none is inserted before another, so nothing is counted
twice or left out. Labels are states, kinds and reason codes of the product; nothing identifies.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.access.errors import NotFound
from apps.audit import tree
from apps.audit.models import Checkpoint, Leaf, Pending
from apps.intake.models import ReceivedInstance
from apps.jobs.heartbeat import is_alive
from apps.jobs.models import Job
from apps.vault.files import storage
from apps.vault.models import VaultFile

_CODE = re.compile(r"\A[a-z0-9_]{1,60}\Z")
_ASSOCIATION, _RECEIVE, _REFUSE = "intake.association", "intake.receive", "intake.refuse"
_SAVE = "label_set.save"
_COUNTED = (_ASSOCIATION, _RECEIVE, _REFUSE, _SAVE)


def _code(text: str) -> str:
    """A reason code as it is; anything else must not become a label."""
    return text if not text or _CODE.match(text) else "other"


class LogSums:
    """Sums over the leaves of the log, each counted once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start_again()

    def _start_again(self) -> None:
        self._next, self._last_hash = 0, b""
        self.associations: Counter[tuple[str, str]] = Counter()
        self.instances: Counter[tuple[str, str]] = Counter()
        self.saves: Counter[str] = Counter()
        self.received_bytes = 0

    def catch_up(self) -> LogSums:
        with self._lock:
            if not self._is_same_log():
                self._start_again()
            end = tree.size()
            rows = (
                Leaf.objects.filter(seq__gte=self._next, seq__lt=end, event__action__in=_COUNTED)
                .order_by("seq")
                .values_list("event__action", "event__outcome", "event__entry")
            )
            for action, outcome, entry in rows.iterator(chunk_size=2000):
                self._count(action, outcome, json.loads(bytes(entry))["public"])
            if end > self._next:
                self._next = end
                self._last_hash = bytes(Leaf.objects.get(seq=end - 1).hash)
        return self

    def _is_same_log(self) -> bool:
        """A restore puts another log in the place of the one that was counted."""
        if self._next == 0:
            return True
        last = Leaf.objects.filter(seq=self._next - 1).first()
        return last is not None and bytes(last.hash) == self._last_hash

    def _count(self, action: str, outcome: str, public: dict[str, Any]) -> None:
        reason = _code(str(public.get("reason", "") or public.get("code", "")))
        if action == _ASSOCIATION:
            self.associations[outcome, reason] += 1
        elif action == _SAVE:
            self.saves[outcome] += 1
        elif action == _REFUSE:
            self.instances["refused", reason] += 1
        else:
            taken = "received" if outcome == "done" else outcome
            self.instances[taken, "uid_clash" if outcome == "held" else reason] += 1
            self.received_bytes += int(public.get("size_bytes", 0))


_sums = LogSums()


class _FromDatabase(Collector):
    """Collects at the moment it is asked."""

    def collect(self) -> Iterator[Metric]:
        yield from _intake()
        yield from _jobs()
        yield from _log()
        yield from _disk()

    def describe(self) -> list[Metric]:
        return []


def _counter(name: str, text: str, labels: list[str], sums: Any) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in sorted(sums.items()):
        family.add_metric([key] if isinstance(key, str) else list(key), value)
    return family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _intake() -> Iterator[Metric]:
    sums = _sums.catch_up()
    both = ["outcome", "reason"]
    yield _counter(
        "clinicalannot_associations", "DICOM associations that ended.", both, sums.associations
    )
    yield _counter(
        "clinicalannot_instances",
        "Instances that arrived: received, repeated, held (UID clash), refused.",
        both,
        sums.instances,
    )
    yield CounterMetricFamily(
        "clinicalannot_received_bytes", "Bytes of instances taken.", value=sums.received_bytes
    )
    yield _counter("clinicalannot_saves", "Batches of label operations.", ["outcome"], sums.saves)
    standing = GaugeMetricFamily(
        "clinicalannot_quarantine_instances",
        "Instances by their state now, with the reason of what is held.",
        labels=["state", "reason"],
    )
    rows = ReceivedInstance.objects.order_by().values_list("state", "reason")
    counted: Counter[tuple[str, str]] = Counter()
    for state, reason, count in rows.annotate(n=Count("pk")):
        counted[state, _code(reason)] += count
    for key, count in sorted(counted.items()):
        standing.add_metric(list(key), count)
    yield standing


def _jobs() -> Iterator[Metric]:
    now = timezone.now()
    family = GaugeMetricFamily(
        "clinicalannot_jobs", "Background work by kind and state.", labels=["kind", "state"]
    )
    rows = Job.objects.order_by("kind", "state").values_list("kind", "state")
    for kind, state, count in rows.annotate(n=Count("pk")):
        family.add_metric([kind, state], count)
    yield family
    age = GaugeMetricFamily(
        "clinicalannot_queue_age_seconds", "Age of the oldest queued job.", labels=["kind"]
    )
    queued = Job.objects.filter(state=Job.State.QUEUED).order_by("kind").values_list("kind")
    for kind, oldest in queued.annotate(oldest=Min("created_at")):
        age.add_metric([kind], max(0.0, (now - oldest).total_seconds()))
    yield age
    yield _gauge("clinicalannot_worker_alive", "1 while a worker says so.", is_alive("worker"))


def _log() -> Iterator[Metric]:
    now = timezone.now()
    yield _gauge("clinicalannot_log_entries", "Entries of the audit log.", tree.size())
    waiting = Pending.objects.aggregate(n=Count("pk"), oldest=Min("event__recorded_at"))
    yield _gauge(
        "clinicalannot_log_waiting_entries", "Events without a place in the log.", waiting["n"]
    )
    lag_s = (now - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0.0
    yield _gauge(
        "clinicalannot_log_lag_seconds", "Age of the oldest event without a place.", max(0.0, lag_s)
    )
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is not None:
        age_s = (now - newest.created_at).total_seconds()
        yield _gauge(
            "clinicalannot_log_checkpoint_age_seconds", "Age of the newest checkpoint.", age_s
        )


def _disk() -> Iterator[Metric]:
    yield _gauge(
        "clinicalannot_vault_free_bytes", "Free space where files are stored.",
        storage().free_bytes(),
    )  # fmt: skip
    yield _gauge(
        "clinicalannot_vault_reserve_bytes", "Below this free space nothing is received.",
        settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES,
    )  # fmt: skip
    held = VaultFile.objects.aggregate(n=Count("pk"), size=Sum("size_bytes"))
    yield _gauge("clinicalannot_vault_files", "Stored files.", held["n"])
    yield _gauge("clinicalannot_vault_bytes", "Their size before encryption.", held["size"] or 0)


def _may_ask(request: HttpRequest) -> bool:
    """By the token where one is set; else from the same machine, and not through a proxy there:
    whoever comes through one looks like a neighbour."""
    token = settings.CLINICAL_ANNOT_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    if {"X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"} & set(request.headers):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures in Prometheus' text format; 404 for who may not ask."""
    if not _may_ask(request):
        raise NotFound
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FromDatabase())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
