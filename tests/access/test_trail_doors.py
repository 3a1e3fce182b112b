"""Verifying and exporting the trail: for officers, and nothing is done for anyone else."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from apps.access import trail
from apps.access.errors import Forbidden
from apps.audit.models import Event

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("work", "ask"),
    [("verify_trail", trail.verify), ("export.bundle_lines", trail.export_bundle)],
)
def test_the_trail_is_not_read_for_who_may_not_read_it(person, work, ask):
    """It is long work, and what it finds is not for everybody."""
    with patch(f"apps.access.trail.{work}") as reading, pytest.raises(Forbidden):
        ask(person("adjudicator", "compliance_officer"))
    assert not reading.called
    assert Event.objects.filter(action__startswith="audit.", outcome="refused").count() == 1
    with patch(f"apps.access.trail.{work}") as reading:
        reading.return_value.entries = 1
        ask(person(system=("compliance_officer",)))
    assert reading.called
