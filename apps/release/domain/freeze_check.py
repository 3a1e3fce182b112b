"""What a freeze must hold before a release may be written from it."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.library.domain.calibration import Region
from apps.ontology.domain.definition import digest as ontology_digest
from apps.ontology.domain.geometries import GEOMETRIES, INTERVALS, SHAPES, interpolator_of
from apps.release.domain.freeze import CLIP_UIDS, HEADER_KEYWORDS, ClipFreeze, Freeze, FreezeError
from apps.release.domain.proofs import unmet

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
STATES = ("visible", "occluded", "absent")


def validate(freeze: Freeze) -> None:
    """Refuse a freeze that cannot be released.

    Raises
    ------
    FreezeError
        for the first field that does not hold, with the remedy. Nothing signed, an unsigned
        clip, a label outside its clip, an unsafe file name and a missing UID are refused.
    """
    _need(SAFE_NAME.fullmatch(freeze.version), "version", "use letters, digits, dot, - and _")
    _need(SAFE_NAME.fullmatch(freeze.project), "project", "use the project's slug")
    try:
        moment = datetime.fromisoformat(freeze.frozen_at.replace("Z", "+00:00"))
    except (ValueError, AttributeError):
        moment = None
    _need(
        moment is not None and moment.utcoffset() is not None and not moment.utcoffset(),
        "frozen_at",
        "give UTC as RFC 3339",
    )
    _need(freeze.seed, "seed", "give the project's split key")
    _need(
        freeze.interpolator == interpolator_of(freeze.ontology),
        "interpolator",
        "the one that the ontology's classes ask for",
    )
    _check_fractions(freeze)
    _need(freeze.clips, "clips", "nothing is signed: adjudicate and sign a clip first")
    _check_classes(freeze)
    _need(
        freeze.ontology_digest == ontology_digest(freeze.ontology),
        "ontology_digest",
        "give the digest of this very definition",
    )
    _need(_is_uid(freeze.uids.get("device")), "uids.device", "draw it with draw_uids")
    seen: set[str] = set()
    for clip in freeze.clips:
        _need(clip.name not in seen, f"clips[{clip.id}].name", "each clip needs its own name")
        seen.add(clip.name)
        _check_clip(freeze, clip)


def _check_fractions(freeze: Freeze) -> None:
    for name, share in freeze.split_fractions.items():
        _need(SAFE_NAME.fullmatch(name), "split_fractions", "split names are plain words")
        _need(share >= 0, "split_fractions", "shares are not negative")
    total = sum(freeze.split_fractions.values())
    _need(abs(total - 1) < 1e-9, "split_fractions", "shares add up to 1")
    for split in freeze.splits.values():
        _need(split in freeze.split_fractions, "splits", "each split is one of split_fractions")


def _check_classes(freeze: Freeze) -> None:
    classes = freeze.ontology.get("classes")
    _need(isinstance(classes, list) and classes, "ontology.classes", "at least one class")
    assert classes is not None
    ids = [c.get("id", "") for c in classes]
    _need(len(set(ids)) == len(ids), "ontology.classes", "class ids are unique")
    for each in classes:
        where = f"ontology.classes[{each.get('id')}]"
        _need(SAFE_NAME.fullmatch(each.get("id", "")), where, "class ids are plain words")
        _need(each.get("geometry") in GEOMETRIES, f"{where}.geometry", f"one of {GEOMETRIES}")
        _need({"value", "scheme", "meaning"} <= set(each.get("code") or {}), f"{where}.code",
              "value, scheme and meaning")  # fmt: skip


def _check_clip(freeze: Freeze, clip: ClipFreeze) -> None:
    where = f"clips[{clip.id}]"
    _need(SAFE_NAME.fullmatch(clip.name), f"{where}.name", "use letters, digits, dot, - and _")
    _need(clip.pseudonym, f"{where}.pseudonym", "give the subject's pseudonym")
    for key in ("study_uid", "series_uid", "sop_instance_uid", "sop_class_uid",
                "transfer_syntax_uid"):  # fmt: skip
        _need(_is_uid(getattr(clip, key)), f"{where}.{key}", "give the de-identified UID")
    _need(clip.n_frames > 0, f"{where}.n_frames", "at least one frame")
    _need(clip.rows > 0 and clip.columns > 0, f"{where}.rows", "rows and columns above 0")
    _need(clip.time_base[0] > 0 and clip.time_base[1] > 0, f"{where}.time_base", "a fraction > 0")
    _need(clip.pts.shape == (clip.n_frames,), f"{where}.pts", "one a frame")
    _need(clip.digests.shape == (clip.n_frames, 32), f"{where}.digests", "one a frame")
    _need(clip.media in ("video", "cine"), f"{where}.media", "video or cine")
    _need(HEX_SHA256.fullmatch(clip.media_sha256), f"{where}.media_sha256", "lower-case hex")
    for keyword, value in clip.header.items():
        _need(keyword in HEADER_KEYWORDS, f"{where}.header.{keyword}", "not in HEADER_KEYWORDS")
        _need(isinstance(value, str), f"{where}.header.{keyword}", "give it as text")
    for place, region in enumerate(clip.regions or []):
        _need(set(region) == {f.name for f in fields(Region)}, f"{where}.regions[{place}]",
              "edges and millimetres a pixel")  # fmt: skip
    drawn = freeze.uids.get("clips", {}).get(clip.id, {})
    for key in CLIP_UIDS:
        _need(_is_uid(drawn.get(key)), f"uids.clips[{clip.id}].{key}", "draw it with draw_uids")
    _need(clip.label_set.signature is not None, f"{where}.label_set.signature",
          "the clip is not signed: sign its adjudicated label set or leave it out")  # fmt: skip
    _check_statement(clip, f"{where}.label_set.signature.statement")
    signature, seconds = clip.label_set.signature, clip.label_set.countersignatures or []
    assert signature is not None
    told = unmet(freeze.signing_rules, signature.as_json(), seconds)
    _need(not told, f"{where}.label_set.signature", told)
    _check_labels(freeze, clip, clip.label_set.labels, f"clips[{clip.id}].labels")
    for place, rater in enumerate(clip.label_set.raters or []):
        at = f"{where}.label_set.raters[{place}]"
        _need(SAFE_NAME.fullmatch(str(rater.get("pseudonym"))), f"{at}.pseudonym", "a pseudonym")
        _need(rater["labels"].get("clips") == [clip.id], f"{at}.labels.clips", "this clip alone")
        _check_labels(freeze, clip, rater["labels"], f"{at}.labels")


def _check_statement(clip: ClipFreeze, where: str) -> None:
    """A release is read outside the house: it names the signer by pseudonym only."""
    signature = clip.label_set.signature
    assert signature is not None
    try:
        statement = json.loads(signature.statement)
    except ValueError:
        statement = None
    _need(isinstance(statement, dict), where, "give the JSON statement that was signed")
    _need(
        "name" not in statement,
        where,
        "it bears the signer's name; give the statement that names the pseudonym",
    )
    bound = signature.statement + signature.digest.encode()
    _need(
        clip.label_set.expanded_digest.encode() in bound and signature.digest.encode() in bound,
        where,
        "it binds other labels: the statement or its digest must hold expanded_digest",
    )


def _check_labels(freeze: Freeze, clip: ClipFreeze, labels: dict[str, Any], place: str) -> None:
    geometry = {c["id"]: c["geometry"] for c in freeze.ontology["classes"]}
    numbers: set[tuple[str, int]] = set()
    for key, track in labels.get("tracks", {}).items():
        if track.get("clip") != clip.id:
            continue
        where = f"{place}.tracks[{key}]"
        _need(_is_uuid(key), where, "track ids are UUIDs")
        kind = geometry.get(track.get("class_id"))
        _need(kind in SHAPES, f"{where}.class_id", "a class drawn as a shape")
        number = (track["class_id"], track.get("number"))
        _need(isinstance(number[1], int) and number[1] > 0, f"{where}.number", "1 or more")
        _need(number not in numbers, f"{where}.number", "one number a track of a class")
        numbers.add(number)
        for index, keyframe in track.get("keyframes", {}).items():
            _check_keyframe(clip, kind, index, keyframe, f"{where}.keyframes[{index}]")
    for key, interval in labels.get("intervals", {}).items():
        if interval.get("clip") != clip.id:
            continue
        where = f"{place}.intervals[{key}]"
        _need(_is_uuid(key), where, "interval ids are UUIDs")
        kind = geometry.get(interval.get("class_id"))
        _need(kind in INTERVALS, f"{where}.class_id", "a class of spans")
        inside = 0 <= interval["start_frame"] < interval["end_frame"] <= clip.n_frames
        _need(inside, where, "start before end, both inside the clip")
    kinds = {each["id"] for each in freeze.ontology.get("relations", ())}
    for key, relation in labels.get("relations", {}).items():
        if relation.get("clip") != clip.id:
            continue
        where = f"clips[{clip.id}].labels.relations[{key}]"
        _need(_is_uuid(key), where, "relation ids are UUIDs")
        _need(relation.get("relation") in kinds, where, "a relation of the ontology")
        for end in ("subject", "target"):
            track = labels.get("tracks", {}).get(relation[end], {})
            _need(track.get("clip") == clip.id, f"{where}.{end}", "a track of the clip")
        inside = 0 <= relation["start_frame"] < relation["end_frame"] <= clip.n_frames
        _need(inside, where, "start before end, both inside the clip")


def _check_keyframe(
    clip: ClipFreeze, kind: str | None, index: str, keyframe: dict[str, Any], where: str
) -> None:
    _need(str(index).isdigit() and int(index) < clip.n_frames, where, "inside the clip")
    _need(keyframe.get("state") in STATES, f"{where}.state", f"one of {STATES}")
    shape = keyframe.get("shape")
    if shape is None:
        return
    _need(shape.get("type") == kind, f"{where}.shape", "of the class's geometry")
    if kind == "mask":
        size = list(shape["rle"]["size"])
        _need(size == [clip.rows, clip.columns], f"{where}.rle.size", "rows and columns")


def _need(holds: Any, where: str, remedy: str) -> None:
    if not holds:
        raise FreezeError(f"{where}: does not hold; {remedy}")


def _is_uid(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 64 and UID.fullmatch(value) is not None


def _is_uuid(value: Any) -> bool:
    try:
        return str(UUID(value)) == value
    except (ValueError, TypeError, AttributeError):
        return False
