"""What is known of a subject within a project: the harvest of all its instances."""

from __future__ import annotations

from typing import Any

from apps.deid import services
from apps.deid.domain.harvest import Harvest
from apps.intake.models import ReceivedInstance
from apps.keys.models import Subject
from apps.projects.models import Project

_MOST = 200


def subject_harvest(project: Project, subject: Subject | None, leave_out: Any) -> Harvest | None:
    """What the subject's instances in the project held, but for the instance ``leave_out`` (its
    primary key, or None); None where there is nothing yet. Raises KeyDestroyedError."""
    rows = (
        ReceivedInstance.objects.filter(project=project, subject=subject)
        .exclude(pk=leave_out)
        .filter(deidentification__sealed_harvest__isnull=False)
        .select_related("subject", "deidentification")
    )
    merged: Harvest | None = None
    for row in rows[:_MOST]:
        one = Harvest.from_bytes(services.harvest_bytes_of(row))
        merged = one if merged is None else merged.merge(one)
    return merged
