"""What a release would hold: signed clips with all that the freeze says of them; no transaction."""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import distributions
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from pydicom.dataset import Dataset

from apps.access.errors import NotFound, Refused
from apps.adjudication.binding import content_digest
from apps.adjudication.models import Adjudication
from apps.adjudication.services import decisions_of
from apps.annotation import store
from apps.annotation.domain import provenance
from apps.annotation.models import LabelObject, LabelSet
from apps.library.domain.calibration import regions_json, regions_of
from apps.library.domain.index_format import FrameIndex
from apps.library.models import Clip
from apps.ontology.domain.geometries import interpolator_of
from apps.projects.models import Project
from apps.release.dividing import Division, divide, sample, seed_of
from apps.release.domain.dicom_common import header_values
from apps.release.domain.difference import difference
from apps.release.domain.freeze import (
    ClipFreeze,
    Freeze,
    FreezeError,
    LabelSetFreeze,
    draw_uids,
    dump_freeze,
    load_freeze,
)
from apps.release.domain.raters import uncertainty_json
from apps.release.domain.splits import split_by_patient
from apps.release.models import Release
from apps.release.proving import prove
from apps.release.selecting import not_signed, select
from apps.release.signed import asked_of, countersignatures, events_of, signature_freeze
from apps.release.signing import public_keys

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Draft:
    """A freeze that is not stored yet; ``signatures`` maps adjudication to signature, by id, and
    ``rules`` is what the project asked of them."""

    content: bytes
    digest: str
    n_clips: int
    left_out: list[dict[str, str]]
    signatures: dict[uuid.UUID, uuid.UUID]
    supersedes: Release | None = None
    rules: dict[str, bool] | None = None


def collect(
    project: Project,
    version: str,
    only: Iterable[str] = (),
    progress: Progress | None = None,
    about: dict[str, str] | None = None,
    division: Division | None = None,
    with_raters: bool = False,
) -> Draft:
    """Everything that the freeze says, drawn now. Reads the database and decides nothing there.

    ``with_raters``: each annotator's own labels go in beside what was signed.

    Raises Refused when nothing is signed, a clip of ``only`` is not, or the freeze cannot hold.
    """
    asked = {str(item).lower() for item in only}
    selection, division = select(project, asked), division or Division()
    drawn, not_drawn = sample(project, selection.chosen, division.sampling)
    left_out, kept = [*selection.left_out, *not_drawn], []
    for place, item in enumerate(drawn):
        if progress:
            progress(item.clip.name, place, len(drawn))
        assert item.consensus is not None and item.signature is not None
        if content_digest(item.consensus) == item.signature.digest:
            kept.append(item)
            continue
        reason = "its labels are not those that were signed"
        if str(item.clip_id) in asked:
            raise not_signed(item.clip.name, reason)
        left_out.append({"id": str(item.clip_id), "clip": item.clip.name, "reason": reason})
    if not kept:
        raise Refused(
            "nothing_signed",
            "Nothing in this project is adjudicated and signed.",
            "Have a clip adjudicated and signed first.",
            field="project",
            status=409,
        )
    try:
        freeze = replace(
            _freeze(project, version, kept, left_out, division, with_raters),
            about={"title": project.name, **(about or {}), "components": _components()},
        )
        superseded = earlier_version(project)
        if superseded is not None:
            freeze = replace(freeze, supersedes=_against(superseded, freeze))
        content = dump_freeze(freeze)
        load_freeze(content)
    except FreezeError as error:
        raise Refused("not_releasable", str(error), "Mend it, then freeze again.") from None
    return Draft(
        content,
        sha256(content).hexdigest(),
        len(kept),
        left_out,
        {item.pk: item.signature.pk for item in kept if item.signature},
        superseded,
        freeze.signing_rules,
    )


def earlier_version(project: Project) -> Release | None:
    """What a new version takes the place of: the version published last, else the one frozen
    last."""
    return (
        Release.objects.filter(project=project)
        .exclude(state=Release.State.DRAFT)
        .order_by(F("published_at").desc(nulls_last=True), "-frozen_at")
        .first()
    )


