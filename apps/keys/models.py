"""Subjects: the people behind the studies, one over all projects, known by keyed digest only.
Rotations of the key-encryption key, and the list of destroyed keys."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from apps.keys import whereabouts


class Subject(models.Model):
    """``patient_digest`` finds the same patient again without storing who it is; ``wrapped_key``
    opens everything that shows or names this subject, until it is destroyed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient_digest = models.BinaryField(unique=True)
    wrapped_key = models.BinaryField(null=True)
    destroyed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"subject {self.id}"

    def policy_projects(self) -> list[Any]:
        """Every project that holds something of the subject: a role must be held in each."""
        return whereabouts.projects_of(self.pk)


class KeyRotation(models.Model):
    """One run that wraps every key anew under ``to_key``; running until nothing is left."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    to_key = models.CharField(max_length=255)
    n_rewrapped = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="running"),
                name="one_running_key_rotation",
            )
        ]

    def __str__(self) -> str:
        return f"rotation {self.id}"


class DestroyedKey(models.Model):
    """A subject whose key was destroyed. Only ever inserted; a restore of an older database replays
    the list, of which a copy lies outside (``destroyed.py``)."""

    subject_id = models.UUIDField(primary_key=True, editable=False)
    destroyed_at = models.DateTimeField()

    class Meta:
        ordering = ["destroyed_at"]

    def __str__(self) -> str:
        return f"destroyed key of subject {self.subject_id}"
