"""The table of clips that came back, unmarked, to the person who had labelled them."""

from __future__ import annotations

import uuid

from django.db import models

from apps.access.models import User
from apps.adjudication.models import Assignment
from apps.annotation.models import LabelSet
from apps.library.models import Clip
from apps.projects.models import Project


class Repeat(models.Model):
    """A person labelled ``clip`` (``first``, at ``first_revision``) and labels it once more
    (``again``, on a clip that repeats it). ``figures``: how far the two agree, as ``{"class_id",
    "label", "metric", "phase", "value"}`` a figure; ``made_of``: the digest of what they were made
    from."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="+")
    first = models.OneToOneField(LabelSet, on_delete=models.PROTECT, related_name="+")
    first_revision = models.PositiveIntegerField()
    again = models.OneToOneField(Assignment, on_delete=models.PROTECT, related_name="+")
    figures = models.JSONField(null=True)
    made_of = models.CharField(max_length=64, blank=True)
    given_at = models.DateTimeField(auto_now_add=True)
    measured_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["given_at"]
        constraints = [
            models.UniqueConstraint(fields=["clip", "person"], name="a_clip_repeated_once_a_person")
        ]

    def __str__(self) -> str:
        return f"repeat {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()
