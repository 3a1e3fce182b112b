"""The first step: read strictly, harvest what identifies, propose what to blank."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from pydicom.dataset import Dataset

from apps.deid.domain import probe
from apps.deid.domain.acceptance import check_acceptable
from apps.deid.domain.boxes import Box
from apps.deid.domain.cine import CinePictures, outside_region_boxes, read_cine_info
from apps.deid.domain.decision import proposals_json
from apps.deid.domain.harvest import Harvest, harvest_identifiers
from apps.deid.domain.header import DeidContext, deidentify_dataset
from apps.deid.domain.parse import ParsedInstance, parse_instance
from apps.deid.domain.pictures import Pictures, VideoPictures
from apps.deid.domain.propose import propose_for
from apps.deid.domain.reading import identifier_matcher
from apps.deid.domain.refusals import StreamRefusal
from apps.deid.domain.seen import SeenPictures
from apps.deid.domain.stream_notes import Note, count_notes, header_notes

from .kinds import Tell, as_refused, kind_of, media_of, pictured

# What muxers and encoders write of themselves identifies nobody, and our own muxer writes it too.
_TOOL_TEXT = re.compile(
    r"^(Lav[fc]|VideoHandler|SoundHandler|DataHandler|isom|iso[2-9]|mp4[12]|avc1|qt  |und$"
    r"|x26[45] -)",
)


@dataclass(frozen=True)
class Examined:
    """What is known after the first step. ``kind``: video, cine or none (no pictures).
    ``proposals`` as ``decision.proposals_json``; None where nothing had to be proposed. ``notes``:
    what is doubtful in the stream, and where the header says other times. ``seen``: what the
    pictures of a video that may be copied are known by."""

    kind: str
    harvest: Harvest = field(repr=False)
    width_px: int = 0
    height_px: int = 0
    n_frames: int = 0
    proposals: dict[str, Any] | None = field(default=None, repr=False)
    streams_dropped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    seen: SeenPictures | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Masks:
    """Boxes that are blanked whatever the pictures show; ``are_read``: text in them is read too."""

    boxes: tuple[Box, ...]
    are_read: bool

    def beside(self, ds: Dataset) -> _Masks:
        """These, and what lies outside all ultrasound regions that the header draws."""
        try:
            return replace(self, boxes=(*self.boxes, *outside_region_boxes(ds)))
        except (AttributeError, TypeError, ValueError):
            # A region without its corners says nothing; its text is found as any other.
            return self

    def within(self, width_px: int, height_px: int) -> list[Box]:
        """Those that lie in the picture: a header may tell another size than the stream has."""
        return [b for b in self.boxes if b.right_px <= width_px and b.bottom_px <= height_px]


def examine(
    source: BinaryIO,
    *,
    with_proposals: bool,
    others: Harvest | None = None,
    device_masks: Sequence[Box] = (),
    under_masks: bool = False,
    prove: bool = False,
    header: DeidContext | None = None,
    tell: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Examined:
    """Read an instance strictly, harvest what identifies, propose what to blank.

    ``others``: what the study's and patient's other instances held. ``device_masks`` are proposed
    first; what lies outside all ultrasound regions as well. ``under_masks``: text is read there
    too (a phantom proves the reading). ``prove``: fill ``seen``. Raises Refused, and
    StreamRefusal for ``detector_missing`` and ``cancelled``.
    """
    parsed = parse_instance(source)
    harvest = harvest_identifiers(
        parsed.dataset, file_meta=parsed.file_meta, preamble=parsed.preamble
    )
    kind, masks = kind_of(parsed), _Masks(tuple(device_masks), under_masks)
    if header is not None and kind != "none":
        _refuse_by_header(parsed.dataset, header, with_proposals)
    try:
        if kind == "video":
            return _examine_video(
                parsed, harvest, others, with_proposals, masks, prove, tell, cancelled
            )
        if kind == "cine":
            return _examine_cine(parsed, harvest, others, with_proposals, masks, tell, cancelled)
    except StreamRefusal as error:
        raise as_refused(error) from None
    return Examined("none", harvest)


def _refuse_by_header(ds: Dataset, header: DeidContext, with_proposals: bool) -> None:
    """Raise what the header rules refuse: before seconds are spent on pictures all of it, else what
    tells of the whole object (the rest comes with the header itself)."""
    if with_proposals:
        deidentify_dataset(ds, header)
    else:
        check_acceptable(ds, header.profile.removed_tags)


def _examine_video(
    parsed: ParsedInstance,
    harvest: Harvest,
    others: Harvest | None,
    with_proposals: bool,
    masks: _Masks,
    prove: bool,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Examined:
    media = media_of(parsed)
    info = probe.probe_stream(media)
    refusals = [
        *info.refusals,
        *probe.check_against_transfer_syntax(info, parsed.transfer_syntax_uid),
    ]
    if refusals:
        raise StreamRefusal(refusals[0], "video: refused")
    said = [value for _, value in info.texts if not _TOOL_TEXT.search(value)]
    texts = harvest_identifiers(Dataset(), said)
    harvest = harvest.merge(texts)
    proposals, seen = None, None
    if with_proposals:
        pictures = VideoPictures(media, prove)
        proposals = _proposals(
            pictures, harvest, others, masks.beside(parsed.dataset), tell, cancelled,
            has_body=True,
        )  # fmt: skip
        seen = pictures.seen
    return Examined(
        "video",
        harvest,
        info.width_px,
        info.height_px,
        info.n_frames,
        proposals,
        tuple(sorted({track.kind for track in info.other_tracks})),
        info.warnings,
        (*info.notes, *header_notes(parsed.dataset, info.pts, info.time_base)),
        seen,
    )


def _examine_cine(
    parsed: ParsedInstance,
    harvest: Harvest,
    others: Harvest | None,
    with_proposals: bool,
    masks: _Masks,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
) -> Examined:
    ds, source = pictured(parsed)
    info = read_cine_info(ds)
    pictures = CinePictures(source)
    proposals = None
    if with_proposals:
        is_endoscopic = str(ds.get("Modality", "")) in ("ES", "LP", "GM", "XC")
        proposals = _proposals(
            pictures, harvest, others, masks.beside(ds), tell, cancelled,
            has_body=is_endoscopic and info.n_frames > 50,
        )  # fmt: skip
    else:
        # What does not decode is refused before anything is made of it.
        for _ in pictures.rgb([0, info.n_frames - 1]):
            pass
    return Examined(
        "cine", harvest, info.width_px, info.height_px, info.n_frames, proposals,
        notes=tuple(count_notes(parsed.dataset, info.n_frames)),
    )  # fmt: skip


def _proposals(
    pictures: Pictures,
    harvest: Harvest,
    others: Harvest | None,
    masks: _Masks,
    tell: Tell | None,
    cancelled: Callable[[], bool] | None,
    *,
    has_body: bool,
) -> dict[str, Any]:
    known = harvest.merge(others) if others is not None else harvest
    found = propose_for(
        pictures,
        masks.within(pictures.width_px, pictures.height_px),
        (lambda done, total: tell(0.95 * done / max(total, 1), "looking for text"))
        if tell
        else None,
        identifier_matcher(known),
        cancelled,
        look_for_out_of_body=has_body,
        under_masks=masks.are_read,
    )
    return proposals_json(found, pictures.width_px, pictures.height_px, pictures.rate_fps)
