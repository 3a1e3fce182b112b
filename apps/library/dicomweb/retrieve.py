"""WADO-RS (PS3.18 section 10.4): instances, metadata, frames, bulk data, rendered pictures."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.access.errors import Conflict, NotFound, Refused
from apps.intake.dicomweb.doors import DicomwebView, dicomweb_actor
from apps.intake.dicomweb.stow import StowView
from apps.keys.keyring import KeyDestroyedError, open_vault_file
from apps.library import services
from apps.library.dicomweb import pixels, queries
from apps.library.dicomweb.search import base_of
from apps.library.domain.media_types import DICOM, EXPLICIT_LE, OCTETS, Offer, choose, stored_type
from apps.library.models import Clip, Instance

_ANSWERS = {
    (200, "multipart/related"): OpenApiTypes.BINARY,
    404: OpenApiTypes.OBJECT,
    406: OpenApiTypes.OBJECT,
}
# An array of instances, each in the DICOM JSON model (PS3.18 Annex F).
_LIST = {"type": "array", "items": {"type": "object"}}
_JSON = {200: _LIST, 404: OpenApiTypes.OBJECT}
_NATIVE = ("1.2.840.10008.1.2", EXPLICIT_LE)
MAX_VIEWPORT_PX = 8192


def _chosen(request: Any, offers: list[Offer]) -> Offer:
    """Raises Refused (406)."""
    offer = choose(request.headers.get("Accept", ""), offers)
    if offer is None:
        there = ", ".join(sorted({one.part_type for one in offers}))
        raise Refused(
            "not_acceptable",
            "None of the representations asked for is there.",
            f"There is: {there}.",
            status=406,
        )
    return offer


def _answer(offer: Offer, parts: Iterable[tuple[str, Iterable[bytes]]]) -> HttpResponseBase:
    """The parts (type and bytes of each) as the offer says."""
    if not offer.is_multipart:
        content_type, blocks = next(iter(parts))
        response = StreamingHttpResponse(blocks, content_type=content_type)
    else:
        boundary = uuid.uuid4().hex
        response = StreamingHttpResponse(
            _framed(parts, boundary.encode()),
            content_type=f'multipart/related; type="{offer.media_type}"; boundary={boundary}',
        )
    response["Cache-Control"] = "no-store"
    return response


def _framed(parts: Iterable[tuple[str, Iterable[bytes]]], boundary: bytes) -> Iterator[bytes]:
    for content_type, blocks in parts:
        yield b"--" + boundary + b"\r\nContent-Type: " + content_type.encode() + b"\r\n\r\n"
        yield from blocks
        yield b"\r\n"
    yield b"--" + boundary + b"--\r\n"


def _must_open(instance: Instance) -> None:
    """Raises NotFound where the subject's key is gone: before the answer has begun."""
    try:
        open_vault_file(instance.file).close()
    except KeyDestroyedError:
        raise NotFound("The subject's pictures have been destroyed.") from None


def _retrieved(
    request: Any, scope: str, study_uid: str, series_uid: str = "", instance_uid: str = ""
) -> HttpResponseBase:
    found = list(queries.instances_at(request.user, scope, study_uid, series_uid, instance_uid))
    syntaxes = {instance.transfer_syntax_uid for instance in found}
    # Nothing is transcoded: what is asked for in one syntax must be stored in it, all of it.
    syntax = syntaxes.pop() if len(syntaxes) == 1 else ""
    offers = [Offer(DICOM, syntax, True)]
    if instance_uid:
        offers.append(Offer(DICOM, syntax, False))
    offer = _chosen(request, offers)
    _must_open(found[0])
    target: Any = found[0].series.study
    if series_uid:
        target = found[0] if instance_uid else found[0].series
    services.retrieve(
        dicomweb_actor(request),
        target,
        what="instances",
        count=len(found),
        size_bytes=sum(instance.file.size_bytes for instance in found),
    )
    return _answer(
        offer,
        (
            (
                f"{DICOM}; transfer-syntax={instance.transfer_syntax_uid}",
                pixels.blocks_of(open_vault_file(instance.file)),
            )
            for instance in found
        ),
    )