def _against(earlier: Release, freeze: Freeze) -> dict[str, Any]:
    return {
        "version": earlier.version,
        "freeze_digest": earlier.freeze_digest,
        "difference": difference(read_freeze(earlier), freeze),
    }


def _freeze(
    project: Project,
    version: str,
    kept: list[Adjudication],
    left_out: list[dict[str, str]],
    division: Division,
    with_raters: bool,
) -> Freeze:
    note, proofs = prove([each for item in kept for each in events_of(item)])
    ontology = kept[0].set_a.ontology
    keys = public_keys()
    names: set[str] = set()
    clips = []
    for item in kept:
        name = item.clip.name
        if name in names:
            name = f"{name}-{item.clip_id.hex[:6]}"
        names.add(name)
        clips.append(_clip(item, name, proofs, with_raters))
    splits, rules = divide(project, kept, clips, division, _earlier_splits(project))
    freeze = Freeze(
        project=project.slug,
        version=version,
        frozen_at=timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        software={"name": "ClinicalAnnot", "version": software_version()},
        interpolator=interpolator_of(ontology.definition),
        seed=seed_of(project),
        profile=_profile(kept),
        uids=draw_uids([clip.id for clip in clips], lambda: f"2.25.{uuid.uuid4().int}"),
        ontology=ontology.definition,
        ontology_digest=ontology.digest,
        checkpoint=note,
        clips=clips,
        left_out=[{"clip": row["clip"], "reason": row["reason"]} for row in left_out],
        split_fractions=division.shares,
        splits=splits,
        split_rules=rules,
        signing_rules=asked_of(project),
        keys={name: keys[name] for name in ("checkpoint", "electronic_signature")},
    )
    sure = [_sure(freeze, clip, item) for clip, item in zip(clips, kept, strict=True)]
    return replace(freeze, clips=sure)


def _sure(freeze: Freeze, clip: ClipFreeze, item: Adjudication) -> ClipFreeze:
    """The clip with how sure its consensus is, by its annotators' own labels and the decisions."""
    label_set, held = clip.label_set, clip.label_set.raters
    raters = held or [_rater(each, item.clip) for each in item.sides()]
    told = uncertainty_json(freeze, replace(clip, label_set=replace(label_set, raters=raters)))
    chosen = decisions_of(item)
    told["decisions"] = [
        {**{name: row[name] for name in ("class_id", "kind", "start_frame", "end_frame")},
         "choice": chosen[row["id"]]}
        for row in (item.findings or {}).get("disagreements", [])
        if row["id"] in chosen
    ]  # fmt: skip
    return replace(clip, label_set=replace(label_set, uncertainty=told))


def _clip(
    item: Adjudication, name: str, proofs: dict[uuid.UUID, dict[str, Any]], with_raters: bool
) -> ClipFreeze:
    clip, label_set, signature = item.clip, item.consensus, item.signature
    assert label_set is not None and signature is not None
    instance = clip.instance
    labels = store.load(label_set)
    index = FrameIndex.from_bytes(bytes(clip.frame_index or b""))
    return ClipFreeze(
        id=str(clip.pk),
        name=name,
        pseudonym=clip.pseudonym,
        study_uid=clip.study.study_instance_uid,
        series_uid=instance.series.series_instance_uid,
        sop_instance_uid=instance.sop_instance_uid,
        sop_class_uid=instance.sop_class_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        n_frames=clip.n_frames,
        rows=clip.height_px,
        columns=clip.width_px,
        time_base=index.time_base,
        fps=clip.fps,
        pts=index.pts,
        digests=np.frombuffer(bytes(clip.digests or b""), np.uint8).reshape(-1, 32),
        digest_exact=clip.digest_exact,
        media=clip.media,
        # A cine's pictures are released as PNG: what is bound as a file is its instance.
        media_sha256=clip.media_sha256 if clip.media == Clip.Media.VIDEO else instance.file.sha256,
        header=header_values(Dataset.from_json(instance.header)),
        regions=regions_json(regions_of(instance.header, clip.width_px, clip.height_px)) or None,
        label_set=LabelSetFreeze(
            id=str(label_set.pk),
            revision=label_set.revision,
            labels=labels,
            expanded_digest=signature.digest,
            annotators=[side.author.pseudonym for side in item.sides()],
            signature=signature_freeze(signature),
            audit_proof=proofs[signature.event],
            countersignatures=countersignatures(item, proofs),
            proposals=_proposals(item, labels),
            raters=[_rater(each, clip) for each in item.sides()] if with_raters else None,
        ),
        last_frame_duration_pts=int(index.duration_of_last),
        decoder=clip.decoder,
        warnings=[warning["code"] for warning in clip.warnings],
    )


