"""Who saw what of which patient and when: read from the trail, for the compliance officer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from apps.access.errors import Refused
from apps.access.models import User
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation.models import LabelSet
from apps.audit.domain.unusual import Access
from apps.audit.models import Event
from apps.deid.models import ProjectSubject
from apps.intake.departments import code_of
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import KeyDestroyedError
from apps.library.models import Clip, IncidentalFinding, Instance, Series, Study
from apps.release.collecting import read_freeze
from apps.release.models import Release
from apps.vault.domain.streaming_aead import VaultCorruptError
from clinical_annot.queries import events_for

# Actions that show pictures of a patient or hand them out.
SEEING = (
    "clip.open",
    "clip.watched",
    "clip.identify",
    "instance.retrieve",
    "deid.open_review",
    "release.download",
)
WORDS = {
    "clip.open": "opened the clip",
    "clip.watched": "watched frames",
    "clip.identify": "learned whose it is",
    "instance.retrieve": "retrieved by DICOMweb",
    "deid.open_review": "looked at quarantine",
    "release.download": "downloaded the release",
}


@dataclass(frozen=True)
class Asked:
    """What the officer asked for; ``until`` is past the last moment."""

    pseudonym: str = ""
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None
    everything: bool = False


@dataclass(frozen=True)
class Row:
    """One access: ``entry`` its place in the log (None while it waits for one)."""

    event: Event
    entry: int | None
    person: User | None
    pseudonym: str
    what: str
    frames: str

    @property
    def door(self) -> str:
        return str(_private(self.event).get("door", ""))

    @property
    def origin(self) -> str:
        """An address, or the operating system's user."""
        return str(_private(self.event).get("origin", ""))


def accesses(user: User, asked: Asked, most: int) -> tuple[list[Row], int]:
    """The newest ``most`` accesses that fit, newest first, and how many fit at all.

    Without ``everything`` only what shows or hands out pictures counts, and only people. Raises
    NotFound for who is no officer, Refused for a pseudonym that none of their projects has.
    """
    events = events_for(user).exclude(actor="").order_by("-recorded_at")
    if not asked.everything:
        machines = User.objects.filter(is_service=True).values_list("pk", flat=True)
        events = events.filter(action__in=SEEING).exclude(actor__in=[str(pk) for pk in machines])
    if asked.pseudonym:
        events = events.filter(object_id__in=_objects_of(user, asked.pseudonym))
    if asked.person:
        named = Q(username__iexact=asked.person) | Q(printed_name__icontains=asked.person)
        people = User.objects.filter(named).values_list("pk", flat=True)
        events = events.filter(actor__in=[str(pk) for pk in people])
    if asked.since is not None:
        events = events.filter(recorded_at__gte=asked.since)
    if asked.until is not None:
        events = events.filter(recorded_at__lt=asked.until)
    found = list(events.select_related("leaf")[:most])
    return _rows(found, asked.pseudonym), events.count()


def _rows(events: list[Event], pseudonym: str) -> list[Row]:
    names = {str(one.pk): one for one in User.objects.filter(pk__in={e.actor for e in events})}
    subjects = {} if pseudonym else subjects_of(events)
    return [
        Row(
            event=item,
            entry=getattr(getattr(item, "leaf", None), "seq", None),
            person=names.get(item.actor),
            pseudonym=pseudonym or subjects.get(item.object_id, ""),
            what=WORDS.get(item.action, item.action),
            frames=_frames(item),
        )
        for item in events
    ]


def _private(item: Event) -> dict[str, Any]:
    return dict(json.loads(bytes(item.private)))


def _frames(item: Event) -> str:
    if item.action != "clip.watched":
        return ""
    spans = _private(item).get("spans", [])
    return ", ".join(f"{start}-{end - 1}" for start, end in spans[:12])


