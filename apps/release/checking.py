"""The check before freezing: everything the freeze would say is drawn, looked at and let go."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypedDict

from apps.access.errors import Refused
from apps.keys.keyring import KeyDestroyedError, open_vault_file
from apps.library.models import Clip
from apps.release.collecting import Progress, collect
from apps.release.dividing import checked_division
from apps.release.domain.freeze import Freeze, load_freeze
from apps.release.domain.splits import split_by_patient
from apps.release.models import Release


class Line(TypedDict):
    """One thing that was checked: ``state`` is good, look (a person decides) or bad (forbids)."""

    what: str
    state: str
    said: str


class Report(TypedDict):
    """``splits``: {"split", "patients", "clips", "frames"}; ``balance`` as in `splits.json`."""

    holds: bool
    n_clips: int
    lines: list[Line]
    left_out: list[dict[str, str]]
    splits: list[dict[str, Any]]
    balance: list[dict[str, Any]]


def check_draft(release: Release, progress: Progress | None = None) -> Report:
    """What freezing the draft would give. Keeps nothing but how clips look."""
    choices = release.choices
    try:
        draft = collect(
            release.project,
            release.version,
            choices.get("clips", []),
            progress,
            choices.get("about", {}),
            checked_division(choices),
            bool(choices.get("raters")),
        )
    except Refused as refusal:
        line = Line(what="What is in", state="bad", said=f"{refusal.message} {refusal.remedy}")
        return Report(holds=False, n_clips=0, lines=[line], left_out=[], splits=[], balance=[])
    freeze = load_freeze(draft.content)
    lines = [
        Line(
            what="Signatures and labels",
            state="good",
            said=f"{_n(draft.n_clips, 'clip')}: each signature holds and binds the labels as they "
            "stand, with its proof in the log",
        ),
        *_signed(freeze),
        _media(freeze),
        _same_patient(freeze),
        _alike(freeze),
        *_classes(freeze),
        *_stated(freeze),
    ]
    return Report(
        holds=all(line["state"] != "bad" for line in lines),
        n_clips=draft.n_clips,
        lines=lines,
        left_out=[{"clip": row["clip"], "reason": row["reason"]} for row in draft.left_out],
        splits=_splits(freeze),
        balance=(freeze.split_rules or {}).get("balance", []),
    )


def _signed(freeze: Freeze) -> list[Line]:
    """What the project asks of signatures; a clip that lacks it is among what is left out."""
    asked = freeze.signing_rules or {}
    words = {"countersigned": "countersigned", "passkey": "signed by passkey alone"}
    named = [words[name] for name in words if asked.get(name)]
    if not named:
        return []
    said = f"Every clip is {' and '.join(named)}, as the project asks"
    return [Line(what="Rules of release", state="good", said=said)]


def _media(freeze: Freeze) -> Line:
    lost = []
    clips = Clip.objects.filter(pk__in=[clip.id for clip in freeze.clips])
    for clip in clips.select_related("instance__file"):
        try:
            with open_vault_file(clip.instance.file) as source:
                source.read(132)
        except (KeyDestroyedError, OSError, ValueError):
            lost.append(clip.name)
    if lost:
        said = f"The pictures of {_listed(lost)} cannot be read: leave these clips out"
        return Line(what="Pictures", state="bad", said=said)
    return Line(what="Pictures", state="good", said="The media of every clip can be read")


def _same_patient(freeze: Freeze) -> Line:
    """By the files' own words: what a study is, its patient is."""
    splits, studies = split_by_patient(freeze), dict[str, set[str]]()
    for clip in freeze.clips:
        studies.setdefault(clip.study_uid, set()).add(splits[clip.pseudonym])
    torn = sum(len(found) > 1 for found in studies.values())
    if torn:
        return Line(
            what="One patient, one split",
            state="bad",
            said=f"{_n(torn, 'study')} lies in two splits: correct the patient of its instances",
        )
    said = "Drawn by patient; no patient and no study lies in two splits"
    return Line(what="One patient, one split", state="good", said=said)


def _alike(freeze: Freeze) -> Line:
    pairs = (freeze.split_rules or {}).get("alike_clips", [])
    if not pairs:
        said = "No two patients' clips show the same or nearly the same pictures"
        return Line(what="Near-duplicates", state="good", said=said)
    named = _listed([f"{one} and {two}" for one, two, _ in pairs])
    said = f"{named}: of two patients, with the same pictures. They were drawn into one split"
    return Line(what="Near-duplicates", state="look", said=said)


def _classes(freeze: Freeze) -> list[Line]:
    splits, names = split_by_patient(freeze), {c["id"]: c["name"] for c in freeze.classes()}
    wanted = sorted(name for name, share in freeze.split_fractions.items() if share > 0)
    there: dict[str, set[str]] = {name: set() for name in wanted}
    for clip in freeze.clips:
        labels = clip.label_set.labels
        for thing in [*labels["tracks"].values(), *labels["intervals"].values()]:
            if thing["clip"] == clip.id:
                there.setdefault(splits[clip.pseudonym], set()).add(thing["class_id"])
    held = {clip.pseudonym for clip in freeze.clips}
    empty = sorted(set(wanted) - {splits[p] for p in held})
    lines = []
    if empty:
        said = f"No patient in {_listed(empty)}: there are too few patients for the shares"
        lines.append(Line(what="Splits", state="look", said=said))
    everywhere = set.union(*there.values())
    for split in (name for name in wanted if name not in empty):
        missing = [names[c] for c in names if c in everywhere and c not in there[split]]
        if missing:
            said = f"{split} holds no {_listed(missing)}"
            lines.append(Line(what="Classes", state="look", said=said))
    if not lines:
        said = "Every split holds every class that occurs"
        lines.append(Line(what="Splits", state="good", said=said))
    return lines


def _stated(freeze: Freeze) -> list[Line]:
    about = freeze.about or {}
    words = {"licence": "terms of use", "consent": "basis of consent", "authors": "whom to cite"}
    missing = [words[name] for name in words if not about.get(name)]
    if not missing:
        return [Line(what="Datasheet", state="good", said="Terms, consent and citation are stated")]
    return [Line(what="Datasheet", state="look", said=f"Not stated: {_listed(missing)}")]


def _splits(freeze: Freeze) -> list[dict[str, Any]]:
    splits = split_by_patient(freeze)
    patients = Counter(splits[p] for p in {head.pseudonym for head in freeze.heads})
    clips: Counter[str] = Counter()
    frames: Counter[str] = Counter()
    for head in freeze.heads:
        clips[splits[head.pseudonym]] += 1
        frames[splits[head.pseudonym]] += head.n_frames
    return [
        {"split": name, "share": share, "patients": patients[name], "clips": clips[name],
         "frames": frames[name]}
        for name, share in sorted(freeze.split_fractions.items())
        if share > 0 or clips[name]
    ]  # fmt: skip


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _n(count: int, word: str) -> str:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"