def _proposals(item: Adjudication, labels: dict[str, Any]) -> dict[str, Any] | None:
    """What became of the proposals that the annotators decided on; None where there were none."""
    decided = LabelObject.objects.filter(label_set__in=item.sides(), kind="proposal", deleted=False)
    ids = sorted({body["source"] for body in decided.values_list("body", flat=True)})
    if not ids:
        return None
    imported = {str(found.pk): found for found in LabelSet.objects.filter(pk__in=ids)}
    sources = {key: store.load(found) for key, found in imported.items()}
    return {
        "sources": [
            {"id": key, "imported_at": imported[key].created_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
            for key in sorted(imported)
        ],
        "decisions": [
            {"annotator": side.author.pseudonym, **row}
            for side in item.sides()
            for row in provenance.decisions(store.load(side), sources)
        ],
        "unchanged": provenance.unchanged(labels, sources),
    }


def _rater(label_set: LabelSet, clip: Clip) -> dict[str, Any]:
    """One annotator's own labels of the clip, of all that the label set may cover."""
    labels, here = store.load(label_set), str(clip.pk)
    return {
        "pseudonym": label_set.author.pseudonym,
        "revision": label_set.revision,
        "labels": {
            "clips": [here],
            **{
                kind: {key: each for key, each in labels[kind].items() if each["clip"] == here}
                for kind in ("tracks", "intervals", "relations")
                if kind in labels
            },
        },
    }


def _profile(kept: list[Adjudication]) -> dict[str, Any]:
    """The profile that the clips were de-identified with; where they differ, each of them."""
    seen = {}
    for item in kept:
        deid = item.clip.instance.source.deidentification
        row = {
            "name": deid.profile,
            "version": str(deid.profile_version),
            "digest": deid.profile_digest,
        }
        if approved_by := (deid.report.get("profile") or {}).get("approved_by"):
            # Looser than the basic profile: who answered for that is named.
            row["approved_by"] = approved_by
        seen[deid.profile, deid.profile_version, deid.profile_digest] = row
    rows = [seen[key] for key in sorted(seen)]
    if len(rows) == 1:
        return rows[0]
    return {
        "name": " ".join(sorted({row["name"] for row in rows})),
        "version": "several",
        "digest": "several",
        "profiles": rows,
    }


def _earlier_splits(project: Project) -> dict[str, str]:
    """What earlier versions drew, so that no patient ever changes sides."""
    frozen = Release.objects.filter(project=project).exclude(state=Release.State.DRAFT)
    newest = frozen.order_by("-frozen_at").first()
    if newest is None:
        return {}
    earlier = read_freeze(newest)
    return {**earlier.splits, **split_by_patient(earlier)}


def read_freeze(release: Release) -> Freeze:
    """The stored freeze, held to its digest. Raises Refused when it is not what was frozen,
    NotFound for a draft."""
    from apps.keys.keyring import open_vault_file

    if release.freeze_file is None:
        raise NotFound("This release is a draft: nothing is frozen yet.")
    with open_vault_file(release.freeze_file) as source:
        content = source.read()
    if sha256(content).hexdigest() != release.freeze_digest:
        raise freeze_altered()
    return load_freeze(content)


def freeze_altered() -> Refused:
    return Refused(
        "freeze_altered",
        "The stored freeze is not the one that was frozen.",
        "Restore it from a backup.",
        status=409,
    )


@cache
def _components() -> list[list[str]]:
    """[name, version] of each installed package, by name."""
    found = {str(d.metadata["Name"]).lower(): d.version for d in distributions()}
    return [[name, version] for name, version in sorted(found.items())]


@cache
def software_version() -> str:
    """The version that pyproject.toml names."""
    with open(settings.BASE_DIR / "pyproject.toml", "rb") as file:
        return str(tomllib.load(file)["project"]["version"])
