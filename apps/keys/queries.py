"""Reads of subjects."""

from __future__ import annotations

import uuid

from apps.access import grants, roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.keys.models import Subject

_STEWARD = roles.codename(roles.DATA_STEWARD)


def subject_for(user: User, subject_id: uuid.UUID) -> Subject:
    """Raises NotFound for anyone who is no data steward in any project that holds the subject."""
    subject = Subject.objects.filter(pk=subject_id).first()
    if subject is None or not any(
        _STEWARD in grants.granted_codenames(user, project) for project in subject.policy_projects()
    ):
        raise NotFound
    return subject
