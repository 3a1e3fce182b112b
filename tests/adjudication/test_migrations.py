"""Going back over this room's migrations takes away no protection that an older one gave."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations import RunPython

from apps.audit import triggers

pytestmark = pytest.mark.django_db


class Editor:
    connection = connection


def test_going_back_from_the_workflow_leaves_the_older_tables_append_only():
    module = importlib.import_module("apps.adjudication.migrations.0004_workflow")
    steps = module.Migration.operations
    # The table of the workflow goes in between; the older ones are looked after when all is back.
    for step in reversed(steps):
        if isinstance(step, RunPython):
            step.reverse_code(apps, Editor)
    gone = triggers.missing()
    assert gone and all("adjudication_workflowversion" in name for name in gone)
    assert isinstance(steps[0], RunPython)
    for step in steps:
        if isinstance(step, RunPython):
            step.code(apps, Editor)
    assert triggers.missing() == []
