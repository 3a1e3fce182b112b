"""De-identification of one instance: proposals, decisions, report; pseudonyms a project."""

from __future__ import annotations

import uuid

from django.db import models

from apps.access.models import User
from apps.intake.models import ReceivedInstance
from apps.keys.models import Subject
from apps.projects.models import Project
from apps.vault.models import VaultFile


class ProjectSubject(models.Model):
    """A subject within a project. ``sealed`` (by the subject's key, so erased with it) holds
    {"date_shift_s", "uid_key" (hex)}."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT)
    pseudonym = models.CharField(max_length=20)
    sealed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "subject"], name="one_pseudonym_a_project"),
            models.UniqueConstraint(fields=["project", "pseudonym"], name="pseudonyms_differ"),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class Deidentification(models.Model):
    """What was done to one instance. ``sealed_proposals`` (subject's key): boxes, spans and the
    text that was found, JSON; ``decision``: what a person made of them, without any text."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instance = models.OneToOneField(
        ReceivedInstance, on_delete=models.PROTECT, related_name="deidentification"
    )
    project_subject = models.ForeignKey(ProjectSubject, on_delete=models.PROTECT, null=True)
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField(default=1)
    profile_digest = models.CharField(max_length=64)
    sealed_proposals = models.BinaryField(null=True)
    sealed_harvest = models.BinaryField(null=True)
    n_boxes = models.PositiveIntegerField(default=0)
    n_spans = models.PositiveIntegerField(default=0)
    decision = models.JSONField(null=True)
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    confirmed_at = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)
    output = models.OneToOneField(VaultFile, on_delete=models.PROTECT, null=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"deidentification {self.id}"

    def policy_project(self) -> Project:
        return self.instance.project
