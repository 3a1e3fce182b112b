"""Verbs on propagations. What they find changes labels only by their author's operations."""

from __future__ import annotations

import json
import zlib
from typing import Any

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.verb import event, verb
from apps.annotation import store
from apps.annotation.domain import ops
from apps.annotation.domain.ops.content import check_shape, class_of
from apps.annotation.models import LabelSet, Propagation
from apps.annotation.services import WORKABLE
from apps.jobs import work
from apps.ontology.domain.geometries import SHAPES

KIND = "annotation.propagate"
MAX_FRAMES = 1500
State = Propagation.State


@verb(
    "label_set.propagate",
    roles={roles.ANNOTATOR, roles.ADJUDICATOR},
    states=WORKABLE,
    relation="author",
)
def begin(
    actor: Actor,
    label_set: LabelSet,
    *,
    clip_id: str,
    class_id: str,
    shape: Any,
    from_frame: int,
    to_frame: int,
) -> Propagation:
    """Have a shape carried from its frame to another, forwards or backwards, by the worker."""
    sizes = store.clip_sizes(label_set)
    if clip_id not in sizes:
        raise Refused("unknown_clip", "The clip is not in this label set.", "", field="clip")
    n_frames, width_px, height_px = sizes[clip_id]
    for name, frame in (("from_frame", from_frame), ("to_frame", to_frame)):
        if not 0 <= frame < n_frames:
            raise Refused(
                "outside", "The frame is outside the clip.", f"Stay below {n_frames}.", field=name
            )
    if not 1 <= abs(to_frame - from_frame) <= MAX_FRAMES:
        raise Refused(
            "span",
            f"A span is 1 to {MAX_FRAMES} frames long.",
            "Choose a nearer frame.",
            field="to_frame",
        )
    _check(label_set, class_id, shape, width_px, height_px)
    if label_set.propagations.filter(state=State.WAITING).exists():
        raise Conflict(
            "busy", "Another shape of this label set is being carried on.", "Wait, or cancel it."
        )
    made = Propagation.objects.create(
        label_set=label_set,
        clip_id=clip_id,
        class_id=class_id,
        shape=shape,
        from_frame=from_frame,
        to_frame=to_frame,
    )
    work.enqueue(KIND, made.pk, priority=10)
    event(
        actor,
        label_set,
        public={"frames": abs(to_frame - from_frame)},
        private={"propagation": str(made.pk), "clip": clip_id},
    )
    return made


def _check(label_set: LabelSet, class_id: str, shape: Any, width_px: int, height_px: int) -> None:
    try:
        label_class = class_of(label_set.ontology.definition, class_id)
        if label_class["geometry"] not in SHAPES:
            raise KeyError(class_id)
        check_shape(shape, label_class, width_px, height_px)
    except KeyError:
        raise Refused(
            "unknown_class", "No class of this id is drawn.", "", field="class_id"
        ) from None
    except ops.InvalidOperation as error:
        raise Refused(
            error.code, f"{error.field} {error.message}.", error.remedy, field=error.field
        ) from None


@verb("propagation.finish", roles={roles.SERVICE}, states=(State.WAITING,))
def finish(actor: Actor, propagation: Propagation, *, found: dict[str, Any]) -> Propagation:
    """Keep what was found for the author to take."""
    propagation.found = zlib.compress(json.dumps(found, separators=(",", ":")).encode(), 1)
    propagation.state = State.DONE
    propagation.save(update_fields=["found", "state"])
    event(actor, propagation, public={"frames": len(found["frames"])})
    return propagation


@verb("propagation.fail", roles={roles.SERVICE}, states=(State.WAITING,))
def fail(actor: Actor, propagation: Propagation, *, reason: str) -> Propagation:
    """Say why nothing could be carried on."""
    propagation.state, propagation.reason = State.FAILED, reason[:200]
    propagation.save(update_fields=["state", "reason"])
    event(actor, propagation, outcome="failed")
    return propagation


@verb(
    "propagation.cancel",
    roles={roles.ANNOTATOR, roles.ADJUDICATOR},
    states=(State.WAITING,),
    relation="author",
)
def cancel(actor: Actor, propagation: Propagation) -> Propagation:
    """Stop one's propagation; nothing of it is kept."""
    work.cancel(propagation.pk, KIND)
    propagation.state = State.CANCELLED
    propagation.save(update_fields=["state"])
    event(actor, propagation)
    return propagation


def as_json(propagation: Propagation) -> dict[str, Any]:
    """What the workspace reads: state, progress, and once done what was found."""
    job = work.Job.objects.filter(kind=KIND, object_id=str(propagation.pk)).first()
    answer: dict[str, Any] = {
        "id": str(propagation.pk),
        "state": propagation.state,
        "reason": propagation.reason,
        "progress": round(job.progress, 3) if job else 0.0,
    }
    if propagation.found is not None:
        answer |= json.loads(zlib.decompress(bytes(propagation.found)))
    return answer
