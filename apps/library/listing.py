"""Clips by the page: what a person may see, filtered and cut in SQL, without the large columns."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Substr

from apps.access import roles
from apps.access.errors import Refused
from apps.access.models import User
from apps.jobs.models import Job
from apps.library import queries
from apps.library.domain.index_format import HEAD_BYTES
from apps.library.models import Clip
from apps.projects.models import Project
from apps.projects.queries import project_ids

MOST = 200
_ROLES = (*roles.PROJECT_ROLES, roles.EMERGENCY)
# What a list shows of a clip. The tables of index and digests are megabytes for a long one.
SHOWN = (
    "name", "state", "reason", "media", "codec", "n_frames", "width_px", "height_px", "warnings",
    "created_at", "shown_as",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """``following``: what to ask with to get the clips after these, "" where there are none."""

    clips: list[Clip]
    following: str


def seen_by(user: User) -> QuerySet[Clip]:
    """The clips of ``queries.clips_for`` in no order."""
    return Clip.objects.filter(queries.may_see(user)).order_by()


def page(
    user: User,
    *,
    project: Project | None = None,
    state: str = "",
    subject: str = "",
    after: str = "",
    count: int = 50,
    newest_first: bool = False,
    whole: bool = False,
) -> Page:
    """At most ``count`` (1 to 200) clips by the time they came. ``subject``: the beginning of a
    pseudonym or of a clip's name. ``whole``: with all that ``queries.as_json`` says, else SHOWN and
    the pseudonym as ``subject``. Raises Refused for a ``state`` that clips do not have, a
    ``count`` out of range, an ``after`` that is none of ours."""
    if not 1 <= count <= MOST:
        raise Refused("invalid_limit", f"It is not 1 to {MOST}.", "Ask for fewer.", field="limit")
    if state and state not in Clip.State.values:
        raise Refused(
            "invalid_state",
            "No clip has such a state.",
            f"Use {', '.join(Clip.State.values)}.",
            field="state",
        )
    clips = seen_by(user)
    if project is not None:
        clips = clips.filter(project=project)
    if state:
        clips = clips.filter(state=state)
    if subject:
        named = Q(instance__series__study__project_subject__pseudonym__istartswith=subject)
        named &= Q(repeats=None)
        clips = clips.filter(named | Q(name__istartswith=subject))
    if after:
        clips = clips.filter(_beyond(user, after, newest_first))
    order = ("-created_at", "-pk") if newest_first else ("created_at", "pk")
    if whole:
        related = ("project", "instance__series__study__project_subject")
        clips = clips.select_related(*related).defer(*queries.LARGE)
        clips = clips.annotate(index_head=Substr("frame_index", 1, HEAD_BYTES))
    else:
        clips = clips.only(*SHOWN)
        clips = clips.annotate(
            subject=F("instance__series__study__project_subject__pseudonym"),
        )
    found: list[Any] = list(clips.order_by(*order)[: count + 1])
    if not whole:
        for clip in found:
            clip.subject = clip.shown_as or clip.subject
    following = ""
    if len(found) > count:
        # The id alone: to the microsecond, the time would tell clips that came from those made.
        following = str(found[count - 1].pk)
    return Page(found[:count], following)


def _beyond(user: User, after: str, newest_first: bool) -> Q:
    try:
        last = uuid.UUID(after)
        # Not of ``seen_by``: it may have been taken from the person since the page before.
        mine = Clip.objects.filter(pk=last, project__in=project_ids(user, *_ROLES))
        when = mine.values_list("created_at", flat=True).get()
    except (ValueError, Clip.DoesNotExist):
        raise Refused(
            "invalid_after",
            "It is not the end of a page.",
            "Take it from the page before.",
            field="after",
        ) from None
    if newest_first:
        return Q(created_at__lte=when) & (Q(created_at__lt=when) | Q(pk__lt=last))
    return Q(created_at__gte=when) & (Q(created_at__gt=when) | Q(pk__gt=last))


def progress_of(clips: list[Clip]) -> dict[Any, dict[str, Any]]:
    """What the background is doing for those of the clips that are not ready, by clip id."""
    waiting = {str(clip.pk): clip.pk for clip in clips if clip.state == Clip.State.INDEXING}
    jobs = Job.objects.filter(object_id__in=list(waiting), kind="library.make_clip")
    return {waiting[job.object_id]: queries.told(job) for job in jobs.order_by("created_at")}
