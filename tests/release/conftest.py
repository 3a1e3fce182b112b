"""A signed clip, a frozen and a published release of it, for the tests of releases."""

from __future__ import annotations

import pytest

from apps.adjudication.models import Adjudication
from apps.projects.models import Project
from apps.release import services
from apps.release.models import Release
from tests import builders
from tests.release.releasing import FORMATS, make_archive


def _signed(project, person) -> Adjudication:
    return builders.signed_adjudication(project, person, builders.ready_clip(project))


@pytest.fixture(scope="module")
def kept_signed(kept) -> Adjudication:
    return kept.make(_signed, kept.person)


@pytest.fixture
def project(kept, db) -> Project:
    return Project.objects.get(pk=kept.project.pk)


@pytest.fixture
def signed(kept_signed, db) -> Adjudication:
    return Adjudication.objects.get(pk=kept_signed.pk)


@pytest.fixture
def frozen(project, person, signed) -> Release:
    return services.freeze(
        person("project_lead"), project, version="1.0.0", formats=FORMATS.split(",")
    )


@pytest.fixture
def published(project, person, frozen) -> Release:
    services.approve(person("compliance_officer"), frozen)
    return services.publish(person("project_lead"), make_archive(frozen))
