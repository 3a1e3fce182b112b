"""Subjects: the people behind the studies, one over all projects, known by keyed digest only."""

from __future__ import annotations

import uuid

from django.db import models


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
