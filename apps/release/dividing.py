"""Who goes into which split, and which clips are drawn: what the database knows of devices, senders
and pictures, handed to the rules of `domain/splits.py`, `leakage.py` and `sampling.py`."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from apps.access.actor import service
from apps.access.errors import Refused
from apps.adjudication.models import Adjudication
from apps.annotation import store
from apps.keys.keyring import KeyDestroyedError
from apps.library.domain.decode import PictureMissing
from apps.library.models import Clip
from apps.library.readers import open_frames
from apps.projects.models import Project
from apps.release import looks
from apps.release.domain.freeze import DEFAULT_FRACTIONS, ClipFreeze
from apps.release.domain.leakage import Look, find_alike, picture_bits, sampled
from apps.release.domain.sampling import RULES, Candidate, choose
from apps.release.domain.splits import STRATA, STRATIFIED, balance, draw_stratified
from apps.release.models import ClipLook

NOT_DRAWN = "not drawn by the sampling rule"


@dataclass(frozen=True)
class Division:
    """What was chosen of splits and sampling. ``shares`` add up to 1; ``by`` are of `STRATA`;
    ``sampling`` is a rule and the most clips it takes, or None for all."""

    shares: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_FRACTIONS))
    by: tuple[str, ...] = STRATA
    sampling: tuple[str, int] | None = None


def checked_division(raw: dict[str, Any] | None) -> Division:
    """The division that {"shares", "by", "sampling": {"by", "at_most"}} asks for, each with its
    usual value where it is not given. Raises Refused naming the field."""
    given = raw or {}
    try:
        shares = {
            str(name): round(float(share), 4)
            for name, share in dict(given.get("shares") or DEFAULT_FRACTIONS).items()
        }
    except (TypeError, ValueError):
        raise _invalid("shares", "A share is no number.", "Give numbers such as 0.7.") from None
    if set(shares) - set(DEFAULT_FRACTIONS) or not all(0 <= s <= 1 for s in shares.values()):
        raise _invalid(
            "shares", "Splits are train, val and test.", "Give each a share from 0 to 1."
        )
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise _invalid("shares", "The shares do not add up to 1.", "Give shares such as 0.7, 0.15, "
                       "0.15.")  # fmt: skip
    wanted = given.get("by", STRATA)
    if not isinstance(wanted, list | tuple) or set(wanted) - set(STRATA):
        raise _invalid("by", "An unknown stratum.", f"Choose from {', '.join(STRATA)}.")
    return Division(
        {**dict.fromkeys(DEFAULT_FRACTIONS, 0.0), **shares},
        tuple(name for name in STRATA if name in wanted),
        _checked_rule(given.get("sampling")),
    )


def _checked_rule(rule: Any) -> tuple[str, int] | None:
    if not rule:
        return None
    if not isinstance(rule, dict) or rule.get("by") not in RULES:
        raise _invalid("sampling", "An unknown sampling rule.", f"Choose from {', '.join(RULES)}.")
    try:
        at_most = int(rule.get("at_most") or 0)
    except (TypeError, ValueError):
        at_most = 0
    if not 1 <= at_most <= 1_000_000:
        raise _invalid("at_most", "How many clips at most?", "Give a whole number above 0.")
    return rule["by"], at_most


def _invalid(name: str, message: str, remedy: str) -> Refused:
    return Refused("invalid_splits", message, remedy, field=name)


def seed_of(project: Project) -> str:
    """The project's key for keyed hashes of splits and samples."""
    return hmac.new(project.secret(), b"release/splits", sha256).hexdigest()


def sample(
    project: Project, chosen: Sequence[Adjudication], rule: tuple[str, int] | None
) -> tuple[list[Adjudication], list[dict[str, str]]]:
    """Those that the rule draws, in their order, and the rest as rows of what is left out."""
    if rule is None or len(chosen) <= rule[1]:
        return list(chosen), []
    drawn = set(choose(seed_of(project), [_candidate(item) for item in chosen], *rule))
    kept = [item for item in chosen if str(item.clip_id) in drawn]
    out = [
        {"id": str(item.clip_id), "clip": item.clip.name, "reason": NOT_DRAWN}
        for item in chosen
        if str(item.clip_id) not in drawn
    ]
    return kept, out


def _candidate(item: Adjudication) -> Candidate:
    labels = store.load(item.consensus) if item.consensus else {"tracks": {}, "intervals": {}}
    things = [*labels["tracks"].values(), *labels["intervals"].values()]
    classes = {t["class_id"] for t in things if t["clip"] == str(item.clip_id)}
    return Candidate(
        str(item.clip_id), frozenset(classes), (_device(item.clip), _site(item.clip)),
        _agreement(item),
    )  # fmt: skip


def _agreement(item: Adjudication) -> float | None:
    """Mean of the figures by class that were compared; a correction compares nothing anew."""
    first = item
    while first.supersedes is not None:
        first = first.supersedes
    rows = (first.findings or {}).get("summary", [])
    values = [r["value"] for r in rows if r["object"] is None and r["value"] is not None]
    return sum(values) / len(values) if values else None


