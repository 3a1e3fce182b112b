"""Verbs of the library: what becomes of a cleared instance, who opens which clip."""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.verb import event, verb
from apps.deid.models import ProjectSubject
from apps.deid.services import forget_seen_pictures
from apps.intake.models import ReceivedInstance
from apps.intake.queries import uids_of
from apps.library import queries
from apps.library.domain.index_format import FrameIndex
from apps.library.models import (
    Clip,
    ClipOpening,
    Instance,
    ReviewSegment,
    Series,
    Study,
    WatchedSpan,
)
from apps.vault.files import storage
from apps.vault.models import VaultFile

TICKET = timedelta(minutes=15)
_VIEWERS = {
    roles.ANNOTATOR,
    roles.ADJUDICATOR,
    roles.PROJECT_LEAD,
    roles.DATA_STEWARD,
    roles.SERVICE,
}
# Who broke the glass looks, and takes nothing away.
_LOOKERS = {*_VIEWERS, roles.EMERGENCY}


@verb(
    "library.register",
    roles={roles.SERVICE},
    states=(ReceivedInstance.State.CLEARED,),
)
def register_instance(
    actor: Actor,
    received: ReceivedInstance,
    *,
    header: dict[str, Any],
    transfer_syntax_uid: str,
    media: str | None,
) -> Instance:
    """Put a cleared instance into the library: Study, Series, Instance and, with pictures, a Clip.

    ``header``: the de-identified attributes (DICOM JSON model, no pixel data); ``media``: video,
    cine or None (a report, a presentation state).
    """
    done = Instance.objects.filter(source=received).first()
    deid = received.deidentification
    if done is not None:
        event(actor, received, public={"repeated": True})
        return done
    assert deid.project_subject is not None and deid.output is not None
    study, _ = Study.objects.get_or_create(
        project=received.project,
        study_instance_uid=_text(header, "0020000D"),
        defaults={"project_subject": deid.project_subject},
    )
    series, _ = Series.objects.get_or_create(
        study=study,
        series_instance_uid=_text(header, "0020000E"),
        defaults={"modality": _text(header, "00080060")},
    )
    instance = Instance.objects.create(
        series=series,
        source=received,
        sop_instance_uid=_text(header, "00080018"),
        sop_class_uid=_text(header, "00080016"),
        transfer_syntax_uid=transfer_syntax_uid,
        file=deid.output,
        header=header,
    )
    if media is not None:
        number = Clip.objects.filter(
            instance__series__study__project_subject=study.project_subject, repeats=None
        )
        Clip.objects.create(
            instance=instance,
            project=received.project,
            name=f"{study.project_subject.pseudonym}-{number.count() + 1:02d}",
            media=media,
            blanked_spans=deid.report.get("blanked_spans", []),
        )
    event(
        actor, received, public={"media": media or "none"}, private={"instance": str(instance.pk)}
    )
    return instance


def _text(header: dict[str, Any], tag: str) -> str:
    values = header.get(tag, {}).get("Value") or [""]
    return str(values[0])


@verb("clip.ready", roles={roles.SERVICE}, states=(Clip.State.INDEXING, Clip.State.FAILED))
def finish_clip(
    actor: Actor,
    clip: Clip,
    *,
    index: FrameIndex,
    digests: bytes,
    size_px: tuple[int, int],
    codec: str,
    digest_exact: bool,
    decoder: str,
    media_sha256: str,
    warnings: list[dict[str, str]],
    master: VaultFile | None,
    review: VaultFile | None,
    review_index: bytes | None,
    shots: list[int] | None,
) -> Clip:
    """Make a clip ready: its frame index, digests and what the browser plays are all there."""
    for file in (master, review):
        if file is not None:
            file.save(force_insert=True)
    clip.frame_index, clip.digests = index.to_bytes(), digests
    clip.n_frames, clip.fps, clip.duration_s = index.n_frames, index.fps, index.duration_s
    clip.width_px, clip.height_px = size_px
    clip.codec, clip.digest_exact, clip.decoder = codec, digest_exact, decoder
    clip.media_sha256 = media_sha256
    clip.warnings, clip.master, clip.review, clip.review_index = (
        warnings,
        master,
        review,
        review_index,
    )
    clip.shots = shots
    clip.state, clip.reason = Clip.State.READY, ""
    clip.save()
    _let_segments_go(clip)
    forget_seen_pictures(clip.instance.source)
    event(
        actor,
        clip,
        public={
            "n_frames": clip.n_frames,
            "media_sha256": media_sha256,
            "shots": None if shots is None else len(shots) + 1,
            "warnings": [warning["code"] for warning in warnings],
        },
    )
    return clip


@verb("clip.segment", roles={roles.SERVICE}, states=(Clip.State.INDEXING, Clip.State.FAILED))
def keep_segment(
    actor: Actor,
    clip: Clip,
    *,
    span: tuple[int, int],
    made_of: bytes,
    digests: bytes,
    file: VaultFile,
) -> ReviewSegment:
    """Keep a finished segment of the review copy, so that nobody has to make it again. Those of
    another recipe go."""
    file.save(force_insert=True)
    _let_segments_go(clip, all_but=made_of)
    segment = ReviewSegment.objects.create(
        clip=clip,
        start_frame=span[0],
        end_frame=span[1],
        made_of=made_of,
        digests=digests,
        file=file,
    )
    event(actor, clip, public={"frames": list(span), "sha256": file.sha256})
    return segment


