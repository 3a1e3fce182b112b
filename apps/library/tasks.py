"""Background work: from a cleared instance to a clip that plays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any, BinaryIO

import av
from django.conf import settings
from pydicom import dcmread
from pydicom.uid import UID

from apps.access.actor import service
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.picture_digest import decoder_name
from apps.deid.domain.pipeline import pictured
from apps.deid.services import seen_pictures_of
from apps.intake.models import ReceivedInstance
from apps.intake.queries import wrapping_warnings
from apps.jobs.models import Job
from apps.jobs.work import FailedError, JobHandle, StoppedError, enqueue, job, on_parked, sweep
from apps.keys.keyring import open_vault_file, subject_key
from apps.library import services
from apps.library.domain import digest as digests
from apps.library.domain.cine_master import CineReader, NotACine, write_cine_master
from apps.library.domain.decode import FrameReader, PictureMissing
from apps.library.domain.frame_index import WorkCancelled, build_index, verify_by_decode
from apps.library.domain.index_format import FrameIndex
from apps.library.domain.review_copy import (
    make_cine_review_copy,
    make_review_copy,
    needs_review_copy,
)
from apps.library.domain.review_segments import (
    encode_segment,
    join_segments,
    recipe,
    segments_of,
)
from apps.library.domain.shots import find_shots
from apps.library.domain.taken_over import taken_over
from apps.library.domain.video_stream import NotAVideo, VideoInfo, video_info
from apps.library.models import Clip
from apps.library.readers import open_media
from apps.vault.files import VaultWriter, WrappingKey, create_file, remove_unnamed
from apps.vault.models import VaultFile

_NO_PIXELS = ("7FE00010", "7FE00008", "7FE00009")
LONG_BYTES = 64 << 20
_WRAPPED = {
    "second_video_stream": "the file held more than one video stream; the first was taken",
    "encoded": "DICOM has no form for the file's codec; it was encoded once on intake",
}


@sweep
def find_cleared() -> int:
    """Register what de-identification has cleared, and queue the making of its clip."""
    found = 0
    waiting = ReceivedInstance.objects.filter(
        state=ReceivedInstance.State.CLEARED, instance=None, deidentification__output__isnull=False
    ).select_related("deidentification__output")
    for received in waiting.order_by("received_at")[:20]:
        _register(received)
        found += 1
    indexing = Clip.objects.filter(state=Clip.State.INDEXING)
    for clip in indexing.select_related("instance__file"):
        live = Job.objects.filter(kind="library.make_clip", object_id=str(clip.pk))
        if not live.exists():
            found += enqueue(
                "library.make_clip",
                clip.pk,
                priority=5,
                is_long=clip.instance.file.size_bytes > LONG_BYTES,
            )
    return found


def _register(received: ReceivedInstance) -> None:
    output = received.deidentification.output
    if output is None:
        return
    with open_vault_file(output) as source:
        ds = dcmread(source, stop_before_pixels=True)
        header = json.loads(ds.to_json(bulk_data_threshold=1 << 30))
        has_pixels = "Rows" in ds
        syntax = UID(ds.file_meta.TransferSyntaxUID)
    media = None
    if has_pixels:
        media = Clip.Media.VIDEO if _is_video(syntax) else Clip.Media.CINE
    services.register_instance(
        service("worker"), received, header=header, transfer_syntax_uid=str(syntax), media=media
    )


def _is_video(syntax: UID) -> bool:
    """MPEG-2, MPEG-4 and HEVC transfer syntaxes and their fragmentable forms."""
    return re.fullmatch(r"1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?", str(syntax)) is not None


@job("library.make_clip")
def make_clip(handle: JobHandle) -> None:
    """Index, digest, and where a browser cannot play the master, a review copy."""
    clip = (
        Clip.objects.select_related("instance__file", "instance__source__subject", "project")
        .filter(pk=handle.job.object_id)
        .first()
    )
    if clip is None or clip.state in (Clip.State.READY, Clip.State.WITHDRAWN):
        return
    subject = clip.instance.source.subject
    if subject is None:
        raise FailedError("the instance has no subject")
    key = subject_key(subject)
    remove_unnamed(_written(clip))
    try:
        fields = _made(clip, key, handle)
        services.finish_clip(service("worker"), clip, **fields)
    except Exception:
        # Files are whole before the work is: what no row names now, none will. Only what this run
        # knows of: where its lease was lost, another run's files wait for their rows.
        remove_unnamed(handle.job.params.get("written", []))
        raise


def _made(clip: Clip, key: WrappingKey, handle: JobHandle) -> dict[str, Any]:
    try:
        if clip.media == Clip.Media.VIDEO:
            fields = _video(clip, key, handle)
        else:
            fields = _cine(clip, key, handle)
        return {**fields, "shots": _shots(clip, key, fields, handle)}
    except (NotAVideo, NotACine, PictureMissing) as error:
        raise FailedError(str(error)) from None
    except WorkCancelled:
        raise StoppedError from None


def _finish(out: VaultWriter, handle: JobHandle) -> VaultFile:
    """The file that was written, noted before it is whole: its row is saved much later, and
    whoever dies before that leaves it to the next run."""
    handle.note(written=[*handle.job.params.get("written", []), out.id.hex])
    return out.finish()


def _written(clip: Clip) -> set[str]:
    """Names of files that attempts to make the clip have written."""
    jobs = Job.objects.filter(kind="library.make_clip", object_id=str(clip.pk))
    return {
        name
        for params in jobs.values_list("params", flat=True)
        for name in params.get("written", [])
    }


def _shots(
    clip: Clip, key: WrappingKey, fields: dict[str, Any], handle: JobHandle
) -> list[int] | None:
    """Looked for in the review copy, whose groups are short, or in a master that serves itself;
    None where a picture does not decode by itself (its digest was taken from what stands before
    it): the clip plays without them."""
    try:
        return _found_shots(clip, key, fields, handle)
    except PictureMissing:
        return None


def _found_shots(
    clip: Clip, key: WrappingKey, fields: dict[str, Any], handle: JobHandle
) -> list[int]:
    told = _part(handle, 0.95, 1.0, "looking for changes of shot")
    index: FrameIndex = fields["index"]
    if fields["review"] is not None:
        copy = FrameIndex.from_bytes(fields["review_index"])
        with (
            open_vault_file_unsaved(fields["review"], key) as source,
            FrameReader(source, copy, kept_bytes=0) as reader,
        ):
            return find_shots(reader, copy.entries, index.fps, told, handle.cancelled)
    with open_media(clip) as media, FrameReader(media, index, kept_bytes=0) as reader:
        return find_shots(reader, index.entries, index.fps, told, handle.cancelled)


def _part(handle: JobHandle, start: float, end: float, step: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        handle.progress(start + (end - start) * done / max(total, 1), step)

    return tell


def _video(clip: Clip, key: WrappingKey, handle: JobHandle) -> dict[str, Any]:
    declared = _declared_frames(clip)
    with open_media(clip) as media:
        info = video_info(media)
        index = build_index(media, declared)
        try:
            all_digests, review, review_index = _looked_through(
                clip, media, info, index, key, handle
            )
        except PictureMissing:
            told = _part(handle, 0.0, 0.4, "checking every picture")
            index = verify_by_decode(media, index, told, handle.cancelled).index
            all_digests, review, review_index = _looked_through(
                clip, media, info, index, key, handle
            )
        media_sha256 = _sha256_of(media)
    return {
        "index": index,
        "digests": all_digests,
        "size_px": (info.width_px, info.height_px),
        "codec": info.codec,
        "digest_exact": info.is_decoding_exact,
        "decoder": decoder_name(),
        "media_sha256": media_sha256,
        "warnings": _warnings(clip, index),
        "master": None,
        "review": review,
        "review_index": review_index,
    }


def _looked_through(
    clip: Clip,
    media: BinaryIO,
    info: VideoInfo,
    index: FrameIndex,
    key: WrappingKey,
    handle: JobHandle,
) -> tuple[bytes, VaultFile | None, bytes | None]:
    """(digest of every picture, review copy, its index) by decoding each picture once, or by none
    where examination has seen the same stream and no review copy is made."""
    if not needs_review_copy(info, index)[0]:
        seen = seen_pictures_of(clip.instance.source)
        taken = taken_over(media, index, seen, handle.cancelled) if seen is not None else None
        if taken is not None:
            return taken, None, None
        told = _part(handle, 0.0, 0.95, "checking every picture")
        return digests.digests(media, index, told, handle.cancelled), None, None
    spans = segments_of(index.n_frames, settings.CLINICAL_ANNOT_REVIEW_SEGMENT_FRAMES)
    if len(spans) > 1:
        return _in_segments(clip, media, info, index, spans, key, handle)
    found = bytearray()
    with create_file("review", key) as out:
        made = make_review_copy(
            media,
            index,
            out,  # type: ignore[arg-type]
            _part(handle, 0.0, 0.95, "making the review copy"),
            handle.cancelled,
            partial(_note, found),
        )
        return bytes(found), _finish(out, handle), made.index.to_bytes()


def _note(found: bytearray, frame: av.VideoFrame) -> None:
    found.extend(digests.picture_digest(frame))


def _in_segments(
    clip: Clip,
    media: BinaryIO,
    info: VideoInfo,
    index: FrameIndex,
    spans: list[tuple[int, int]],
    key: WrappingKey,
    handle: JobHandle,
) -> tuple[bytes, VaultFile, bytes]:
    """(digests, review copy, its index) of a long clip: what an earlier attempt made is kept."""
    worker, made_of = service("worker"), recipe(index, clip.instance.file.sha256)
    kept = {
        (one.start_frame, one.end_frame): one
        for one in clip.segments.select_related("file")
        if bytes(one.made_of) == made_of
    }
    told = _part(handle, 0.0, 0.95, "making the review copy")
    with FrameReader(media, index, kept_bytes=0) as reader:
        for span in spans:
            if span in kept:
                continue
            found = bytearray()
            with create_file("review", key) as out:
                encode_segment(
                    reader,
                    span,
                    out,  # type: ignore[arg-type]
                    told,
                    handle.cancelled,
                    partial(_note, found),
                )
                kept[span] = services.keep_segment(
                    worker, clip, span=span, made_of=made_of, digests=bytes(found),
                    file=_finish(out, handle),
                )  # fmt: skip
            handle.got_on()

    def files() -> Iterator[BinaryIO]:
        for span in spans:
            with open_vault_file(kept[span].file) as source:
                yield source  # type: ignore[misc]

    with create_file("review", key) as out:
        size_px = info.width_px, info.height_px
        made = join_segments(files(), index, size_px, out, handle.cancelled)  # type: ignore[arg-type]
        all_digests = b"".join(bytes(kept[span].digests) for span in spans)
        return all_digests, _finish(out, handle), made.index.to_bytes()


def _cine(clip: Clip, key: WrappingKey, handle: JobHandle) -> dict[str, Any]:
    with open_vault_file(clip.instance.file) as source:
        ds, frames = pictured(parse_instance(source))  # type: ignore[arg-type]
        with create_file("master", key) as out:
            told = _part(handle, 0.0, 0.5, "writing the master")
            index = write_cine_master(
                ds,
                out,  # type: ignore[arg-type]
                told,
                handle.cancelled,
                frames.arrays,
            )
            master = _finish(out, handle)
    with open_vault_file_unsaved(master, key) as source:
        reader = CineReader(source)
        all_digests, size = reader.digests(), (reader.width_px, reader.height_px)
        with create_file("review", key) as out:
            made = make_cine_review_copy(
                (reader.picture(i) for i in range(reader.n_frames)),
                index,
                out,  # type: ignore[arg-type]
                _part(handle, 0.5, 0.95, "making the review copy"),
                handle.cancelled,
            )
            review = _finish(out, handle)
    return {
        "index": index,
        "digests": all_digests,
        "size_px": size,
        "codec": "cine",
        "digest_exact": True,
        "decoder": decoder_name(),
        "media_sha256": master.sha256,
        "warnings": _warnings(clip, index),
        "master": master,
        "review": review,
        "review_index": made.index.to_bytes(),
    }


def open_vault_file_unsaved(file: VaultFile, key: WrappingKey) -> Any:
    """A reader of a file whose row is not saved yet."""
    from apps.vault.files import open_file

    return open_file(file, key)


def _declared_frames(clip: Clip) -> int | None:
    values = clip.instance.header.get("00280008", {}).get("Value")
    return int(values[0]) if values else None


def _warnings(clip: Clip, index: FrameIndex) -> list[dict[str, str]]:
    """What was doubtful in the file as it was sent, then what is in the master; a code once."""
    source = clip.instance.source
    found = {code: _WRAPPED[code] for code in wrapping_warnings(source) if code in _WRAPPED}
    notes = source.deidentification.report.get("stream_notes", [])
    for code, message in (*notes, *index.warnings):
        found.setdefault(code, message)
    return [{"code": code, "message": message} for code, message in found.items()]


def _sha256_of(media: Any) -> str:
    total = sha256()
    media.seek(0)
    while block := media.read(1 << 20):
        total.update(block)
    return total.hexdigest()


@on_parked("library.make_clip")
def clip_parked(row: Job) -> None:
    """A clip that cannot be made says so."""
    clip = Clip.objects.filter(pk=row.object_id).first()
    if clip is not None and clip.state == Clip.State.INDEXING:
        services.fail_clip(service("worker"), clip, reason=row.reason)
