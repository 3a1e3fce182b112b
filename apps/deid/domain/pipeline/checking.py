"""The third step: search the result for everything that was harvested, and report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from apps.deid.domain import probe
from apps.deid.domain.chance import Chances
from apps.deid.domain.cine import CinePictures
from apps.deid.domain.decision import box_json, to_blank, to_keep
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.header import HeaderResult
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.pictures import Pictures, VideoPictures
from apps.deid.domain.profile import Profile
from apps.deid.domain.reading import identifier_matcher
from apps.deid.domain.report import instance_report
from apps.deid.domain.scan import Finding, LeakScanner, kinds_kept_on_purpose
from apps.deid.domain.verify_text import verify_text

from .kinds import Tell, kind_of, media_of, pictured
from .producing import Produced


@dataclass(frozen=True)
class Checked:
    """``findings``: identifiers left, by place. ``texts``: boxes of text that nobody decided to
    keep, to be put before a person (or blanked in a second round)."""

    findings: tuple[Finding, ...]
    texts: tuple[dict[str, Any], ...]


def check(
    result: BinaryIO,
    harvest: Harvest,
    profile: Profile,
    header: HeaderResult,
    decision: dict[str, Any] | None,
    proposals: dict[str, Any] | None,
    *,
    look_for_text: bool,
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Checked:
    """Re-open the output and search it: every byte, parsed, inflated, demuxed, decoded for text."""
    scanner = LeakScanner(
        harvest, written=header.written, ignore_kinds=kinds_kept_on_purpose(profile)
    )
    parsed = parse_instance(result)
    kind = kind_of(parsed)
    chances = Chances(result, parsed, header.written, profile.sha256)
    result.seek(0)
    scanner.scan_stream("file", result, chances)
    scanner.scan_dataset("header", parsed.dataset)
    scanner.scan_dataset("file meta", parsed.file_meta)
    pictures: Pictures | None = None
    if kind == "video":
        media = media_of(parsed)
        scanner.scan_mp4("stream", media)
        for place, text in probe.probe_stream(media).texts:
            scanner.scan_text(f"stream {place}", text)
        pictures = VideoPictures(media) if look_for_text else None
    elif kind == "cine" and look_for_text:
        pictures = CinePictures(pictured(parsed)[1])
    found = list(scanner.findings)
    texts: list[dict[str, Any]] = []
    if pictures is not None:
        texts = _texts_left(pictures, harvest, decision, proposals, tell, cancelled)
    return Checked(tuple(found), tuple(texts))


def left_in_stream(produced: Produced, checked: Checked) -> bool:
    """Whether something was left in code streams that were copied and nowhere else, so that coding
    them anew (``produce`` without ``copy``) leaves it behind: bytes that a decoder skips within a
    picture's own data, which nothing but decoding can tell from it."""
    return (
        produced.was_copied
        and bool(checked.findings)
        and not any(f.place.startswith(("header", "file meta")) for f in checked.findings)
    )


def _texts_left(
    pictures: Pictures,
    harvest: Harvest,
    decision: dict[str, Any] | None,
    proposals: dict[str, Any] | None,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> list[dict[str, Any]]:
    frames = proposals["representative_frames"] if proposals else []

    def told(done: int, total: int) -> None:
        if tell is not None:
            tell(0.7 + 0.28 * done / max(total, 1), "reading the result again")

    left = verify_text(
        pictures,
        to_keep(decision),
        frames,
        identifier_matcher(harvest),
        told,
        cancelled,
    )
    return [
        {
            **box_json(finding.box.grown(6, pictures.width_px, pictures.height_px).during(0, None)),
            "kind": "identifier" if finding.is_identifier else "unknown",
            "origin": "check",
            "frame_index": finding.frame_index,
            "text": "",
            "action": "blank",
        }
        for finding in left
        if finding.is_readable or finding.is_identifier
    ]


def report(
    profile: Profile,
    produced: Produced,
    examined_dropped: Sequence[str],
    decision: dict[str, Any] | None,
    checked: Checked,
    confirmed_by: str,
    *,
    has_pixels: bool,
) -> dict[str, Any]:
    """The residual-risk report, free of values; ``blanked_spans`` beside it for the library."""
    boxes, spans = to_blank(decision)
    parts = decision or {"boxes": [], "spans": []}
    made = instance_report(
        profile,
        produced.header,
        checked.findings,
        pixels_cleaned=has_pixels,
        visual_features_cleaned=has_pixels,
        streams_dropped=examined_dropped,
        boxes=[{**box, "confirmed_by": confirmed_by} for box in parts["boxes"]],
        spans=[{**span, "confirmed_by": confirmed_by} for span in parts["spans"]],
        encoder=produced.encoder,
    )
    made["blanked_spans"] = [[span.start_frame, span.end_frame] for span in spans]
    made["n_boxes_blanked"] = len(boxes)
    made["stream_notes"] = [list(note) for note in produced.notes]
    return made