def _let_segments_go(clip: Clip, all_but: bytes | None = None) -> None:
    """Rows now, bytes once the transaction stands (the vault's sweep finds what a crash leaves)."""
    for segment in clip.segments.select_related("file"):
        if all_but is not None and bytes(segment.made_of) == all_but:
            continue
        file, name = segment.file, segment.file.storage_name
        segment.delete()
        file.delete()
        transaction.on_commit(partial(_delete_bytes, name))


def _delete_bytes(name: str) -> None:
    storage().delete(name)


@verb("clip.failed", roles={roles.SERVICE}, states=(Clip.State.INDEXING, Clip.State.FAILED))
def fail_clip(actor: Actor, clip: Clip, *, reason: str) -> Clip:
    """Say that no clip can be made of an instance, and why."""
    clip.state, clip.reason = Clip.State.FAILED, reason[:200]
    clip.save(update_fields=["state", "reason"])
    _let_segments_go(clip)
    event(actor, clip, outcome="failed", private={"reason": reason[:200]})
    return clip


@verb("clip.repeat", roles={roles.SERVICE}, states=(Clip.State.READY,))
def repeat_clip(actor: Actor, clip: Clip, *, is_new: bool) -> Clip:
    """The clip once more, with the same pictures, as a clip of another patient would look: an id, a
    pseudonym and a name of its own, and a place among the newest of the project's clips, or (not
    ``is_new``) shortly after any of them, for clips come in bursts."""
    _ensure_cleared(clip)
    shown_as = _free_pseudonym(clip)
    copied = {
        field.attname: getattr(clip, field.attname)
        for field in Clip._meta.concrete_fields
        if field.name not in ("id", "name", "repeats", "shown_as", "created_at")
    }
    made = Clip.objects.create(repeats=clip, shown_as=shown_as, name=f"{shown_as}-01", **copied)
    if not is_new:
        came = Clip.objects.filter(project=clip.project, repeats=None).order_by("pk")
        times = came.values_list("created_at", flat=True)
        burst = timedelta(microseconds=1 + secrets.randbelow(2_000_000))
        made.created_at = min(times[secrets.randbelow(came.count())] + burst, made.created_at)
        made.save(update_fields=["created_at"])
    event(actor, made, private={"repeats": str(clip.pk)})
    return made


def _free_pseudonym(clip: Clip) -> str:
    """A pseudonym of the same form as the patient's (``deid/identity.py``), which nobody has."""
    own = clip.study.project_subject.pseudonym
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    while True:
        head, dash, tail = own.rpartition("-")
        made = head + dash + "".join(secrets.choice(letters) for _ in tail)
        is_taken = (
            ProjectSubject.objects.filter(project=clip.project, pseudonym=made).exists()
            or Clip.objects.filter(project=clip.project, shown_as=made).exists()
        )
        if not is_taken:
            return made


def _ensure_cleared(clip: Clip) -> None:
    """Raises Refused where what the clip was made of was withdrawn or is held by a correction:
    that is said of the instance, and the clip stays as it is."""
    if clip.instance.source.state == ReceivedInstance.State.WITHDRAWN:
        raise Refused(
            "withdrawn",
            "What this clip was made of was withdrawn from all use.",
            "Nothing of it can be opened any more.",
            status=409,
        )
    if clip.instance.source.state != ReceivedInstance.State.CLEARED:
        raise Refused(
            "held_by_correction",
            "The archive has corrected or rejected what this clip was made of.",
            "The data steward decides under Corrections.",
            status=409,
        )


@verb("clip.open", roles=_LOOKERS, relation="may_see", lock=False)
def open_clip(actor: Actor, clip: Clip) -> ClipOpening:
    """Open a clip's pictures for a while; byte ranges and frames check that it is open."""
    _ensure_cleared(clip)
    opening = ClipOpening.objects.create(
        clip=clip, user=actor.user, expires_at=timezone.now() + TICKET
    )
    event(actor, clip)
    return opening


def ensure_open(actor: Actor, clip: Clip) -> None:
    """Open the clip for this person unless it is; an event a quarter of an hour, not a frame."""
    if not queries.live_opening(actor.user, clip):
        open_clip(actor, clip)


@verb("instance.retrieve", roles=_VIEWERS, relation="may_see", lock=False)
def retrieve(
    actor: Actor, target: Study | Series | Instance, *, what: str, count: int, size_bytes: int
) -> None:
    """Hand out de-identified instances, or their pixel data, over DICOMweb."""
    event(
        actor,
        target,
        public={"what": what, "count": count},
        private={"size_bytes": size_bytes},
    )


@verb("clip.watched", roles=_LOOKERS, relation="may_see", lock=False)
def report_watched(actor: Actor, clip: Clip, *, spans: list[tuple[int, int]]) -> None:
    """Record which frames a person's browser showed."""
    for start, end in spans:
        if not 0 <= start < end <= clip.n_frames:
            raise Refused(
                "outside_clip",
                "A span lies outside the clip.",
                f"Send [start, end) within 0 and {clip.n_frames}.",
                field="spans",
            )
    WatchedSpan.objects.bulk_create(
        WatchedSpan(clip=clip, user=actor.user, start_frame=start, end_frame=end)
        for start, end in spans
    )
    event(actor, clip, private={"spans": [list(span) for span in spans]})


@verb("clip.identify", roles={roles.EMERGENCY}, relation="may_see", lock=False)
def identify(actor: Actor, clip: Clip) -> dict[str, str]:
    """Say whose pictures these are, by the numbers under which the sender knows them: original
    Study and SOP Instance UID. Never kept elsewhere, never in the event."""
    found = uids_of(clip.instance.source)
    if not found:
        raise Refused(
            "destroyed",
            "What this clip was made of is destroyed: nobody can say whose it is.",
            "Nothing can be done here.",
            status=410,
        )
    event(actor, clip)
    return found
