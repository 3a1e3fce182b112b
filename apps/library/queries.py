"""Reads of de-identified studies and clips, from what a person may see."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import Func, Q, QuerySet
from django.db.models.functions import Substr
from django.db.models.lookups import In, IsNull
from django.utils import timezone

from apps.access import roles
from apps.access.actor import system_roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.jobs.models import Job
from apps.library.domain.blanked import with_blanked
from apps.library.domain.calibration import regions_json, regions_of
from apps.library.domain.index_format import HEAD_BYTES, FrameIndex, time_base_of
from apps.library.domain.procedure import Part, in_order
from apps.library.models import Clip, ClipOpening, IncidentalFinding
from apps.projects.queries import project_ids, projects_by_role

FEW, _MANY = 400, 16
# Columns with a piece a picture.
LARGE = ("frame_index", "digests", "review_index")
SEE_ALL_CLIPS = (roles.PROJECT_LEAD, roles.DATA_STEWARD, roles.EMERGENCY)

# Rooms above say which clips a person was given work on, told the person's projects by role: each
# a query of clip ids, or a list of at most FEW.
ASSIGNED_CLIPS: list[Callable[[User, dict[str, set[Any]]], Any]] = []


class _Unindexed(Func):
    """A column as a term that SQLite does not choose an index by
    (https://sqlite.org/optoverview.html, unary plus); without statistics it takes any list of
    values for a rare one."""

    template = "%(expressions)s"
    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


def may_see(user: User) -> Q:
    """The condition on Clip that ``clips_for`` sets."""
    held = projects_by_role(user)
    every = set[Any]().union(*(held.get(role, ()) for role in SEE_ALL_CLIPS))
    # Who sees many projects finds a page soonest by going through the clips in order.
    seen = Q(In(_Unindexed("project_id"), every)) if len(every) > _MANY else Q(project_id__in=every)
    # What a person labels once more is for that person alone.
    seen &= Q(IsNull(_Unindexed("repeats_id"), True))
    for assigned in ASSIGNED_CLIPS:
        if (found := _few(assigned(user, held))) is not None:
            seen |= Q(pk__in=found)
    return seen


def _few(ids: Any) -> Any:
    """The ids themselves where they are few (found once, a list does not look for them anew at
    every row), the query where they are many, None where there is none."""
    if isinstance(ids, list):
        return ids or None
    if ids.query.is_empty():
        return None
    found = list(ids[: FEW + 1])
    return ids if len(found) > FEW else found or None


def clips_for(user: User) -> QuerySet[Clip]:
    """Clips whose pictures ``user`` may see: all of a project for its lead and steward, else those
    that were assigned. Index and digests, megabytes for a long clip, come when they are asked
    for."""
    rows = Clip.objects.filter(may_see(user)).select_related(
        "project", "review", "master", "instance__series__study__project_subject", "instance__file"
    )
    return rows.defer(*LARGE).annotate(index_head=Substr("frame_index", 1, HEAD_BYTES))


def clip_for(user: User, clip_id: uuid.UUID) -> Clip:
    """Raises NotFound where the person may not see the clip, or there is none."""
    clip = clips_for(user).filter(pk=clip_id).first()
    if clip is None:
        raise NotFound
    return clip


def procedure_of(user: User, clip: Clip) -> list[Part]:
    """The ready clips of the clip's study that the person may see, and the clip, in order. One that
    repeats another stands alone: beside its study it would be known."""
    of_study = Q(pk=clip.pk)
    if clip.repeats_id is None:
        of_study |= Q(state=Clip.State.READY, instance__series__study=clip.study, repeats=None)
    return in_order(clips_for(user).filter(of_study).distinct())


def findings_for(user: User) -> QuerySet[IncidentalFinding]:
    """Incidental findings of the projects of which ``user`` is steward or officer (of all for the
    system's officer)."""
    rows = IncidentalFinding.objects.select_related(
        "clip__project", "clip__instance__series__study__project_subject", "clip__repeats",
        "flagged_by",
    )  # fmt: skip
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return rows
    held = project_ids(user, roles.DATA_STEWARD, roles.COMPLIANCE_OFFICER)
    return rows.filter(clip__project__in=held)


def stewarded_findings(user: User) -> QuerySet[IncidentalFinding]:
    """Those that this person works on as a steward: with their texts."""
    held = project_ids(user, roles.DATA_STEWARD)
    return findings_for(user).filter(clip__project__in=held)


def waiting_findings(user: User) -> int:
    """How many are not closed, of those that this person may read of."""
    return findings_for(user).exclude(state=IncidentalFinding.State.CLOSED).count()


def live_opening(user: User, clip: Clip) -> bool:
    """Whether this person has the clip open now."""
    return ClipOpening.objects.filter(user=user, clip=clip, expires_at__gt=timezone.now()).exists()


def index_of(clip: Clip) -> FrameIndex:
    return FrameIndex.from_bytes(bytes(clip.frame_index or b""))


def shots_of(clip: Clip) -> list[int]:
    """First frames of every shot of a clip but the first, with the edges of what was blanked."""
    return with_blanked(clip.shots or (), clip.blanked_spans, clip.n_frames)


def progress_of(clip: Clip) -> dict[str, Any] | None:
    """What the background is doing for this clip, if anything."""
    job = (
        Job.objects.filter(object_id=str(clip.pk), kind="library.make_clip")
        .order_by("-created_at")
        .first()
    )
    return None if job is None else told(job)


def told(job: Job) -> dict[str, Any]:
    return {"state": job.state, "progress": round(job.progress, 3), "step": job.step}


def as_json(clip: Clip, progress: Callable[[Clip], Any] | None = None) -> dict[str, Any]:
    """What the API says of a clip (the names that stay). ``progress`` answers for ``progress_of``
    where it was read for many."""
    is_ready = clip.state == Clip.State.READY
    body: dict[str, Any] = {
        "id": str(clip.pk),
        "name": clip.name,
        "state": clip.state,
        "n_frames": clip.n_frames,
        "width_px": clip.width_px,
        "height_px": clip.height_px,
        "fps": clip.fps,
        "duration_s": clip.duration_s,
        "time_base": None,
        "pseudonym": clip.pseudonym,
        "project": clip.project.slug,
        "warnings": clip.warnings,
        "times_from": clip.times_from if is_ready else None,
        "blanked_spans": clip.blanked_spans,
        "shots": shots_of(clip),
        "regions": regions_json(
            regions_of(clip.instance.header, clip.width_px or 0, clip.height_px or 0)
        ),
        "digest_exact": clip.digest_exact,
        "review_url": f"/clips/{clip.pk}/review.mp4" if is_ready and _serves_video(clip) else None,
        "frame_url": f"/api/v1/clips/{clip.pk}/frames/{{index}}.png",
        "pts_url": f"/api/v1/clips/{clip.pk}/index.json",
        "progress": None if is_ready else (progress or progress_of)(clip),
    }
    if is_ready:
        # ``clips_for`` and lists have read the head alone.
        head = clip.__dict__.get("index_head") or clip.frame_index
        body["time_base"] = list(time_base_of(bytes(head or b"")))
    return body


def _serves_video(clip: Clip) -> bool:
    return clip.review_id is not None or clip.media == Clip.Media.VIDEO
