"""Doors to pixel review for programs and for the review screen."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import Conflict, NotFound
from apps.deid import devices, frames, queries, services
from apps.deid.domain.reasons import Refused as CannotBeRead
from apps.deid.domain.refusals import StreamRefusal
from apps.deid.opening import ensure_open
from apps.intake import services as intake
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import KeyDestroyedError

State = ReceivedInstance.State
_ANSWERS = {
    200: OpenApiTypes.OBJECT,
    400: OpenApiTypes.OBJECT,
    404: OpenApiTypes.OBJECT,
    409: OpenApiTypes.OBJECT,
}


class ReviewView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, received_id: uuid.UUID) -> Response:
        """An instance in quarantine: state, what the rules did, proposals while in review."""
        received = queries.received_for(request.user, received_id)
        in_review = received.state == State.PIXEL_REVIEW
        if in_review:
            ensure_open(request, received)
        response = Response(queries.as_json(received, with_proposals=in_review))
        response["Cache-Control"] = "no-store"
        return response


class ReviewFrameView(ApiView):
    @extend_schema(
        parameters=[
            OpenApiParameter("small", OpenApiTypes.BOOL, description="at most 240 px a side")
        ],
        responses={
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY),
            404: OpenApiTypes.OBJECT,
            409: OpenApiTypes.OBJECT,
        },
    )
    def get(self, request: Any, received_id: uuid.UUID, frame_index: int) -> HttpResponse:
        """A picture of the original, by frame index (from 0); the opening is recorded."""
        received = queries.received_for(request.user, received_id)
        if received.state not in (State.PIXEL_REVIEW, State.REDACTING, State.HELD):
            raise Conflict(
                "wrong_state",
                "Pictures are shown only while the instance is in review.",
                "Reload to see where it stands now.",
            )
        ensure_open(request, received)
        small = request.GET.get("small", "") in ("1", "true")
        try:
            picture = frames.picture_png(received, frame_index, small=small)
        except frames.NoPicture:
            raise NotFound("The instance has no such frame.") from None
        except KeyDestroyedError:
            raise NotFound("The subject's pictures have been destroyed.") from None
        except (CannotBeRead, StreamRefusal):
            raise Conflict(
                "decode_failed", "The pictures cannot be decoded.", "Have them sent again."
            ) from None
        response = HttpResponse(picture, content_type="image/png")
        response["Cache-Control"] = "no-store"
        response["X-Frame-Index"] = str(frame_index)
        return response


class ConfirmView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, received_id: uuid.UUID) -> Response:
        """Confirm {"boxes": […], "spans": […]}, each with its action; redaction follows."""
        received = queries.received_for(request.user, received_id)
        received = services.confirm(actor_of(request), received, decision=body_of(request))
        frames.forget(received.pk)
        return Response({"state": received.state})


class MaskView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, received_id: uuid.UUID) -> Response:
        """Save the boxes that {"boxes": […]} blanks in the whole clip as the device's mask."""
        received = queries.received_for(request.user, received_id)
        mask = devices.save_mask(actor_of(request), received, decision=body_of(request))
        return Response({"mask": str(mask.pk), "boxes": mask.boxes, "device": str(mask.device)})


class RefuseView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, received_id: uuid.UUID) -> Response:
        """Refuse the first person's decision, with {"note"}; the instance is held."""
        received = queries.received_for(request.user, received_id)
        note = str(body_of(request).get("note", ""))
        received = services.refuse_review(actor_of(request), received, note=note)
        frames.forget(received.pk)
        return Response({"state": received.state})


class RejectView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, received_id: uuid.UUID) -> Response:
        """Reject an instance with {"reason"}; it goes no further."""
        received = queries.received_for(request.user, received_id)
        reason = str(body_of(request).get("reason", ""))
        received = intake.reject_instance(actor_of(request), received, reason=reason)
        frames.forget(received.pk)
        return Response({"state": received.state})


class RetryView(ApiView):
    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Any, received_id: uuid.UUID) -> Response:
        """Send a held or rejected instance through the rules again."""
        received = queries.received_for(request.user, received_id)
        received = intake.retry_instance(actor_of(request), received)
        return Response({"state": received.state})
