"""Reads of releases, from what a person may see."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import F, Q, QuerySet

from apps.access import grants, roles
from apps.access.actor import system_roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.annotation.models import LabelSet
from apps.intake.pacs.models import RemoteNode
from apps.jobs.models import Job
from apps.library.models import Clip
from apps.projects.models import Project
from apps.projects.queries import project_ids, projects_for
from apps.release.models import Destination, RecallNotice, Release, Sending
from apps.release.recalls import downloads_of

_SEE_ALL = (roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER)


def releases_for(user: User) -> QuerySet[Release]:
    """Releases that ``user`` may see, newest first: all of a project for its leads and officers
    (of every project for the system's officer), else those that were granted."""
    releases = Release.objects.select_related(
        "project", "frozen_by", "drafted_by", "approved_by", "archive", "supersedes"
    ).order_by(F("frozen_at").desc(nulls_first=True), "-drafted_at")
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return releases
    granted = Q(
        pk__in=grants.granted_ids(user, ["download"], Release),
        project_id__in=project_ids(user, roles.RESEARCHER, roles.PROJECT_LEAD),
    )
    return releases.filter(Q(project_id__in=project_ids(user, *_SEE_ALL)) | granted)


def release_for(user: User, release_id: uuid.UUID) -> Release:
    """Raises NotFound where the person may not see the release, or there is none."""
    found = releases_for(user).filter(pk=release_id).first()
    if found is None:
        raise NotFound
    return found


def led_projects(user: User) -> QuerySet[Project]:
    """Projects in which ``user`` may freeze releases."""
    return projects_for(user, roles.PROJECT_LEAD)


def led_project(user: User, slug: str) -> Project:
    """Raises NotFound unless the person leads a project of this name."""
    found = led_projects(user).filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found


def importable_clips(user: User) -> QuerySet[Clip]:
    """Ready clips of the projects that ``user`` leads: labels may be imported for them."""
    return (
        Clip.objects.filter(state=Clip.State.READY, project__in=led_projects(user), repeats=None)
        .select_related("project", "instance")
        .order_by("project__name", "name")
    )


def imported_sets(user: User) -> QuerySet[LabelSet]:
    """Imported label sets of the projects that ``user`` leads, newest first."""
    return (
        LabelSet.objects.filter(origin=LabelSet.Origin.IMPORTED, project__in=led_projects(user))
        .select_related("project", "author", "ontology")
        .prefetch_related("places__clip")
        .order_by("-created_at")
    )


def archive_job(release: Release) -> Job | None:
    """What the background last did for this release's archive."""
    rows = Job.objects.filter(kind="release.archive", object_id=str(release.pk))
    return rows.order_by("-created_at").first()


def check_job(release: Release) -> Job | None:
    """What the background last did to check this draft."""
    rows = Job.objects.filter(kind="release.check", object_id=str(release.pk))
    return rows.order_by("-created_at").first()


def notices_for(user: User) -> QuerySet[RecallNotice]:
    """What ``user`` was told of recalled releases that they downloaded, newest first."""
    return RecallNotice.objects.filter(person=user).select_related("release__project")


def notice_for(user: User, notice_id: uuid.UUID) -> RecallNotice:
    """Raises NotFound where it is addressed to somebody else, or there is none."""
    found = notices_for(user).filter(pk=notice_id).first()
    if found is None:
        raise NotFound
    return found


def may_see_downloads(user: User, release: Release) -> bool:
    """Leads and officers see who has a release; researchers do not see each other."""
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return True
    return release.project_id in set(project_ids(user, *_SEE_ALL))


def nodes_to_send_to(user: User, release: Release) -> QuerySet[RemoteNode]:
    """Remote nodes that ``user`` may send the release to: for leads of its project."""
    known = RemoteNode.objects.filter(removed_at=None)
    leads = release.project_id in set(project_ids(user, roles.PROJECT_LEAD))
    return known if leads else known.none()


def approvers_of(release: Release) -> list[User]:
    """Who may approve a frozen release: officers of its project and of all, but who froze it."""
    everywhere = User.objects.filter(is_active=True, is_service=False).exclude(system_roles=[])
    officers = {
        *grants.holders(roles.codename(roles.COMPLIANCE_OFFICER), release.project),
        *(each for each in everywhere if roles.COMPLIANCE_OFFICER in system_roles(each)),
    }
    return sorted(
        (each for each in officers if each.pk != release.frozen_by_id),
        key=lambda each: (each.display_name, each.pk),
    )


def places_to_send_to(user: User, release: Release) -> list[RemoteNode | Destination]:
    """Where ``user`` may send the release to: for leads of its project, what its administrator
    entered."""
    known = nodes_to_send_to(user, release)
    leads = release.project_id in set(project_ids(user, roles.PROJECT_LEAD))
    others = Destination.objects.filter(removed_at=None) if leads else Destination.objects.none()
    return [*known, *others]


def destinations_for(user: User) -> QuerySet[Destination]:
    """Raises NotFound for anyone but a PACS administrator."""
    if roles.PACS_ADMINISTRATOR not in system_roles(user):
        raise NotFound
    return Destination.objects.filter(removed_at=None)


def destination_for(user: User, destination_id: uuid.UUID) -> Destination:
    """Raises NotFound where there is none, or for another person."""
    found = destinations_for(user).filter(pk=destination_id).first()
    if found is None:
        raise NotFound
    return found


def sending_for(user: User, sending_id: uuid.UUID) -> Sending:
    """Raises NotFound where the person may not see who has its release, or there is none."""
    found = Sending.objects.select_related("release").filter(pk=sending_id).first()
    if found is None or not may_see_downloads(user, found.release):
        raise NotFound
    return found


def sendings_of(release: Release) -> list[dict[str, Any]]:
    """What was sent where, newest first, with how far it is and why it ended."""
    rows = list(release.sendings.select_related("node", "destination", "asked_by"))
    jobs = {
        job.object_id: job
        for job in Job.objects.filter(
            kind="release.send", object_id__in=[str(row.pk) for row in rows]
        ).order_by("created_at")
    }
    return [
        {"id": str(row.pk), "node": row.place.name, "kind": row.destination.kind
         if row.destination else "c-store", "person": row.asked_by.display_name, "at": row.asked_at,
         "sha256": row.sha256, "state": row.state, "reason": row.reason,
         "instances": row.n_instances, "taken": row.n_taken, "ended_at": row.ended_at,
         "progress": job.progress if (job := jobs.get(str(row.pk))) else 0.0}
        for row in rows
    ]  # fmt: skip


def handed_out(user: User, release: Release) -> dict[str, Any]:
    """Every download with person, time and digest, and the notices of a recall with their answers.

    Raises NotFound for who may not see it."""
    if not may_see_downloads(user, release):
        raise NotFound
    return {
        "release": str(release.pk),
        "version": release.version,
        "state": release.state,
        "reason": release.withdrawn_reason,
        "recalled_at": release.recalled_at,
        "downloads": [
            {"person": each.person.display_name, "pseudonym": each.person.pseudonym,
             "at": each.at, "sha256": each.sha256}
            for each in downloads_of(release)
        ],
        "sendings": sendings_of(release),
        "notices": [
            {"person": notice.person.display_name, "pseudonym": notice.person.pseudonym,
             "n_downloads": notice.n_downloads, "sha256": notice.digests,
             "written_at": notice.written_at, "answered_at": notice.answered_at,
             "answer": notice.answer}
            for notice in release.notices.select_related("person")
        ],
    }  # fmt: skip


def notice_json(notice: RecallNotice) -> dict[str, Any]:
    """What the API tells the person of a recalled release that they have."""
    return {
        "id": str(notice.pk),
        "release": str(notice.release_id),
        "project": notice.release.project.slug,
        "version": notice.release.version,
        "reason": notice.release.withdrawn_reason,
        "sha256": notice.digests,
        "downloads": notice.n_downloads,
        "written_at": notice.written_at,
        "answered_at": notice.answered_at,
    }


def as_json(release: Release) -> dict[str, Any]:
    """What the API says of a release."""
    archive = release.archive if release.is_archive_approved else None
    is_published = release.state == Release.State.PUBLISHED
    newer = release.superseded_by
    return {
        "id": str(release.pk),
        "project": release.project.slug,
        "version": release.version,
        "state": release.state,
        "formats": release.formats,
        "n_clips": release.n_clips,
        "left_out": [{"clip": row["clip"], "reason": row["reason"]} for row in release.left_out],
        "freeze_digest": release.freeze_digest,
        "frozen_at": release.frozen_at,
        "frozen_by": release.frozen_by.pseudonym if release.frozen_by else None,
        "approved": release.approval is not None,
        "approved_at": release.approved_at,
        "approved_by": release.approved_by.pseudonym if release.approved_by else None,
        "published_at": release.published_at,
        "withdrawn_reason": release.withdrawn_reason,
        "recalled_at": release.recalled_at,
        "supersedes": release.supersedes.version if release.supersedes else None,
        "superseded_by": newer.version if newer else None,
        "archive": {"size_bytes": archive.size_bytes, "sha256": archive.sha256}
        if archive is not None
        else None,
        "download_url": f"/api/v1/releases/{release.pk}/download" if is_published else None,
    }