@extend_schema_view(post=extend_schema(operation_id="dicomweb_store_into_study"))
class StudyView(StowView):
    @extend_schema(responses=_ANSWERS)
    def get(self, request: Any, scope: str, study_uid: str) -> HttpResponseBase:
        """The instances of a study (WADO-RS), as they are stored"""
        return _retrieved(request, scope, study_uid)


class OneSeriesView(DicomwebView):
    @extend_schema(responses=_ANSWERS)
    def get(self, request: Any, scope: str, study_uid: str, series_uid: str) -> HttpResponseBase:
        """The instances of a series (WADO-RS), as they are stored"""
        return _retrieved(request, scope, study_uid, series_uid)


class InstanceView(DicomwebView):
    @extend_schema(responses=_ANSWERS)
    def get(
        self, request: Any, scope: str, study_uid: str, series_uid: str, instance_uid: str
    ) -> HttpResponseBase:
        """One instance (WADO-RS), as it is stored"""
        return _retrieved(request, scope, study_uid, series_uid, instance_uid)


class MetadataView(DicomwebView):
    @extend_schema(responses=_JSON)
    def get(
        self,
        request: Any,
        scope: str,
        study_uid: str,
        series_uid: str = "",
        instance_uid: str = "",
    ) -> Response:
        """Every attribute but Pixel Data, which stands there by its address (WADO-RS)"""
        found = queries.instances_at(request.user, scope, study_uid, series_uid, instance_uid)
        base = base_of(request, scope)
        return Response([queries.metadata_of(instance, base) for instance in found])


def _one(request: Any, scope: str, *uids: str) -> Instance:
    instance = queries.instances_at(request.user, scope, *uids).get()
    if "00280010" not in instance.header:
        raise NotFound("The instance has no pixel data.")
    return instance


def _clip(request: Any, instance: Instance, numbers: list[int]) -> Clip:
    """The instance's clip, ready and open for this person. Raises NotFound for a frame that is not
    there, Conflict while the clip is being made."""
    held = Clip.objects.filter(instance=instance, repeats=None)
    clip = held.select_related("instance__file", "master").first()
    if clip is None:
        raise NotFound("The instance has no pixel data.")
    if clip.state != Clip.State.READY:
        raise Conflict(
            "not_ready",
            f"The clip is {clip.state}; its pictures are not there yet.",
            "Wait until its state is ready.",
        )
    if not all(1 <= number <= clip.n_frames for number in numbers):
        raise NotFound("The instance has no such frame.")
    _must_open(instance)
    services.ensure_open(dicomweb_actor(request), clip)
    return clip


class FramesView(DicomwebView):
    @extend_schema(responses=_ANSWERS)
    def get(
        self,
        request: Any,
        scope: str,
        study_uid: str,
        series_uid: str,
        instance_uid: str,
        numbers: list[int],
    ) -> HttpResponseBase:
        """Frames by number from 1 (WADO-RS): samples, or compressed as stored"""
        instance = _one(request, scope, study_uid, series_uid, instance_uid)
        clip = _clip(request, instance, numbers)
        offers = [Offer(OCTETS, EXPLICIT_LE, True)]
        kind = stored_type(instance.transfer_syntax_uid)
        if clip.media == Clip.Media.CINE and kind != OCTETS:
            offers.append(Offer(kind, instance.transfer_syntax_uid, True))
        if len(numbers) == 1:
            offers += [Offer(one.media_type, one.transfer_syntax, False) for one in offers]
        offer = _chosen(request, offers)
        frames: Iterator[bytes]
        if offer.media_type == OCTETS and instance.transfer_syntax_uid not in _NATIVE:
            frames = (pixels.decoded_frame(clip, number).tobytes() for number in numbers)
        else:
            frames = pixels.stored_frames(instance, numbers)
        return _answer(offer, ((offer.part_type, [frame]) for frame in frames))


