"""What of a project can go into a release now, and why each other ready clip cannot."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from apps.access.errors import Refused
from apps.adjudication.binding import signature_holds
from apps.adjudication.models import Adjudication
from apps.annotation.models import LabelSet
from apps.intake.models import ReceivedInstance
from apps.library.models import Clip
from apps.projects.models import Project
from apps.release.signed import why_not

NOT_ASKED = "not asked for in this version"


@dataclass(frozen=True)
class Selection:
    """The signed adjudication of each clip that goes in, and why each other ready clip does not.

    ``left_out``: {"id", "clip" (its name), "reason"}.
    """

    chosen: list[Adjudication]
    left_out: list[dict[str, str]]


def select(project: Project, only: Iterable[str] = ()) -> Selection:
    """What is signed and what is left out; ``only``: ids of the clips asked for (all when none).

    Raises Refused for a clip that is asked for and is not there or not signed.
    """
    clips = Clip.objects.filter(project=project, state=Clip.State.READY, repeats=None).order_by(
        "created_at"
    )
    clips = clips.select_related(
        "instance__series__study__project_subject",
        "instance__file",
        "instance__source__deidentification",
    )
    ready = {str(clip.pk): clip for clip in clips}
    asked = {str(item).lower() for item in only}
    unknown = asked - set(ready)
    if unknown:
        raise Refused(
            "no_such_clip",
            "A clip that was named is not a ready clip of this project.",
            "Name clips by the ids of GET /api/v1/clips/.",
            field="clip",
            status=404,
        )
    signed = _signed(project)
    ontology = _ontology([signed[key] for key in ready if key in signed and _asked(key, asked)])
    chosen, left_out = [], []
    for key, clip in ready.items():
        found = signed.get(key)
        if not _asked(key, asked):
            reason = NOT_ASKED if found is not None else _why_not(clip)
        elif found is None:
            reason = _why_not(clip)
        elif found.set_a.ontology_id != ontology:
            reason = "signed on another ontology version"
        elif clip.instance.source.state != ReceivedInstance.State.CLEARED:
            reason = "held or withdrawn by a correction"
        elif not signature_holds(found):
            reason = "its electronic signature does not hold"
        elif reason := why_not(project, found):
            pass
        else:
            found.clip = clip
            chosen.append(found)
            continue
        if key in asked:
            raise not_signed(clip.name, reason)
        left_out.append({"id": key, "clip": clip.name, "reason": reason})
    return Selection(chosen, left_out)


def _asked(key: str, asked: set[str]) -> bool:
    return not asked or key in asked


def not_signed(name: str, reason: str) -> Refused:
    """The refusal of a release that names a clip which cannot be released."""
    return Refused(
        "not_signed",
        f"Clip {name} cannot be released: {reason}.",
        "Have it adjudicated and signed, or leave it out.",
        field="clip",
        status=409,
    )


def _signed(project: Project) -> dict[str, Adjudication]:
    """Clip id to its newest adjudication that is signed and not superseded."""
    rows = (
        Adjudication.objects.filter(project=project, state=Adjudication.State.SIGNED)
        .select_related(
            "set_a__ontology", "set_a__author", "set_b__author", "consensus__ontology",
            "consensus__author", "signature__signer",
        )
        .prefetch_related("endorsements__signature__signer")
        .order_by("signed_at")
    )  # fmt: skip
    return {str(row.clip_id): row for row in rows}


def _ontology(adjudications: list[Adjudication]) -> uuid.UUID | None:
    """A release holds one ontology version: the newest that something is signed on."""
    versions = [item.set_a.ontology for item in adjudications]
    newest = max(versions, key=lambda v: (v.published_at, v.number), default=None)
    return newest.pk if newest is not None else None


def _why_not(clip: Clip) -> str:
    if Adjudication.objects.filter(clip=clip, state=Adjudication.State.OPEN).exists():
        return "being adjudicated, not signed"
    sets = LabelSet.objects.filter(places__clip=clip).exclude(origin=LabelSet.Origin.CONSENSUS)
    by_hand = sets.exclude(origin=LabelSet.Origin.IMPORTED)
    states = set(by_hand.values_list("state", flat=True))
    if states & {LabelSet.State.SUBMITTED, LabelSet.State.LOCKED}:
        return "submitted, not adjudicated"
    if states - {LabelSet.State.ASSIGNED}:
        return "being annotated, not adjudicated"
    if sets.filter(origin=LabelSet.Origin.IMPORTED).exists():
        return "imported labels only, not adjudicated"
    return "assigned, not annotated" if states else "not assigned"