def _device(clip: Clip) -> str:
    deid = getattr(clip.instance.source, "deidentification", None)
    return f"device/{deid.device_id if deid is not None else None}"


def _site(clip: Clip) -> str:
    source = clip.instance.source
    return f"site/{source.calling_ae or source.door}"


def divide(
    project: Project,
    items: Sequence[Adjudication],
    clips: Sequence[ClipFreeze],
    division: Division,
    kept: dict[str, str],
) -> tuple[dict[str, str], dict[str, Any]]:
    """Splits by pseudonym (those of ``kept`` stay, also of patients who are not in this release),
    and what is said of how they were drawn.

    Raises Refused when clips of two patients show the same pictures and earlier versions put
    these into two splits.
    """
    seed = seed_of(project)
    strata = _strata(items, clips, division.by, seed)
    alike = alike_clips(items)
    pairs = [(items[a].clip.pseudonym, items[b].clip.pseudonym) for a, b, _ in alike]
    drawn = draw_stratified(seed, strata, division.shares, kept, pairs)
    for one, two, how in alike:
        a, b = items[one].clip, items[two].clip
        if drawn[a.pseudonym] != drawn[b.pseudonym]:
            raise Refused(
                "leakage",
                f"{a.name} ({drawn[a.pseudonym]}) and {b.name} ({drawn[b.pseudonym]}) show "
                f"{'the same' if how == 'same' else 'nearly the same'} pictures of two patients.",
                "Leave one of them out: earlier versions put the patients into two splits.",
                field="clip",
                status=409,
            )
    rules = {
        "method": STRATIFIED,
        "strata": list(division.by),
        "balance": balance(strata, drawn),
        "alike_clips": [[clips[a].name, clips[b].name, how] for a, b, how in alike],
    }
    return {**kept, **drawn}, rules


def _strata(
    items: Sequence[Adjudication], clips: Sequence[ClipFreeze], by: Iterable[str], seed: str
) -> dict[str, dict[str, float]]:
    """Pseudonym → {stratum: amount}. Devices and senders by number: a release names neither."""
    wanted, strata = set(by), {clip.pseudonym: dict[str, float]() for clip in clips}
    numbers = {
        kind: _numbered(seed, (name(item.clip) for item in items))
        for kind, name in (("device", _device), ("site", _site))
    }
    for item, clip in zip(items, clips, strict=True):
        held = strata[clip.pseudonym]
        labels = clip.label_set.labels
        things = [*labels["tracks"].values(), *labels["intervals"].values()]
        if "class" in wanted:
            held.update((f"class {t['class_id']}", 1.0) for t in things if t["clip"] == clip.id)
        if "phase" in wanted:
            for span in labels["intervals"].values():
                if span["clip"] == clip.id:
                    us = clip.time_us(span["end_frame"]) - clip.time_us(span["start_frame"])
                    name = f"length of {span['class_id']}"
                    held[name] = held.get(name, 0.0) + max(us, 1) / 1e6
        if "device" in wanted:
            held[f"device {numbers['device'][_device(item.clip)]}"] = 1.0
        if "site" in wanted:
            held[f"site {numbers['site'][_site(item.clip)]}"] = 1.0
    return strata


def _numbered(seed: str, names: Iterable[str]) -> dict[str, int]:
    keyed = sorted(set(names), key=lambda n: hmac.digest(seed.encode(), n.encode(), sha256))
    return {name: place for place, name in enumerate(keyed, 1)}


def alike_clips(items: Sequence[Adjudication]) -> list[tuple[int, int, str]]:
    """Pairs of clips of different patients that show the same pictures (places in ``items``)."""
    patients = [item.clip.pseudonym for item in items]
    if len(set(patients)) < 2:
        return []
    known = dict(
        ClipLook.objects.filter(clip__in=[item.clip_id for item in items]).values_list(
            "clip_id", "bits"
        )
    )
    found = []
    for item in items:
        bits = known.get(item.clip_id)
        if bits is None:
            bits = looks.store_look(service("worker"), item.clip, bits=_bits_of(item.clip)).bits
        digests = np.frombuffer(bytes(item.clip.digests or b""), np.uint8).reshape(-1, 32)
        found.append(Look(np.frombuffer(bytes(bits), np.uint64).reshape(-1, 4), digests))
    return find_alike(found, patients)


def _bits_of(clip: Clip) -> bytes:
    try:
        reader, source = open_frames(clip)
    except KeyDestroyedError:
        return b""
    rows = []
    with source, reader:
        for frame in sampled(clip.n_frames):
            try:
                bits = picture_bits(reader.rgb(frame))
            except PictureMissing:
                continue
            if bits is not None:
                rows.append(bits.tobytes())
    return b"".join(rows)
