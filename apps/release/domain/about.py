"""What a release says of itself as data: datasheet with plots, citation, terms, software list.

All of it is counted from the freeze, clip by clip. What nobody told is said to be not stated.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from typing import Any
from uuid import UUID, uuid5

from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.objects import ClipLabels, Frames, Track, clip_labels
from apps.release.domain.splits import split_by_patient

Put = Callable[[str, bytes], object]
NOT_STATED = "not stated"
_NAMESPACE = UUID("6f0a3c1e-52d7-5f6b-9b0e-3f8f5d1c7a10")


SHOWN_LENGTHS = 60


@dataclass
class _Split:
    """What a datasheet says of a split; `held` counts by class the clips that have it."""

    patients: set[str] = field(default_factory=set)
    n_clips: int = 0
    n_frames: int = 0
    held: Counter[str] = field(default_factory=Counter)


@dataclass
class _Counts:
    """What a datasheet says, counted clip by clip (none is kept): by class id, and of the whole;
    lengths in seconds as exact fractions."""

    clips: Counter[str] = field(default_factory=Counter)
    tracks: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    by_hand: Counter[str] = field(default_factory=Counter)
    occluded: Counter[str] = field(default_factory=Counter)
    length_s: dict[str, Fraction] = field(default_factory=dict)
    by_split: dict[str, _Split] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)
    annotators: set[str] = field(default_factory=set)
    signers: set[str] = field(default_factory=set)
    n_by_passkey: int = 0
    n_countersigned: int = 0
    n_inexact: int = 0
    has_raters: bool = False
    total_s: Fraction = Fraction(0)


def write_about(freeze: Freeze, put: Put) -> None:
    """`DATASHEET.md`, `plots/*.svg`, `CITATION.cff`, `LICENSE.md` and `sbom.cdx.json`."""
    counts = _Counts()
    lengths: list[tuple[str, Fraction]] = []
    splits = split_by_patient(freeze)
    for clip in freeze.clips:
        held = _count(counts, clip, clip_labels(freeze, clip))
        split = counts.by_split.setdefault(splits[clip.pseudonym], _Split())
        split.held.update(held)
        split.patients.add(clip.pseudonym)
        split.n_clips += 1
        split.n_frames += clip.n_frames
        seconds = Fraction(clip.time_us(clip.n_frames), 1_000_000)
        counts.total_s += seconds
        if len(lengths) < SHOWN_LENGTHS:
            lengths.append((clip.name, seconds))
    put("DATASHEET.md", "\n".join(_sheet(freeze, counts)).encode())
    names = {c["id"]: str(c["name"]) for c in freeze.ontology["classes"]}
    shown = [(names[key], counts.frames[key]) for key in names if counts.frames[key]]
    put("plots/frames-by-class.svg", _bars("Labelled frames by class", shown, "").encode())
    phases = [(names[key], value) for key in names if (value := counts.length_s.get(key))]
    put("plots/time-by-class.svg", _bars("Time by phase and event", phases, " s").encode())
    put("plots/clip-lengths.svg", _bars("Length of clips", lengths, " s").encode())
    put("CITATION.cff", _citation(freeze).encode())
    put("LICENSE.md", _terms(freeze).encode())
    put("sbom.cdx.json", _software(freeze))


def _further_signatures(counts: _Counts) -> list[str]:
    by_passkey, seconds = counts.n_by_passkey, counts.n_countersigned
    of = f"of {_n(sum(counts.sizes.values()), 'clip')}"
    lines = []
    if by_passkey:
        lines.append(
            f"- {by_passkey} {of} signed by the signer's own passkey: the manifest carries its "
            "assertion over the statement, which not even the server could make"
        )
    if seconds:
        lines.append(f"- {seconds} {of} confirmed by another clinician's countersignature")
    return lines


def _count(counts: _Counts, clip: ClipFreeze, labels: ClipLabels) -> set[str]:
    held = {t.class_id for t in labels.tracks} | {i.class_id for i in labels.intervals}
    counts.clips.update(held)
    counts.sizes[f"{clip.columns} × {clip.rows}"] += 1
    counts.kinds[clip.header.get("Modality") or NOT_STATED] += 1
    counts.warned.update(clip.warnings)
    counts.annotators.update(clip.label_set.annotators)
    counts.n_by_passkey += bool((signed := clip.label_set.signature) and signed.passkey)
    counts.n_countersigned += bool(clip.label_set.countersignatures)
    if clip.label_set.signature is not None:
        counts.signers.add(clip.label_set.signature.signer_pseudonym)
    counts.n_inexact += not clip.digest_exact
    counts.has_raters |= bool(clip.label_set.raters)
    for track in labels.tracks:
        counts.tracks[track.class_id] += 1
        for n, n_by_hand, state in _runs(track):
            counts.frames[track.class_id] += n
            counts.by_hand[track.class_id] += n_by_hand
            counts.occluded[track.class_id] += n if state == "occluded" else 0
    for interval in labels.intervals:
        counts.tracks[interval.class_id] += 1
        us = clip.time_us(interval.end_frame) - clip.time_us(interval.start_frame)
        before = counts.length_s.get(interval.class_id, Fraction(0))
        counts.length_s[interval.class_id] = before + Fraction(us, 1_000_000)
    return held


def _runs(track: Track) -> Iterator[tuple[int, int, str]]:
    if isinstance(track.frames, Frames) and track.frames.blocks is not None:
        for block in track.frames.blocks():
            yield len(block.values), int(block.has_keyframe), block.state
        return
    for placed in track.frames:
        yield 1, int(not placed.interpolated), placed.state


def _sheet(freeze: Freeze, counts: _Counts) -> list[str]:
    about, by_split = freeze.about or {}, counts.by_split
    n_clips = sum(split.n_clips for split in by_split.values())
    n_frames = sum(split.n_frames for split in by_split.values())
    n_patients = sum(len(split.patients) for split in by_split.values())
    out = [
        f"# Datasheet of {freeze.project} {freeze.version}", "",
        "Counted from what was frozen; nothing here is written by hand but the terms.", "",
        "## What is in", "",
        f"- {_n(n_clips, 'clip')} of {_n(n_patients, 'patient')}, {_n(n_frames, 'frame')}, "
        f"{_seconds(counts.total_s)} s",
        f"- Pictures: {_listed(counts.sizes)} px; modality {_listed(counts.kinds)}",
        f"- Frozen {freeze.frozen_at[:10]}; ontology {_words(freeze.ontology.get('title'))} "
        f"version {freeze.ontology.get('version')}",
        "", "## How labels were made", "",
        "- Two people annotate each clip independently; a third decides where they differ and "
        "signs (electronic signature in the manifest, with its proof of the audit log).",
        f"- {_n(len(counts.annotators), 'annotator')}, {_n(len(counts.signers), 'signer')}, "
        "by pseudonym",
        *_further_signatures(counts),
        *(
            ["- Each annotator's own labels, before adjudication, are in `raters/`, with how many "
             "have each object and where they let it begin and end (`uncertainty.csv`)."]
            if counts.has_raters else []
        ),
        "- Tips and boxes between keyframes are interpolated linearly and marked so; a mask stands "
        "only where it was drawn.",
        "", "## Classes", "",
        "| class | geometry | clips | objects | labelled frames | by hand | occluded | time, s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for each in freeze.ontology["classes"]:
        key = each["id"]
        time = _seconds(counts.length_s[key]) if key in counts.length_s else ""
        out.append(
            f"| {_words(each['name'])} (`{key}`) | {each['geometry']} | {counts.clips[key]} | "
            f"{counts.tracks[key]} | {counts.frames[key]} | {counts.by_hand[key]} | "
            f"{counts.occluded[key]} | {time} |"
        )
    out += ["", "![](plots/frames-by-class.svg)", "", "![](plots/time-by-class.svg)", "",
            "![](plots/clip-lengths.svg)", "", "## Splits", "",
            "By patient, drawn by a keyed hash; a patient keeps the split in every version.", "",
            "| split | patients | clips | frames | classes present |",
            "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for split, of_it in sorted(by_split.items()):
        out.append(
            f"| {split} | {len(of_it.patients)} | {of_it.n_clips} | {of_it.n_frames} | "
            f"{len(of_it.held)} |"
        )
    out += ["", "## What is missing, and known limits", ""]
    out += list(_limits(freeze, counts))
    out += ["", "## De-identification, consent, terms", "",
            f"- Profile {_words(freeze.profile.get('name'))}, digest "
            f"`{freeze.profile.get('digest')}`",
            f"- Basis of consent: {_words(about.get('consent') or NOT_STATED)}",
            f"- Terms: {_words(about.get('licence') or NOT_STATED)} (LICENSE.md)", ""]  # fmt: skip
    return out


def _limits(freeze: Freeze, counts: _Counts) -> Iterator[str]:
    for each in freeze.ontology["classes"]:
        key = each["id"]
        if not counts.clips[key]:
            yield f"- {_words(each['name'])} (`{key}`) occurs in no clip"
            continue
        for split, of_it in sorted(counts.by_split.items()):
            if not of_it.held[key]:
                yield f"- {_words(each['name'])} (`{key}`) does not occur in the split {split}"
    for reason, n in sorted(Counter(row["reason"] for row in freeze.left_out).items()):
        yield f"- {_n(n, 'clip')} of the project left out: {_words(reason)}"
    if counts.n_inexact:
        clips = _n(counts.n_inexact, "clip")
        yield f"- {clips} of a codec whose decoders may differ in the last bit"
    for code, n_warned in sorted(counts.warned.items()):
        yield f"- {_n(n_warned, 'clip')} with the warning `{code}`"
    yield "- Site and device are not part of a release: de-identification removes them."


def _n(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _listed(found: Counter[str]) -> str:
    return ", ".join(f"{_words(key)} ({n})" for key, n in sorted(found.items()))


def _words(value: Any) -> str:
    """Text of a person on one line of Markdown."""
    text = " ".join(str(value if value not in (None, "") else NOT_STATED).split())
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def _seconds(value: Fraction) -> str:
    tenths = round(value * 10)
    return f"{tenths // 10}.{tenths % 10}"


def _bars(title: str, rows: list[tuple[str, Any]], unit: str) -> str:
    """A bar chart as SVG: no script, no font of its own, whole numbers for places."""
    height, most = 40 + 22 * max(len(rows), 1), max((Fraction(v) for _, v in rows), default=1)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{height}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<text x="8" y="20" font-size="14">{escape(title)}</text>'
    ]
    for place, (name, value) in enumerate(rows):
        y, width = 34 + 22 * place, int(Fraction(value) * 400 / most) if most else 0
        told = str(value) if isinstance(value, int) else _seconds(value)
        out.append(
            f'<text x="190" y="{y + 13}" text-anchor="end">{escape(name[:28])}</text>'
            f'<rect x="198" y="{y}" width="{width}" height="16" fill="#2a7f8e"/>'
            f'<text x="{204 + width}" y="{y + 13}">{told}{unit}</text>'
        )
    if not rows:
        out.append('<text x="8" y="48">none</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def _citation(freeze: Freeze) -> str:
    def quoted(value: Any) -> str:
        return json.dumps(str(value), ensure_ascii=False)

    about = freeze.about or {}
    return "\n".join([
        "cff-version: 1.2.0",
        'message: "Cite the release by its version and freeze digest."',
        "type: dataset",
        f"title: {quoted(about.get('title') or freeze.project)}",
        f"version: {quoted(freeze.version)}",
        f"date-released: {quoted(freeze.frozen_at[:10])}",
        "authors:",
        f"  - name: {quoted(about.get('authors') or freeze.project)}",
        "",
    ])  # fmt: skip


def _terms(freeze: Freeze) -> str:
    about = freeze.about or {}
    terms = about.get("licence") or (
        "Not stated. Without terms of its own this release grants nothing beyond the agreement "
        "under which it was handed to you."
    )
    return f"# Terms of {freeze.project} {freeze.version}\n\n{_words(terms)}\n"


def _software(freeze: Freeze) -> bytes:
    """The software that froze the release, as CycloneDX 1.5."""
    own = freeze.software
    components = (freeze.about or {}).get("components") or []
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid5(_NAMESPACE, f'{freeze.project} {freeze.version}')}",
        "version": 1,
        "metadata": {
            "timestamp": freeze.frozen_at,
            "component": {"type": "application", "bom-ref": "self", "name": own["name"],
                          "version": own["version"]},
        },
        "components": [
            {"type": "library", "bom-ref": f"pkg:pypi/{name}@{version}", "name": name,
             "version": version, "purl": f"pkg:pypi/{name}@{version}"}
            for name, version in components
        ],
    }  # fmt: skip
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
