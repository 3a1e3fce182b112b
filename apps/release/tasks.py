"""Background work: proofs of approvals, archives for download."""

from __future__ import annotations

from contextlib import suppress

from django.db.models import Q

from apps.access.actor import service
from apps.access.errors import Conflict, NotFound, Refused
from apps.jobs.models import Job
from apps.jobs.work import FailedError, JobHandle, enqueue, job, on_parked, sweep
from apps.keys.keyring import KeyDestroyedError
from apps.release import drafts, sending, services
from apps.release.archive import make_archive
from apps.release.checking import check_draft
from apps.release.domain.build import ReleaseRefused
from apps.release.domain.freeze import FreezeError
from apps.release.domain.media import MediaError
from apps.release.models import ENDED, Release, Sending

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
    waiting = Release.objects.exclude(state__in=(*ENDED, Release.State.DRAFT)).filter(
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
        .exclude(state__in=(*ENDED, Release.State.DRAFT))
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


@sweep
def find_unchecked() -> int:
    """Queue the check of drafts that were changed while one ran; what was given up waits for a
    person to save the draft again."""
    found = 0
    for draft in Release.objects.filter(state=Release.State.DRAFT, report=None).exclude(choices={}):
        last = Job.objects.filter(kind=drafts.CHECK, object_id=str(draft.pk))
        newest = last.order_by("-created_at").first()
        if newest is None or newest.state not in (Job.State.PARKED, Job.State.CANCELLED):
            found += enqueue(drafts.CHECK, draft.pk, priority=10)
    return found


@job(drafts.CHECK)
def check_release_draft(handle: JobHandle) -> None:
    """Check a draft as it stands."""
    rows = Release.objects.select_related("project").filter(state=Release.State.DRAFT)
    release = rows.filter(pk=handle.job.object_id).first()
    if release is None or release.report is not None:
        return

    def told(name: str, done: int, of: int) -> None:
        handle.progress(done / max(of, 1), f"checking {name}"[:80])

    of = drafts.choices_digest(release)
    report = check_draft(release, told)
    with suppress(Conflict, NotFound):  # frozen or thrown away meanwhile
        drafts.store_report(service("worker"), release, report=report, of=of)


@job(sending.SEND, waits_for_peer=True)
def send_release(handle: JobHandle) -> None:
    """Send a release; what was taken before it stopped is not sent again."""
    row = (
        Sending.objects.select_related("release__archive", "release__project", "node")
        .select_related("destination")
        .filter(pk=handle.job.object_id, state=Sending.State.QUEUED)
        .first()
    )
    if row is None:
        return
    reason = sending.store_files(row, handle.progress, handle.got_on)
    with suppress(Conflict):  # cancelled meanwhile
        sending.end_sending(service("worker"), row, reason=reason)


@on_parked(sending.SEND)
def sending_parked(row: Job) -> None:
    """Say on the release's page that a sending was given up."""
    found = Sending.objects.filter(pk=row.object_id, state=Sending.State.QUEUED).first()
    if found is not None:
        sending.end_sending(service("worker"), found, reason="given_up")
