"""Doors to a part of one's own label set: what the workspace opens with and reads as it goes on."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of
from apps.access.errors import NotFound, Refused
from apps.annotation import beside, looking, queries, windows
from apps.annotation.models import LabelSet

_WINDOW = [
    OpenApiParameter("clip", OpenApiTypes.UUID, description="The first of the set when left out."),
    OpenApiParameter("from", OpenApiTypes.INT, description="First frame index, 0 when left out."),
    OpenApiParameter("to", OpenApiTypes.INT, description="Frame index past the last one."),
]
_FORM = OpenApiParameter(
    "form",
    OpenApiTypes.STR,
    enum=["runs"],
    description="`chunk_runs`, first and last ones, in place of each track's `chunks`.",
)
_TRACK = OpenApiParameter("track", OpenApiTypes.UUID, description="One whole track instead.")


class ClipBesideView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Label sets of the clip that you may read, and clips that can be put beside it."""
        return Response(beside.beside_json(request.user, clip_id))


class BesideOutlineView(ApiView):
    @extend_schema(parameters=[*_WINDOW, _FORM], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> HttpResponse:
        """As the outline of one's own label set, of one that you may read beside it."""
        return _outline(request, _beside(request, label_set_id))


class BesideKeyframesView(ApiView):
    @extend_schema(parameters=[*_WINDOW, _TRACK], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> HttpResponse:
        """As the keyframes of one's own label set, of one that you may read beside it."""
        return _keyframes(request, _beside(request, label_set_id))


class OutlineView(ApiView):
    @extend_schema(parameters=[*_WINDOW, _FORM], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> HttpResponse:
        """One's own label set with the keyframes of one window; of each track ``chunks`` says
        where it has keyframes (frame index divided by 256)."""
        return _outline(request, queries.shown_set_for(request.user, label_set_id))


class KeyframesView(ApiView):
    @extend_schema(parameters=[*_WINDOW, _TRACK], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> HttpResponse:
        """Keyframes of a window, with the neighbours that interpolation needs, or of one track."""
        return _keyframes(
            request, queries.shown_set_for(request.user, label_set_id, with_ontology=False)
        )


def _beside(request: Any, label_set_id: uuid.UUID) -> LabelSet:
    """One that the person may read; of another's labels the trail keeps that they were read."""
    found = beside.set_beside(request.user, label_set_id)
    looking.ensure_looked(actor_of(request), found)
    return found


def _outline(request: Any, label_set: LabelSet) -> HttpResponse:
    clips, window = _window(request, label_set)
    as_runs = request.GET.get("form") == "runs"
    labels = windows.outline_json(label_set, clips, *window, as_runs=as_runs)
    facts = json.dumps(queries.facts(label_set, request.user, clips))
    return _answer(f'{facts[:-1]},"labels":{labels}}}')


def _keyframes(request: Any, label_set: LabelSet) -> HttpResponse:
    if track := request.GET.get("track"):
        read = windows.track_json(label_set, str(_uuid(track, "track")))
    else:
        _, window = _window(request, label_set)
        read = windows.window_json(label_set, *window)
    return _answer(f'{{"revision":{label_set.revision},"tracks":{read}}}')


def _answer(text: str) -> HttpResponse:
    """JSON that is put together already: what labels hold is not read to be written again."""
    return HttpResponse(text, content_type="application/json")


def _window(request: Any, label_set: LabelSet) -> tuple[list[str], tuple[str, int, int]]:
    """(the set's clips, (clip, first frame, frame past the last)): in one of them, or refused."""
    clips = queries.clips_of(label_set)
    asked = str(_uuid(text, "clip")) if (text := request.GET.get("clip")) else clips[0]
    if asked not in clips:
        raise NotFound("The label set has no such clip.")
    start = _frame(request.GET.get("from", "0"), "from")
    end = _frame(request.GET.get("to", str(start + windows.MAX_WINDOW_FRAMES)), "to")
    if not start < end <= start + windows.MAX_WINDOW_FRAMES:
        raise Refused(
            "invalid_window",
            f"The window is not of 1 to {windows.MAX_WINDOW_FRAMES} frames.",
            "Ask for less at a time.",
            field="to",
        )
    return clips, (asked, start, end)


def _frame(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused(
            "invalid_window", f"{field} is not a frame index.", "Send a whole number.", field=field
        )
    return int(text)


def _uuid(text: str, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Refused(
            "invalid_window", f"{field} is not a UUID.", "Send the one listed.", field=field
        ) from None
