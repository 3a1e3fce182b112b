"""Signs of life of long-running processes, for /healthz."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from apps.jobs.models import Heartbeat

FRESH = timedelta(seconds=15)


def beat(name: str) -> None:
    """Say that the process ``name`` lives."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def is_alive(name: str) -> bool:
    return Heartbeat.objects.filter(name=name, at__gt=timezone.now() - FRESH).exists()
