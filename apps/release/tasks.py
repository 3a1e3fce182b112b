"""Background work: proofs of approvals, archives for download."""

from __future__ import annotations

from django.db.models import Q

from apps.access.actor import service
from apps.access.errors import Refused
from apps.jobs.models import Job
from apps.jobs.work import FailedError, JobHandle, enqueue, job, sweep
from apps.keys.keyring import KeyDestroyedError
from apps.release import services
from apps.release.archive import make_archive
from apps.release.domain.build import ReleaseRefused
from apps.release.domain.freeze import FreezeError
from apps.release.domain.media import MediaError
from apps.release.models import ENDED, Release

KIND = "release.archive"


@sweep
def find_releases() -> int:
    """Prove approvals whose proof is missing, and queue archives that are missing or unapproved."""
    found = 0
    for release in Release.objects.filter(
        state__in=[Release.State.APPROVED, Release.State.PUBLISHED], approval=None
    ).select_related("approved_by"):
        services.prove_approval(release)
        found += 1
    waiting = Release.objects.exclude(state__in=ENDED).filter(
        Q(archive=None) | Q(approval__isnull=False, is_archive_approved=False)
    )
    for release in waiting:
        stage = "frozen" if release.approval is None else "approved"
        given_up = Job.objects.filter(
            kind=KIND,
            object_id=str(release.pk),
            state__in=[Job.State.PARKED, Job.State.CANCELLED],
            params__stage=stage,
        )
        if not given_up.exists():
            found += enqueue(KIND, release.pk, priority=3, is_long=True, stage=stage)
    return found


@job(KIND)
def build_archive(handle: JobHandle) -> None:
    """Write the release and keep it as one encrypted archive."""
    release = (
        Release.objects.select_related("project", "freeze_file")
        .filter(pk=handle.job.object_id)
        .exclude(state__in=ENDED)
        .first()
    )
    if release is None:
        return
    is_approved = release.approval is not None
    if release.archive_id is not None and release.is_archive_approved == is_approved:
        return

    def told(name: str, done: int, of: int) -> None:
        handle.progress(0.9 * done / max(of, 1), f"writing {name}"[:80])

    try:
        archive = make_archive(release, told)
    except (ReleaseRefused, FreezeError, MediaError, Refused, KeyDestroyedError) as error:
        raise FailedError(str(error)) from None
    services.store_archive(service("worker"), release, archive=archive, is_approved=is_approved)
