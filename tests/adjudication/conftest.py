"""A clip with a published ontology, made once a file; clips of a project that gives some back."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access.actor import Actor
from apps.adjudication import workflow
from apps.library.models import Clip
from tests import builders
from tests.adjudication.coming_back import RULE


def _clip(project: Any) -> Clip:
    builders.published_ontology(project)
    return builders.ready_clip(project)


@pytest.fixture(scope="module")
def kept_clip(kept: Any) -> Clip:
    return kept.make(_clip)


@pytest.fixture
def clip(kept_clip: Clip, db: None) -> Clip:
    return Clip.objects.get(pk=kept_clip.pk)


def _clips(project: Any) -> list[Clip]:
    """A clip to label, a second of the same patient, one of another."""
    builders.published_ontology(project)
    project.options = {**project.options, "assign_to_all": False}
    project.save()
    first = builders.ready_clip(project, patient="one")
    return [first, builders.ready_clip(project, patient="one"), builders.ready_clip(project)]


@pytest.fixture(scope="module")
def kept_clips(kept: Any) -> list[Clip]:
    return kept.make(_clips)


@pytest.fixture
def clips(kept_clips: list[Clip], db: None) -> list[Clip]:
    return [Clip.objects.get(pk=clip.pk) for clip in kept_clips]


@pytest.fixture
def lead(person: Any, clips: list[Clip]) -> Actor:
    made: Actor = person("project_lead")
    workflow.set_workflow(made, clips[0].project, rule=RULE)
    for clip in clips:
        clip.project.refresh_from_db()
    return made