def _objects_of(user: User, pseudonym: str) -> set[str]:
    """Ids of everything that belongs to a patient: what events of it name as their object."""
    named = ProjectSubject.objects.filter(pseudonym__iexact=pseudonym)
    held = events_for(user).exclude(project="").order_by()
    within = set(held.values_list("project", flat=True).distinct())
    subjects = [row for row in named if str(row.project_id) in within]
    if not subjects:
        raise Refused(
            "no_such_pseudonym",
            "No patient of your projects has this pseudonym.",
            "Copy it from the study or the workspace.",
            field="pseudonym",
            status=404,
        )
    of_them = {"project_subject__in": subjects}
    received = ReceivedInstance.objects.filter(deidentification__project_subject__in=subjects)
    studies = Study.objects.filter(**of_them)
    clips = Clip.objects.filter(instance__series__study__in=studies)
    sets = LabelSet.objects.filter(places__clip__in=clips)
    names: set[str] = {str(row.pk) for row in subjects}
    for found in (
        received,
        studies,
        Series.objects.filter(study__in=studies),
        Instance.objects.filter(series__study__in=studies),
        clips,
        sets,
        Adjudication.objects.filter(clip__in=clips),
        Assignment.objects.filter(clip__in=clips),
        IncidentalFinding.objects.filter(clip__in=clips),
    ):
        names |= {str(pk) for pk in found.values_list("pk", flat=True)}
    wanted = {str(pk) for pk in clips.values_list("pk", flat=True)}
    projects = {row.project_id for row in subjects}
    for release in Release.objects.filter(project_id__in=projects):
        held_in = clips_in(release)
        if held_in is None or wanted & held_in:
            names.add(str(release.pk))
    return names


def clips_in(release: Release) -> set[str] | None:
    """Ids of a release's clips; None where its freeze cannot be read: nobody can say it is free."""
    try:
        return {clip.id for clip in read_freeze(release).clips}
    except (Refused, VaultCorruptError, KeyDestroyedError, OSError):
        return None


def subjects_of(events: Iterable[Event]) -> dict[str, str]:
    """Object id to its patient's pseudonym, for the objects that belong to one patient."""
    by_kind: dict[str, set[str]] = {}
    for item in events:
        by_kind.setdefault(item.object_type, set()).add(item.object_id)
    out: dict[str, str] = {}
    for model, path in _PATHS.items():
        wanted = by_kind.get(str(model._meta.model_name), set())
        if wanted:
            rows = model.objects.filter(pk__in=wanted).values_list("pk", path)  # type: ignore[attr-defined]
            out.update({str(pk): str(name or "") for pk, name in rows})
    return out


_SUBJECT = "project_subject__pseudonym"
_PATHS: Mapping[Any, str] = {
    Clip: f"instance__series__study__{_SUBJECT}",
    Instance: f"series__study__{_SUBJECT}",
    Series: f"study__{_SUBJECT}",
    Study: _SUBJECT,
    ReceivedInstance: f"deidentification__{_SUBJECT}",
    Adjudication: f"clip__instance__series__study__{_SUBJECT}",
    Assignment: f"clip__instance__series__study__{_SUBJECT}",
    IncidentalFinding: f"clip__instance__series__study__{_SUBJECT}",
}


_DEPARTMENT = "department_code"
_DEPARTMENTS: Mapping[Any, str] = {
    Clip: f"instance__source__{_DEPARTMENT}",
    Instance: f"source__{_DEPARTMENT}",
    Series: f"instances__source__{_DEPARTMENT}",
    Study: f"series__instances__source__{_DEPARTMENT}",
    ReceivedInstance: _DEPARTMENT,
}


def _departments_of(events: list[Event]) -> dict[str, set[str]]:
    """Object id to the codes of the departments that what belongs to it came from, where known."""
    out: dict[str, set[str]] = {}
    for model, path in _DEPARTMENTS.items():
        kind = str(model._meta.model_name)
        wanted = {item.object_id for item in events if item.object_type == kind}
        if not wanted:
            continue
        rows = model.objects.filter(pk__in=wanted).exclude(**{path: ""})
        for pk, code in rows.values_list("pk", path).distinct():
            out.setdefault(str(pk), set()).add(str(code))
    return out


def as_accesses(rows: list[Row], refused: list[Event]) -> list[Access]:
    """For the rules of what is unusual: whether each was that person's own work."""
    given = {
        (str(clip), str(person))
        for clip, person in Assignment.objects.values_list("clip_id", "person_id")
    }
    codes = _departments_of([row.event for row in rows])
    own = {
        str(one.pk): code_of(one.department)
        for one in User.objects.exclude(department="").filter(
            pk__in={row.event.actor for row in rows}
        )
    }
    # Stewards, leads and researchers see by their role or their grant, not by an assignment.
    seen = [
        Access(
            person=row.event.actor,
            at=row.event.recorded_at,
            subject=row.pseudonym,
            is_given=row.event.object_type != "clip"
            or (row.event.object_id, row.event.actor) in given,
            # Where either is not known nothing is said.
            is_elsewhere=bool(own.get(row.event.actor) and codes.get(row.event.object_id))
            and own[row.event.actor] not in codes[row.event.object_id],
        )
        for row in rows
    ]
    return seen + [
        Access(item.actor, item.recorded_at, "", is_given=True, is_refused=True)
        for item in refused
        if item.actor
    ]
