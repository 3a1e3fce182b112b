"""Ontology versions: numbered, published once, never changed."""

from __future__ import annotations

import copy

import pytest

from apps.access.errors import Conflict, Refused
from apps.ontology.models import OntologyVersion
from apps.ontology.services import current, draft_version, publish_version
from tests.builders import published_ontology

pytestmark = pytest.mark.django_db


def test_a_published_version_never_changes_and_the_next_one_has_the_next_number(command, project):
    first = published_ontology(project)
    first.definition = {**first.definition, "title": "Another"}
    with pytest.raises(ValueError, match="never changes"):
        first.save()
    with pytest.raises(Conflict):
        publish_version(command, OntologyVersion.objects.get(pk=first.pk))
    definition = copy.deepcopy(OntologyVersion.objects.get(pk=first.pk).definition)
    definition["classes"][0]["guideline"] = "A clearer guideline."
    second = publish_version(command, draft_version(command, project, definition=definition))
    assert second.number == first.number + 1 and second.digest != first.digest
    assert current(project) == second


def test_a_definition_that_does_not_hold_is_refused(command, project):
    definition = copy.deepcopy(published_ontology(project).definition)
    definition["classes"][0]["geometry"] = "cloud"
    with pytest.raises(Refused) as refusal:
        draft_version(command, project, definition=definition)
    assert refusal.value.code == "invalid_ontology"
