"""Doors to a part of one's own label set: what the workspace opens with and reads as it goes on."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView
from apps.access.errors import NotFound, Refused
from apps.annotation import queries, windows
from apps.annotation.models import LabelSet
from apps.library.models import Clip

_WINDOW = [
    OpenApiParameter("clip", OpenApiTypes.UUID, description="The first of the set when left out."),
    OpenApiParameter("from", OpenApiTypes.INT, description="First frame index, 0 when left out."),
    OpenApiParameter("to", OpenApiTypes.INT, description="Frame index past the last one."),
]
_TRACK = OpenApiParameter("track", OpenApiTypes.UUID, description="One whole track instead.")


class OutlineView(ApiView):
    @extend_schema(parameters=_WINDOW, responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """One's own label set with the keyframes of one window; of each track ``chunks`` says
        where it has keyframes (frame index divided by 256)."""
        label_set = queries.label_set_for(request.user, label_set_id)
        labels = windows.outline(label_set, *_window(request, label_set))
        return Response(queries.as_json(label_set, request.user, labels))


class KeyframesView(ApiView):
    @extend_schema(parameters=[*_WINDOW, _TRACK], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Keyframes of a window, with the neighbours that interpolation needs, or of one track."""
        label_set = queries.label_set_for(request.user, label_set_id)
        if track := request.GET.get("track"):
            read = windows.chunks_of(label_set, str(_uuid(track, "track")))
        else:
            read = windows.chunks_in(label_set, *_window(request, label_set))
        return Response({"revision": label_set.revision, "tracks": read})


def _window(request: Any, label_set: LabelSet) -> tuple[Clip, int, int]:
    """(clip, first frame, frame past the last): inside the clip, or refused."""
    places = label_set.places.select_related("clip")
    if asked := request.GET.get("clip"):
        places = places.filter(clip=_uuid(asked, "clip"))
    place = places.first()
    if place is None:
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
    return place.clip, start, end


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
