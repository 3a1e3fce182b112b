"""Pseudonyms, UID keys and date offsets: drawn at random, sealed with the subject's key."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from apps.deid.domain.profile import Profile
from apps.deid.models import ProjectSubject
from apps.keys.keyring import seal_for, unseal_for
from apps.keys.models import Subject
from apps.projects.models import Project

_PURPOSE = "project-subject"
_DAY_S = 86_400


@dataclass(frozen=True)
class Identity:
    """Who a subject is within a project."""

    row: ProjectSubject
    uid_key: bytes = field(repr=False)
    date_shift_s: int = field(repr=False)

    @property
    def pseudonym(self) -> str:
        return self.row.pseudonym


def identity_of(project: Project, subject: Subject, profile: Profile) -> Identity:
    """The subject's identity in the project, drawn on first sight. Raises KeyDestroyedError."""
    row = ProjectSubject.objects.filter(project=project, subject=subject).first()
    while row is None:
        row = _draw(project, subject, profile)
    held = json.loads(unseal_for(subject, bytes(row.sealed), _PURPOSE))
    return Identity(row, bytes.fromhex(held["uid_key"]), int(held["date_shift_s"]))


def _draw(project: Project, subject: Subject, profile: Profile) -> ProjectSubject | None:
    low, high = profile.date_range_days
    shift = -secrets.randbelow((high - low) * _DAY_S + 1) + high * _DAY_S
    if not profile.date_with_time_of_day:
        shift = shift // _DAY_S * _DAY_S
    held = {"uid_key": os.urandom(32).hex(), "date_shift_s": shift}
    pseudonym = "P-" + base64.b32encode(os.urandom(5)).decode()[:6]
    try:
        with transaction.atomic():
            return ProjectSubject.objects.create(
                project=project,
                subject=subject,
                pseudonym=pseudonym,
                sealed=seal_for(subject, json.dumps(held).encode(), _PURPOSE),
            )
    except IntegrityError:
        return ProjectSubject.objects.filter(project=project, subject=subject).first()
