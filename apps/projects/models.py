"""Projects: protocol, routing, retention, options; roles in them are object grants, which can rest
on an agreement and end with it. Emergency access to a project."""

from __future__ import annotations

import os
import uuid
from typing import Any

from django.db import models
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import roles
from apps.access.models import User
from apps.keys.models import Subject
from apps.projects.domain.retention import Kind, rule_of
from apps.vault.master import unwrap_key, wrap_key


class Project(models.Model):
    """``options``: ``pixels_without_person`` (ingest may clear pixels), ``assign_to_all`` (each
    ready clip goes to every annotator); what becomes of originals stands in ``retention.py``, those
    of de-identification in ``apps/deid/policy.py``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    ae_title = models.CharField(max_length=16, unique=True)
    calling_ae_titles = models.JSONField(default=list, blank=True)
    profile = models.CharField(max_length=40, default="basic")
    options = models.JSONField(default=dict, blank=True)
    wrapped_secret = models.BinaryField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        permissions = [
            (roles.codename(role), role) for role in (*roles.GRANTED_ROLES, roles.EMERGENCY)
        ]

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.wrapped_secret:
            self.wrapped_secret = wrap_key(os.urandom(32), f"project/{self.id}")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def secret(self) -> bytes:
        """32 bytes that only this project's pseudonyms, UIDs and splits derive from."""
        return unwrap_key(self.wrapped_secret, f"project/{self.id}", before="projects")

    @property
    def keeps_originals(self) -> bool:
        """Whether originals are kept for good."""
        return rule_of(self.options).kind == Kind.KEEP

    def policy_project(self) -> Project:
        return self

    def relations(self, user: object) -> set[str]:
        return set()


class Agreement(models.Model):
    """An ethics approval or a contract that roles in a project rest on: they end with it. Its state
    is a matter of the clock: in force until ``ends_at``, then ended."""

    class Kind(models.TextChoices):
        ETHICS = "ethics", "Ethics approval"
        DATA_USE = "data_use", "Data use agreement"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="agreements")
    kind = models.CharField(max_length=12, choices=Kind)
    reference = models.CharField(max_length=120)
    ends_at = models.DateTimeField()
    # The end for which an event was written; a later one is noted anew.
    noted_end = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["ends_at"]
        constraints = [
            models.UniqueConstraint(fields=["project", "reference"], name="one_agreement_a_name")
        ]

    def __str__(self) -> str:
        return f"agreement {self.id}"

    @property
    def is_in_force(self) -> bool:
        return self.ends_at > timezone.now()

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: object) -> set[str]:
        return set()


class LegalHold(models.Model):
    """Nothing of a project, or of one patient in it, is erased while it stands: neither by the
    project's rule nor by a withdrawal."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="holds")
    # None: everything of the project.
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=400)
    placed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField()
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)
    lift_reason = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["-placed_at"]

    def __str__(self) -> str:
        return f"legal hold {self.id}"

    @property
    def state(self) -> str:
        return "standing" if self.lifted_at is None else "lifted"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: object) -> set[str]:
        return set()


class HeldErasure(models.Model):
    """A subject whose withdrawal would have destroyed its key, had no legal hold stood: done once
    none stands."""

    subject = models.OneToOneField(Subject, on_delete=models.PROTECT, primary_key=True)
    asked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"held erasure of {self.subject_id}"


class EmergencyAccess(models.Model):
    """Somebody broke the glass of a project: why, until when, how they proved who they are, and
    what an officer said of it afterwards."""

    class State(models.TextChoices):
        OPEN = "open"
        ENDED = "ended"
        REVIEWED = "reviewed"

    class Finding(models.TextChoices):
        JUSTIFIED = "justified"
        NOT_JUSTIFIED = "not_justified", "Not justified"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="emergencies")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN, db_index=True)
    reason = models.CharField(max_length=400)
    proof = models.CharField(max_length=40)
    began_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    finding = models.CharField(max_length=14, choices=Finding, blank=True)
    remark = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["-began_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "person"],
                condition=models.Q(state="open"),
                name="one_open_emergency_a_person",
            )
        ]

    def __str__(self) -> str:
        return f"emergency access {self.id}"

    @property
    def last_moment(self) -> Any:
        """When it ended, or will."""
        return self.ended_at or self.ends_at

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return {"author"} if self.person_id == user.pk else set()


class ProjectUserObjectPermission(UserObjectPermissionBase):
    """A role in a project; ``ends_at`` is that of the agreement, if it rests on one."""

    content_object = models.ForeignKey(Project, on_delete=models.CASCADE)
    ends_at = models.DateTimeField(null=True)
    agreement = models.ForeignKey(
        Agreement, on_delete=models.PROTECT, null=True, related_name="grants"
    )


class ProjectGroupObjectPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Project, on_delete=models.CASCADE)
