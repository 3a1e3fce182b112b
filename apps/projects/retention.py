"""A project's rule on originals, as the rooms above ask for it."""

from __future__ import annotations

from apps.projects.domain.retention import Rule, rule_of
from apps.projects.models import Project


def rule(project: Project) -> Rule:
    """What becomes of the originals of a project."""
    return rule_of(project.options)


def keeps(project: Project) -> bool:
    """Whether originals are kept for good: only then can anybody be promised them."""
    return project.keeps_originals
