"""Ontologies and their versions. A published version never changes."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from apps.projects.models import Project


class OntologyVersion(models.Model):
    """``definition`` is the whole of it (domain/definition.py), ``digest`` its canonical SHA-256.
    A published version never changes; ``save`` refuses it whoever asks."""

    class State(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="ontologies")
    slug = models.SlugField()
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    definition = models.JSONField()
    digest = models.CharField(max_length=64)
    published_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "slug", "number"], name="one_ontology_version_a_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.slug} {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        stands = OntologyVersion.objects.filter(pk=self.pk, state=self.State.PUBLISHED).first()
        if stands is not None and (stands.digest, stands.definition, stands.state) != (
            self.digest,
            self.definition,
            self.state,
        ):
            raise ValueError("a published ontology version never changes: draft the next one")
        super().save(*args, **kwargs)

    def policy_project(self) -> Project:
        return self.project
