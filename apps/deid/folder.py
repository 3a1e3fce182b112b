"""Folder to folder: the same examination, writing and search as in quarantine.

Inputs are called ``#n``, by their place among the relative paths sorted by bytes (from 1): names of
files may identify. A result is written encrypted, searched, and only then copied out.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO

from apps.deid import devices
from apps.deid.domain import decision as decisions
from apps.deid.domain import pipeline
from apps.deid.domain.acceptance import element_text
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.header import DeidContext
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.profile import Profile
from apps.deid.domain.reasons import Reason, Refused
from apps.deid.domain.refusals import StreamRefusal
from apps.deid.domain.report import refusal_report
from apps.deid.identity import identity_of
from apps.deid.known import subject_harvest
from apps.keys.keyring import KeyDestroyedError, intake_key, subject_for
from apps.keys.models import Subject
from apps.projects.models import Project
from apps.vault.files import create_file, open_file, storage

_ROUNDS = 3
Tell = Callable[[str], None]


@dataclass
class _Input:
    """One file and what is known of it so far; ``verdict`` is set once it is settled."""

    number: int
    path: Path
    verdict: dict[str, Any] = field(default_factory=dict)
    subject: Subject | None = None
    examined: pipeline.Examined | None = None

    @property
    def label(self) -> str:
        return f"#{self.number}"


class _Run:
    """One call: the subjects met, what was harvested of each, the instances seen."""

    def __init__(self, project: Project, profile: Profile, accept: bool) -> None:
        self.project, self.profile, self.accept = project, profile, accept
        self._subjects: dict[tuple[str, str], Subject] = {}
        self._known: dict[Any, Harvest | None] = {}
        self._seen: dict[str, tuple[str, str]] = {}

    def examine(self, one: _Input, source: BinaryIO) -> None:
        parsed = parse_instance(source)
        dataset = parsed.dataset
        repeated = self._repeated(one, source, element_text(dataset, 0x00080018))
        if repeated is not None:
            one.verdict = repeated
            return
        patient = element_text(dataset, 0x00100020), element_text(dataset, 0x00100021)
        one.subject = self._subject(patient)
        known = self._known[one.subject.pk]
        key = pipeline.device_in(parsed)
        device, has_pictures = devices.known(self.project, key), key is not None
        if has_pictures and devices.is_gated(self.project, device):
            raise Refused(Reason.DEVICE_UNSEEN)
        masks = devices.mask_of(device)
        if has_pictures and self.profile.needs_device_mask and not masks:
            raise Refused(Reason.DEVICE_MASK_MISSING)
        one.examined = pipeline.examine(
            source,
            with_proposals=True,
            others=known,
            device_masks=masks,
            header=self._context(one.subject, known),
        )
        mine = one.examined.harvest
        self._known[one.subject.pk] = mine if known is None else known.merge(mine)

    def _repeated(self, one: _Input, source: BinaryIO, uid: str) -> dict[str, Any] | None:
        if not uid:
            return None
        source.seek(0)
        digest = file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
        label, first = self._seen.setdefault(uid, (one.label, digest))
        if label == one.label:
            return None
        if digest == first:
            return {"verdict": "repeated", "same_as": label}
        return _refused(Refused(Reason.UID_CLASH))

    def _subject(self, patient: tuple[str, str]) -> Subject:
        found = self._subjects.get(patient) if patient[0] else None
        if found is None:
            found = subject_for(*patient)
            self._subjects[patient] = found
            self._known[found.pk] = subject_harvest(self.project, found, None)
        return found

    def settle(self, one: _Input, source: BinaryIO, out: Path) -> dict[str, Any]:
        """Write, search and copy out an examined input; its verdict."""
        examined = one.examined
        assert examined is not None and one.subject is not None
        proposals = examined.proposals
        if proposals is not None and not self.accept:
            counts = {"n_boxes": len(proposals["boxes"]), "n_spans": len(proposals["spans"])}
            return {"verdict": "needs_review", "reason": str(Reason.BURNED_IN_UNREVIEWED), **counts}
        decision = decisions.decision_from(proposals) if proposals is not None else None
        known = self._known[one.subject.pk] or examined.harvest
        context = self._context(one.subject, known)
        copy = True
        for _ in range(_ROUNDS):
            with create_file("scratch", intake_key()) as scratch:
                produced = pipeline.produce(source, scratch, context, decision, copy=copy)  # type: ignore[arg-type]
                file = scratch.finish()
            try:
                with open_file(file, intake_key()) as result:
                    checked = pipeline.check(
                        result,
                        known,
                        self.profile,
                        produced.header,
                        decision,
                        proposals,
                        look_for_text=proposals is not None,
                    )
                    if pipeline.left_in_stream(produced, checked):
                        copy = False
                        continue
                    if checked.findings:
                        return _left(checked)
                    if not checked.texts:
                        name = f"{produced.sop_instance_uid}.dcm"
                        _copy_out(result, out / name)
                        return {
                            "verdict": "accepted",
                            "output": name,
                            **self._report(one, produced, decision, checked),
                        }
            finally:
                storage().delete(file.storage_name)
            assert decision is not None
            more = [{k: v for k, v in box.items() if k != "text"} for box in checked.texts]
            decision = {**decision, "boxes": [*decision["boxes"], *more]}
        return {
            "verdict": "needs_review",
            **refusal_report(Reason.IDENTIFIER_LEFT_IN_FRAME, "pictures"),
        }

    def _context(self, subject: Subject, known: Harvest | None) -> DeidContext:
        identity = identity_of(self.project, subject, self.profile)
        return DeidContext(
            profile=self.profile,
            uid_key=identity.uid_key,
            pseudonym=identity.pseudonym,
            date_offset_s=identity.date_shift_s,
            harvest=known,
            pixels_confirmed=True,
            visual_features_confirmed=True,
        )

    def _report(
        self,
        one: _Input,
        produced: pipeline.Produced,
        decision: dict[str, Any] | None,
        checked: pipeline.Checked,
    ) -> dict[str, Any]:
        assert one.examined is not None
        return pipeline.report(
            self.profile,
            produced,
            one.examined.streams_dropped,
            decision,
            checked,
            "",
            has_pixels=decision is not None,
        )


def _refused(refusal: Refused) -> dict[str, Any]:
    return {"verdict": "refused", **refusal_report(refusal.reason, refusal.place)}


def _left(checked: pipeline.Checked) -> dict[str, Any]:
    in_tag = any(f.place.startswith(("header", "file meta")) for f in checked.findings)
    reason = Reason.IDENTIFIER_LEFT_IN_TAG if in_tag else Reason.IDENTIFIER_LEFT_IN_STREAM
    found = sorted({(f.place, f.kind) for f in checked.findings})[:50]
    return {
        "verdict": "refused",
        **refusal_report(reason, checked.findings[0].place),
        "scan": {"clean": False, "findings": [{"place": p, "kind": k} for p, k in found]},
    }


def _copy_out(result: BinaryIO, path: Path) -> None:
    """Copy what was found clean: whole under its name, or not at all."""
    partial = path.with_suffix(".part")
    try:
        result.seek(0)
        with open(partial, "xb") as out:
            shutil.copyfileobj(result, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _files(src: Path) -> Iterator[Path]:
    if src.is_file():
        yield src
        return
    found = [Path(folder) / name for folder, _, names in os.walk(src) for name in names]
    yield from sorted(
        (file for file in found if file.is_file()),
        key=lambda file: os.fsencode(file.relative_to(src)),
    )


def _guarded(one: _Input, step: Callable[[BinaryIO], None]) -> None:
    """Take a step on an input; whatever stops it becomes its verdict, without any value."""
    try:
        with open(one.path, "rb") as source:
            step(source)
    except Refused as refusal:
        one.verdict = _refused(refusal)
    except StreamRefusal as refusal:
        one.verdict = {"verdict": "failed", "reason": refusal.reason}
    except KeyDestroyedError:
        one.verdict = {"verdict": "failed", "reason": "subject_withdrawn"}
    except Exception as error:
        # Messages of libraries may quote values: only the kind of error is told.
        one.verdict = {"verdict": "failed", "reason": type(error).__name__}


def deidentify_folder(
    project: Project, profile: Profile, src: Path, dst: Path, *, accept: bool, tell: Tell
) -> dict[str, Any]:
    """De-identify every file under ``src`` into ``dst`` (made when missing, expected empty).

    All inputs are examined before the first is written, so that each is searched for what any
    instance of the same subject held. Returns the report: {"project", "profile", "counts",
    "inputs": [{"input": "#n", "verdict": accepted, refused, needs_review, repeated or failed, …}]}.
    """
    inputs = [_Input(number, path) for number, path in enumerate(_files(src), 1)]
    dst.mkdir(parents=True, exist_ok=True)
    run = _Run(project, profile, accept)
    for one in inputs:
        tell(f"examining {one.label} of {len(inputs)}")
        _guarded(one, lambda source, one=one: run.examine(one, source))  # type: ignore[misc]
    for one in inputs:
        if not one.verdict:
            tell(f"writing {one.label} of {len(inputs)}")
            _guarded(
                one,
                lambda source, one=one: one.verdict.update(run.settle(one, source, dst)),  # type: ignore[misc]
            )
    counts = Counter(one.verdict["verdict"] for one in inputs)
    return {
        "project": project.slug,
        "profile": {"name": profile.name, "version": profile.version, "sha256": profile.sha256},
        "counts": {"inputs": len(inputs), **dict(sorted(counts.items()))},
        "inputs": [{"input": one.label, **one.verdict} for one in inputs],
    }
