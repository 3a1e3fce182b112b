"""Tables of how far the readers of a clip agree, and of who reads where they agree too little."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from apps.access.models import User
from apps.annotation.models import LabelSet
from apps.library.models import Clip
from apps.ontology.models import OntologyVersion
from apps.projects.models import Project


class ReadersReport(models.Model):
    """How far two or more label sets of a clip agree. ``is_chosen``: a person named the sets; else
    it is of everybody's own that was handed in, and the newest such one stands.

    ``made_of`` is the digest of what it was made from: each set's digest, the ontology's, and how
    it was counted (``reader_figures.VERSION``). ``curves``: ``{"bins": [[start, end], ...],
    "by_class": {id: [value or null, ...]}, "kappa": …, "alpha": …}``, the last two likewise.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REPLACED = "replaced"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="readers_reports")
    ontology = models.ForeignKey(OntologyVersion, on_delete=models.PROTECT, related_name="+")
    is_chosen = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    tolerances = models.JSONField(default=dict)
    made_of = models.CharField(max_length=64, blank=True)
    curves = models.JSONField(default=dict)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    # When the last of its sets was handed in: the month it counts for.
    handed_in_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["clip", "ontology"],
                condition=models.Q(is_chosen=False, state__in=["waiting", "done", "failed"]),
                name="one_readers_report_stands",
            )
        ]

    def __str__(self) -> str:
        return f"readers' report {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()


class ReaderSet(models.Model):
    """One of the label sets of a report, as it stood. ``digest``: of every frame's geometry, as a
    signature has it."""

    report = models.ForeignKey(ReadersReport, on_delete=models.CASCADE, related_name="sets")
    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField()
    revision = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["report", "label_set"], name="a_set_once_a_report")
        ]


class ReadersFigure(models.Model):
    """One figure of a report (``domain/reader_figures.Figure``): of two of its sets, or of all."""

    report = models.ForeignKey(ReadersReport, on_delete=models.CASCADE, related_name="figures")
    class_id = models.CharField(max_length=40)
    label = models.CharField(max_length=64)
    metric = models.CharField(max_length=40)
    phase = models.CharField(max_length=40, blank=True)
    set_a = models.ForeignKey(ReaderSet, on_delete=models.CASCADE, null=True, related_name="+")
    set_b = models.ForeignKey(ReaderSet, on_delete=models.CASCADE, null=True, related_name="+")
    value = models.FloatField()

    class Meta:
        ordering = ["pk"]


class FurtherReading(models.Model):
    """A clip whose readers agree too little by the project's rule: a further reader is asked for.
    ``metric``, ``value``, ``below``: what the rule found, and its limit then."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        ASSIGNED = "assigned"
        DECLINED = "declined"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    clip = models.OneToOneField(Clip, on_delete=models.PROTECT, related_name="further_reading")
    report = models.ForeignKey(ReadersReport, on_delete=models.PROTECT, related_name="+")
    metric = models.CharField(max_length=40)
    label = models.CharField(max_length=64)
    value = models.FloatField()
    below = models.FloatField()
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    reader = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"further reading {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()


def rule_of(project: Project) -> dict[str, Any] | None:
    """The project's rule of further readers: ``{"metric", "below", "share", "by_itself"}``; None
    where it has none."""
    return project.options.get("further_reader")
