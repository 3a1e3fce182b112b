"""Background work that people see and that must survive: state, progress, attempts, lease."""

from __future__ import annotations

import uuid

from django.db import models


class Job(models.Model):
    """One piece of work. Claimed by lease; a lease that ran out is claimed again; parked with a
    reason after three attempts."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        PARKED = "parked"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64, db_index=True)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    priority = models.SmallIntegerField(default=0)
    # Not for the worker that keeps to short work: known beforehand, or found out by it.
    is_long = models.BooleanField(default=False)
    progress = models.FloatField(default=0.0)
    step = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-priority", "created_at"]
        indexes = [models.Index(fields=["state", "-priority", "created_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_id"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_live_job_a_kind_and_object",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class Heartbeat(models.Model):
    """When a long-running process last said that it lives."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
