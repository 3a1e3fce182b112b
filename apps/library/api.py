"""Doors to clips: facts, frame index, pictures, bytes of the review copy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of, sign_in_by_token
from apps.access.errors import Conflict, NotFound, Refused
from apps.keys.keyring import KeyDestroyedError, open_vault_file
from apps.library import listing, queries, services
from apps.library.domain import digest, ranges
from apps.library.domain.index_format import FrameIndex
from apps.library.domain.step_runs import Spelled, as_list, as_runs
from apps.library.models import Clip
from apps.library.readers import frames_of, open_media

_CHUNK = 1 << 20


def _ready(clip: Clip) -> Clip:
    if clip.state != Clip.State.READY:
        raise Conflict(
            "not_ready",
            f"The clip is {clip.state}; its pictures are not there yet.",
            "Wait until its state is ready.",
        )
    return clip


_LISTED = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200; 100 when left out."),
    OpenApiParameter("after", OpenApiTypes.STR, description="`next` of the page before."),
    OpenApiParameter("state", OpenApiTypes.STR, enum=Clip.State.values),
]


class ClipListView(ApiView):
    @extend_schema(
        operation_id="clips_list", parameters=_LISTED, responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Any) -> Response:
        """A page of the clips that you may see, oldest first; `next` where there are more."""
        asked, limit = request.GET, request.GET.get("limit", "100")
        found = listing.page(
            request.user,
            state=asked.get("state", ""),
            after=asked.get("after", ""),
            count=int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 6 else 0,
            whole=True,
        )
        progress = listing.progress_of(found.clips)
        clips = [queries.as_json(one, lambda clip: progress.get(clip.pk)) for one in found.clips]
        return Response({"clips": clips, "next": found.following or None})


class ClipView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """One clip: size, times, warnings, where its pictures are."""
        return Response(queries.as_json(queries.clip_for(request.user, clip_id)))


class ClipIndexView(ApiView):
    @extend_schema(
        parameters=[
            OpenApiParameter(
                "form",
                OpenApiTypes.STR,
                enum=["runs"],
                description="Lists as `<name>_runs` of [first, step, count] where that is shorter.",
            )
        ],
        responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT},
    )
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Presentation times of every picture; key pictures of the copy that plays."""
        clip = _ready(queries.clip_for(request.user, clip_id))
        index = queries.index_of(clip)
        plays = FrameIndex.from_bytes(bytes(clip.review_index)) if clip.review_index else index
        spelled: Spelled = as_runs if request.GET.get("form") == "runs" else as_list
        return Response(
            {
                "n_frames": index.n_frames,
                "times_from": clip.times_from,
                "time_base": [index.time_base[0], index.time_base[1]],
                **spelled("pts", index.pts),
                "review_time_base": [plays.time_base[0], plays.time_base[1]],
                **spelled("review_pts", plays.pts),
                **spelled("key", np.asarray(plays.key)),
            }
        )


class FramesCsvView(ApiView):
    @extend_schema(
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            404: OpenApiTypes.OBJECT,
            409: OpenApiTypes.OBJECT,
        }
    )
    def get(self, request: Any, clip_id: uuid.UUID) -> HttpResponse:
        """The frame index as a release carries it: index, frame number, PTS, time, digest."""
        clip = _ready(queries.clip_for(request.user, clip_id))
        services.ensure_open(actor_of(request), clip)
        lines = digest.frames_csv(queries.index_of(clip), bytes(clip.digests or b""))
        return HttpResponse("".join(lines), content_type="text/csv; charset=utf-8")


class FrameView(ApiView):
    @extend_schema(
        responses={
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY),
            404: OpenApiTypes.OBJECT,
            409: OpenApiTypes.OBJECT,
        }
    )
    def get(self, request: Any, clip_id: uuid.UUID, frame_index: int) -> HttpResponse:
        """The master's own picture, lossless, by frame index (from 0)."""
        clip = _ready(queries.clip_for(request.user, clip_id))
        if not 0 <= frame_index < clip.n_frames:
            raise NotFound("The clip has no such frame.")
        services.ensure_open(actor_of(request), clip)
        try:
            with frames_of(clip) as reader:
                picture = reader.png_bytes(frame_index)
        except KeyDestroyedError:
            raise NotFound("The subject's pictures have been destroyed.") from None
        response = HttpResponse(picture, content_type="image/png")
        response["X-Frame-Index"] = str(frame_index)
        response["Cache-Control"] = "no-store"
        return response


class SegmentsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Parts of the review copy that can be watched while the rest is being made."""
        clip = queries.clip_for(request.user, clip_id)
        return Response(
            {
                "state": clip.state,
                "segments": [
                    {
                        "start_frame": one.start_frame,
                        "end_frame": one.end_frame,
                        "url": f"/clips/{clip.pk}/segments/{one.start_frame}.mp4",
                    }
                    for one in clip.segments.only("start_frame", "end_frame")
                ],
            }
        )


class WatchedView(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, 400: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT},
    )
    def post(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Report which frames were shown: [[start, end), …]."""
        clip = queries.clip_for(request.user, clip_id)
        spans = body_of(request).get("spans")
        if not isinstance(spans, list) or not all(
            isinstance(span, list) and len(span) == 2 and all(type(edge) is int for edge in span)
            for span in spans
        ):
            raise Refused(
                "invalid_body",
                "spans is not a list of [start, end) pairs.",
                "Send whole frame indices.",
                field="spans",
            )
        if len(spans) > 500:
            raise Refused(
                "too_many", "There are over 500 spans.", "Report each ten seconds.", field="spans"
            )
        if spans:
            services.report_watched(actor_of(request), clip, spans=[(a, b) for a, b in spans])
        return Response({"taken": len(spans)})


@require_safe
def review(request: HttpRequest, clip_id: uuid.UUID) -> HttpResponseBase:
    """Bytes of what the browser plays, in ranges of at most 4 MiB an answer; for a session or a
    token."""
    clip = _ready(queries.clip_for(sign_in_by_token(request), clip_id))
    services.ensure_open(actor_of(request), clip)
    try:
        source: Any = open_vault_file(clip.review) if clip.review is not None else open_media(clip)
    except KeyDestroyedError:
        raise NotFound("The subject's pictures have been destroyed.") from None
    digest_of = clip.review.sha256 if clip.review else clip.media_sha256
    return _in_ranges(request, source, _tag_of(clip, digest_of))


@require_safe
def segment(request: HttpRequest, clip_id: uuid.UUID, start_frame: int) -> HttpResponseBase:
    """Bytes of a finished segment of a review copy that is being made, as ``review``."""
    clip = queries.clip_for(sign_in_by_token(request), clip_id)
    found = clip.segments.filter(start_frame=start_frame).select_related("file").first()
    if found is None:
        raise NotFound("There is no such segment (any more): the clip may be ready.")
    services.ensure_open(actor_of(request), clip)
    try:
        source: Any = open_vault_file(found.file)
    except (KeyDestroyedError, FileNotFoundError):
        raise NotFound("The segment is not there any more.") from None
    return _in_ranges(request, source, _tag_of(clip, found.file.sha256))


def _tag_of(clip: Clip, digest_of: str) -> str:
    """The same bytes bear another tag as every clip: alike tags would say which one another
    repeats, and a tag that is the digest of some and not of others, that it does."""
    return sha256(f"{clip.pk}/{digest_of}".encode()).hexdigest()[:32]


def _in_ranges(request: HttpRequest, source: Any, tag: str) -> HttpResponseBase:
    """What was asked for of an open file, which is closed here."""
    size, etag = source.seek(0, 2), f'"{tag}"'
    asked = request.headers.get("Range") if request.method == "GET" else None
    planned = ranges.plan(asked, request.headers.get("If-Range"), size, etag)
    response: HttpResponseBase
    if planned.status == 200 and request.method == "GET":
        response = StreamingHttpResponse(_blocks(source, planned.start, planned.end))
    else:
        source.seek(planned.start)
        body = source.read(planned.end - planned.start) if planned.status == 206 else b""
        source.close()
        response = HttpResponse(body, status=planned.status)
    response["Content-Type"] = "video/mp4"
    for name, value in planned.headers.items():
        response[name] = value
    response["Cache-Control"] = "no-store"
    return response


def _blocks(source: Any, start: int, end: int) -> Iterator[bytes]:
    try:
        source.seek(start)
        while start < end and (block := source.read(min(_CHUNK, end - start))):
            start += len(block)
            yield block
    finally:
        source.close()
