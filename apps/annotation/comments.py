"""Comments on a frame and an object: verbs, and who may read them.

A thread lies in a label set. Its author reads it; from the moment that the set is locked for
adjudication the clip's adjudicator does too. Another annotator never does.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.annotation.models import Comment, CommentThread, LabelObject, LabelSet
from apps.annotation.queries import own_label_sets
from apps.keys.keyring import KeyDestroyedError, seal_for, unseal_for
from apps.library.models import Clip

MAX_CHARS = 1000
MAX_COMMENTS = 200
_PURPOSE = "comment"
_PEOPLE = {roles.ANNOTATOR, roles.ADJUDICATOR}


def may_read(user: User, label_set: LabelSet, clip: Clip) -> bool:
    """Whether a person may read and answer the comments of a label set on a clip."""
    return label_set in _read_sets(user, clip)


def threads_for(user: User, clip: Clip) -> QuerySet[CommentThread]:
    """The threads on a clip that a person may read."""
    threads = CommentThread.objects.filter(clip=clip, label_set__in=_read_sets(user, clip))
    return threads.select_related("label_set").prefetch_related("comments")


def thread_for(user: User, thread_id: uuid.UUID) -> CommentThread:
    """One thread that a person may read. Raises NotFound."""
    thread = CommentThread.objects.filter(pk=thread_id).select_related("label_set", "clip").first()
    if thread is None or not may_read(user, thread.label_set, thread.clip):
        raise NotFound
    return thread


def _read_sets(user: User, clip: Clip) -> QuerySet[LabelSet]:
    own = own_label_sets(user).filter(places__clip=clip)
    judged = LabelSet.objects.none()
    if own.filter(origin=LabelSet.Origin.CONSENSUS).exists():
        judged = LabelSet.objects.filter(
            places__clip=clip, project=clip.project_id, origin=LabelSet.Origin.MANUAL,
            # One that is under review stays handed in until it is signed.
            state__in=(LabelSet.State.LOCKED, LabelSet.State.SUBMITTED),
        )  # fmt: skip
    return LabelSet.objects.filter(pk__in=[*own.values_list("pk", flat=True), *judged.values_list(
        "pk", flat=True)])  # fmt: skip


@verb("comment.begin", roles=_PEOPLE, relation="author")
def begin_thread(
    actor: Actor, label_set: LabelSet, *, clip_id: str, frame_index: Any, object_id: Any, text: Any
) -> CommentThread:
    """Comment on a frame of one's own label set, or on an object there."""
    place = label_set.places.filter(clip_id=clip_id).select_related("clip").first()
    if place is None:
        raise Refused("unknown_clip", "The clip is not in this label set.", "", field="clip")
    if type(frame_index) is not int or not 0 <= frame_index < place.clip.n_frames:
        raise Refused(
            "outside", "The frame is outside the clip.",
            f"Send a whole number below {place.clip.n_frames}.", field="frame_index",
        )  # fmt: skip
    if object_id is not None and not _is_object(label_set, place.clip, object_id):
        raise Refused(
            "unknown_object", "The label set has no such object.", "Save it first.", field="object"
        )
    thread = CommentThread.objects.create(
        label_set=label_set, clip=place.clip, frame_index=frame_index, object=object_id
    )
    _say(actor, thread, text)
    event(actor, label_set, private={"thread": str(thread.pk), "frame_index": frame_index})
    return thread


@verb("comment.answer", roles=_PEOPLE, relation="may_answer")
def answer_thread(actor: Actor, thread: CommentThread, *, text: Any) -> CommentThread:
    """Answer in a thread; it is open again by that."""
    if thread.comments.count() >= MAX_COMMENTS:
        raise Refused("too_long", "The thread is full.", "Begin another one.", field="text")
    _say(actor, thread, text)
    thread.resolved_at = None
    thread.save(update_fields=["resolved_at"])
    event(actor, thread)
    return thread


@verb("comment.settle", roles=_PEOPLE, relation="may_answer")
def settle_thread(actor: Actor, thread: CommentThread, *, settled: bool) -> CommentThread:
    """Mark a thread as settled, or as open again."""
    thread.resolved_at = timezone.now() if settled else None
    thread.save(update_fields=["resolved_at"])
    event(actor, thread, public={"settled": settled})
    return thread


def _is_object(label_set: LabelSet, clip: Clip, object_id: Any) -> bool:
    try:
        name = uuid.UUID(object_id)
    except (ValueError, TypeError, AttributeError):
        return False
    return LabelObject.objects.filter(
        label_set=label_set, clip=clip, uuid=name, deleted=False
    ).exists()


def _say(actor: Actor, thread: CommentThread, text: Any) -> None:
    words = text.strip() if isinstance(text, str) else ""
    if not 1 <= len(words) <= MAX_CHARS:
        raise Refused(
            "invalid_text", f"A comment has 1 to {MAX_CHARS} characters.", "Shorten it.",
            field="text",
        )  # fmt: skip
    sealed = seal_for(_subject(thread.clip), words.encode(), _PURPOSE)
    Comment.objects.create(thread=thread, author=actor.user, sealed=sealed)


def _subject(clip: Clip) -> Any:
    return clip.instance.source.subject


def as_json(thread: CommentThread, user: User) -> dict[str, Any]:
    """A thread as the workspace reads it; people by what they are here, never by name."""
    return {
        "id": str(thread.pk),
        "label_set": str(thread.label_set_id),
        "clip": str(thread.clip_id),
        "frame_index": thread.frame_index,
        "object": str(thread.object) if thread.object else None,
        "settled": thread.resolved_at is not None,
        "comments": [
            {
                "by": _who(comment, thread, user),
                "text": _text(comment, thread),
                "at": comment.at.isoformat(),
            }
            for comment in thread.comments.all()
        ],
    }


def _who(comment: Comment, thread: CommentThread, user: User) -> str:
    if comment.author_id == user.pk:
        return "you"
    is_author = comment.author_id == thread.label_set.author_id
    by_hand = thread.label_set.origin != LabelSet.Origin.CONSENSUS
    return "annotator" if is_author and by_hand else "adjudicator"


def _text(comment: Comment, thread: CommentThread) -> str | None:
    """None once the subject's key is destroyed."""
    try:
        return unseal_for(_subject(thread.clip), bytes(comment.sealed), _PURPOSE).decode()
    except KeyDestroyedError:
        return None
