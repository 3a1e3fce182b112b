"""Verbs of a draft: what a release shall hold is chosen, checked in the background, then frozen."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.verb import event, verb
from apps.jobs.work import enqueue
from apps.projects.models import Project
from apps.release import services
from apps.release.checking import Report
from apps.release.collecting import Progress
from apps.release.dividing import Division, checked_division
from apps.release.domain.freeze import canonical
from apps.release.domain.registry import FORMATS
from apps.release.models import Release

State = Release.State
CHECK = "release.check"


def choices_digest(release: Release) -> str:
    """What a check report is about: the choices as they stand."""
    said = {"version": release.version, "formats": release.formats, "choices": release.choices}
    return sha256(canonical(said)).hexdigest()


def division_of(release: Release) -> Division:
    """What the draft says of splits and sampling."""
    return checked_division(release.choices)


def is_checked(release: Release) -> bool:
    """Whether a report on the choices as they stand found nothing that forbids freezing."""
    report = release.report or {}
    return bool(report.get("holds")) and report.get("of") == choices_digest(release)


@verb("release.draft", roles={roles.PROJECT_LEAD})
def begin_draft(actor: Actor, project: Project, *, version: str) -> Release:
    """Begin a release: its version is taken from now on, nothing is frozen."""
    services.check_version(project, version)
    usual = [name for name, each in FORMATS.items() if each.is_usual]
    draft = Release.objects.create(
        project=project,
        version=version,
        state=State.DRAFT,
        formats=usual,
        drafted_by=actor.user,
        drafted_at=timezone.now(),
    )
    event(actor, draft, public={"version": version})
    return draft


@verb("release.choose", roles={roles.PROJECT_LEAD}, states=(State.DRAFT,))
def choose(
    actor: Actor,
    release: Release,
    *,
    formats: Iterable[str],
    clips: Iterable[str],
    division: dict[str, Any],
    about: dict[str, str],
    with_raters: bool = False,
) -> Release:
    """Choose clips, splits, sampling, formats and terms of a draft; it is then checked anew."""
    release.formats = services.checked_formats(formats)
    checked = checked_division(division)
    release.choices = {
        "clips": sorted({str(clip).lower() for clip in clips}),
        "shares": checked.shares,
        "by": list(checked.by),
        "sampling": {"by": checked.sampling[0], "at_most": checked.sampling[1]}
        if checked.sampling
        else None,
        "about": services.checked_about(about),
        "raters": with_raters,
    }
    release.report = None
    release.save(update_fields=["formats", "choices", "report"])
    enqueue(CHECK, release.pk, priority=10)
    event(
        actor,
        release,
        public={"version": release.version, "choices": choices_digest(release)},
        private={"formats": release.formats, "clips": len(release.choices["clips"])},
    )
    return release


@verb("release.check", roles={roles.SERVICE}, states=(State.DRAFT,))
def store_report(actor: Actor, release: Release, *, report: Report, of: str) -> Release:
    """Keep what the check of a draft found, unless other choices were made meanwhile."""
    if choices_digest(release) == of:
        release.report = {**report, "of": of, "checked_at": timezone.now().isoformat()}
        release.save(update_fields=["report"])
    event(
        actor,
        release,
        outcome="done" if report["holds"] else "failed",
        public={"version": release.version, "choices": of, "clips": report["n_clips"]},
    )
    return release


def freeze_draft(actor: Actor, release: Release, progress: Progress | None = None) -> Release:
    """Freeze a draft whose check holds. Raises Refused, Conflict."""
    if release.state == State.DRAFT and not is_checked(release):
        raise Conflict(
            "not_checked",
            "The draft has not been checked as it stands, or the check found a fault.",
            "Save it, wait for the check and mend what it names.",
        )
    return services.freeze(
        actor,
        release.project,
        version=release.version,
        formats=release.formats,
        only=release.choices.get("clips", []),
        progress=progress,
        about=release.choices.get("about", {}),
        division=division_of(release),
        with_raters=bool(release.choices.get("raters")),
        draft_release=release,
    )


@verb("release.discard", roles={roles.PROJECT_LEAD}, states=(State.DRAFT,))
def discard_draft(actor: Actor, release: Release) -> None:
    """Throw a draft away; its version is free again. Only a draft can be."""
    if release.freeze_file_id is not None:
        raise Refused("frozen", "A frozen release stays.", "Withdraw it.", status=409)
    event(actor, release, public={"version": release.version})
    release.delete()
