"""Example frames of a class: the project's lead chooses them, who sees their clip is shown them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.annotation.models import ExampleFrame, LabelSet, LabelSetClip
from apps.library.models import Clip
from apps.library.queries import clips_for
from apps.ontology.models import OntologyVersion
from apps.projects.queries import project_ids

MAX_A_CLASS = 12
NOTE_CHARS = 200
_AT_WORK = (LabelSet.State.ASSIGNED, LabelSet.State.IN_PROGRESS, LabelSet.State.RETURNED)


def examples_for(user: User) -> QuerySet[ExampleFrame]:
    """Example frames of ready clips that ``user`` may see, but those that they label now: an
    example of such a clip says what is to be found there."""
    seen = clips_for(user).filter(state=Clip.State.READY)
    at_work = LabelSetClip.objects.filter(
        label_set__author=user,
        label_set__origin=LabelSet.Origin.MANUAL,
        label_set__state__in=_AT_WORK,
    )
    return (
        ExampleFrame.objects.filter(clip__in=seen.values("pk"))
        .exclude(clip__in=at_work.values("clip_id"))
        .exclude(clip__in=at_work.filter(clip__repeats__isnull=False).values("clip__repeats_id"))
        .select_related("ontology")
    )


def examples_json(user: User, clip: Clip) -> list[dict[str, Any]]:
    """Those of the clip's project, by class."""
    found = examples_for(user).filter(project=clip.project_id)
    return [as_json(one) for one in found.order_by("class_id", "created_at")]


def as_json(example: ExampleFrame) -> dict[str, Any]:
    return {
        "id": str(example.pk),
        "ontology": example.ontology.slug,
        "class_id": example.class_id,
        "clip": str(example.clip_id),
        "frame_index": example.frame_index,
        "note": example.note,
        "frame_url": f"/api/v1/clips/{example.clip_id}/frames/{example.frame_index}.png",
    }


def example_led_by(user: User, example_id: uuid.UUID) -> ExampleFrame:
    """An example of a project that ``user`` leads. Raises NotFound."""
    led = ExampleFrame.objects.filter(project_id__in=project_ids(user, roles.PROJECT_LEAD))
    found = led.filter(pk=example_id).first()
    if found is None:
        raise NotFound
    return found


@verb("example.add", roles={roles.PROJECT_LEAD})
def add_example(
    actor: Actor, clip: Clip, *, ontology: Any, class_id: Any, frame_index: Any, note: Any = ""
) -> ExampleFrame:
    """Let a frame of a ready clip stand as an example of a class, in the newest published version
    of the ontology (a slug) that has it. The same frame again changes its note."""
    version = _version_with(clip, ontology, class_id)
    if clip.state != Clip.State.READY or type(frame_index) is not int or not (
        0 <= frame_index < (clip.n_frames or 0)
    ):  # fmt: skip
        raise Refused(
            "unknown_frame", "The clip has no such frame.", "Choose one of it.", field="frame_index"
        )
    if any(start <= frame_index < end for start, end in clip.blanked_spans):
        raise Refused(
            "blanked", "The frame was blanked: it shows nothing.", "Choose another one.",
            field="frame_index",
        )  # fmt: skip
    if not isinstance(note, str) or len(note.strip()) > NOTE_CHARS:
        raise Refused(
            "invalid_body", f"The note is no text of up to {NOTE_CHARS} characters.",
            "Say in a few words what it shows.", field="note",
        )  # fmt: skip
    held = ExampleFrame.objects.filter(
        project=clip.project, class_id=class_id, ontology__slug=version.slug
    )
    there = held.filter(clip=clip, frame_index=frame_index).first()
    if there is None and held.count() >= MAX_A_CLASS:
        raise Refused(
            "too_many", f"The class has {MAX_A_CLASS} examples already.",
            "Remove one first.", field="class_id",
        )  # fmt: skip
    made = there or ExampleFrame(
        project=clip.project, ontology=version, class_id=class_id, clip=clip,
        frame_index=frame_index,
    )  # fmt: skip
    made.note = note_text(note, "note") if note.strip() else ""
    made.save()
    event(
        actor,
        made,
        public={"class": class_id, "ontology": version.digest},
        private={"clip": str(clip.pk), "frame": frame_index},
    )
    return made


@verb("example.remove", roles={roles.PROJECT_LEAD})
def remove_example(actor: Actor, example: ExampleFrame) -> None:
    """Take an example frame away from its class."""
    event(
        actor,
        example,
        public={"class": example.class_id},
        private={"clip": str(example.clip_id), "frame": example.frame_index},
    )
    example.delete()


def _version_with(clip: Clip, slug: Any, class_id: Any) -> OntologyVersion:
    published = OntologyVersion.objects.filter(
        project=clip.project, slug=str(slug), state=OntologyVersion.State.PUBLISHED
    )
    for version in published.order_by("-number"):
        if any(each["id"] == class_id for each in version.definition["classes"]):
            return version
    raise Refused(
        "unknown_class", "No published version of the ontology has this class.",
        "Choose a class of it.", field="class_id",
    )  # fmt: skip