class BulkdataView(DicomwebView):
    @extend_schema(responses=_ANSWERS)
    def get(
        self,
        request: Any,
        scope: str,
        study_uid: str,
        series_uid: str,
        instance_uid: str,
        tag: str,
    ) -> HttpResponseBase:
        """Pixel Data as stored (WADO-RS): the video stream, the frames, or the samples"""
        instance = _one(request, scope, study_uid, series_uid, instance_uid)
        if tag.lower() != "7fe00010":
            raise NotFound("This attribute is in the metadata.")
        syntax = instance.transfer_syntax_uid
        kind = stored_type(syntax)
        if syntax in _NATIVE:
            offers = [Offer(OCTETS, EXPLICIT_LE, True), Offer(OCTETS, EXPLICIT_LE, False)]
        elif kind.startswith("video/"):
            offers = [Offer(kind, syntax, True), Offer(kind, syntax, False)]
            offers += [Offer(OCTETS, syntax, True), Offer(OCTETS, syntax, False)]
        else:
            offers = [Offer(kind, syntax, True)]
        offer = _chosen(request, offers)
        _must_open(instance)
        services.retrieve(
            dicomweb_actor(request),
            instance,
            what="bulkdata",
            count=1,
            size_bytes=instance.file.size_bytes,
        )
        if syntax in _NATIVE:
            return _answer(offer, [(offer.part_type, pixels.native_blocks(instance))])
        if kind.startswith("video/"):
            return _answer(offer, [(offer.part_type, pixels.video_blocks(instance))])
        frames = pixels.stored_frames(instance)
        return _answer(offer, ((offer.part_type, [frame]) for frame in frames))


class RenderedView(DicomwebView):
    @extend_schema(
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (200, "image/png"): OpenApiTypes.BINARY,
            400: OpenApiTypes.OBJECT,
            404: OpenApiTypes.OBJECT,
            406: OpenApiTypes.OBJECT,
        }
    )
    def get(
        self,
        request: Any,
        scope: str,
        study_uid: str,
        series_uid: str,
        instance_uid: str,
        numbers: list[int] | None = None,
    ) -> HttpResponseBase:
        """A picture as JPEG or PNG (WADO-RS); `quality`, `viewport=width,height`"""
        if numbers is not None and len(numbers) > 1:
            raise Refused(
                "one_frame", "One frame is rendered at a time.", "Ask for each by its number."
            )
        quality, viewport = _rendering(request)
        instance = _one(request, scope, study_uid, series_uid, instance_uid)
        offer = _chosen(request, [Offer("image/jpeg", "", False), Offer("image/png", "", False)])
        clip = _clip(request, instance, numbers or [1])
        picture = pixels.rendered(clip, (numbers or [1])[0], offer.media_type, quality, viewport)
        response = HttpResponse(picture, content_type=offer.media_type)
        response["Cache-Control"] = "no-store"
        return response


def _rendering(request: Any) -> tuple[int, tuple[int, int] | None]:
    """Quality and viewport of a rendered picture. Raises Refused for what is not supported."""
    unknown = set(request.GET) - {"quality", "viewport", "accept"}
    quality = request.GET.get("quality", "90")
    viewport = request.GET.get("viewport", "")
    size = re.fullmatch(r"([0-9]{1,5}),([0-9]{1,5})", viewport)
    if unknown or not re.fullmatch(r"[0-9]{1,3}", quality) or (viewport and not size):
        raise Refused(
            "invalid_rendering",
            "A rendering parameter is not supported.",
            "There are quality (1 to 100) and viewport=width,height.",
        )
    px = (int(size[1]), int(size[2])) if size else None
    if not 1 <= int(quality) <= 100 or (px and not all(1 <= n <= MAX_VIEWPORT_PX for n in px)):
        raise Refused(
            "invalid_rendering",
            "A rendering parameter is out of range.",
            f"Quality goes from 1 to 100, a viewport to {MAX_VIEWPORT_PX} pixels.",
        )
    return int(quality), px
