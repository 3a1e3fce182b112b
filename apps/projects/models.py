"""Projects: protocol, routing, retention, options; roles in them are object grants."""

from __future__ import annotations

import os
import uuid

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import roles
from apps.vault.master import unwrap_key, wrap_key


class Project(models.Model):
    """``options``: ``pixels_without_person`` (ingest may clear pixels), ``assign_to_all`` (each
    ready clip goes to every annotator), ``keep_originals``; those of de-identification stand in
    ``apps/deid/policy.py``."""

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
        permissions = [(roles.codename(role), role) for role in roles.GRANTED_ROLES]

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.wrapped_secret:
            self.wrapped_secret = wrap_key(os.urandom(32), f"project/{self.id}")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def secret(self) -> bytes:
        """32 bytes that only this project's pseudonyms, UIDs and splits derive from."""
        return unwrap_key(self.wrapped_secret, f"project/{self.id}", before="projects")

    def policy_project(self) -> Project:
        return self

    def relations(self, user: object) -> set[str]:
        return set()


class ProjectUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Project, on_delete=models.CASCADE)


class ProjectGroupObjectPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Project, on_delete=models.CASCADE)
