"""One's own phases over all parts of an operation."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView
from apps.access.models import User
from apps.annotation.models import LabelObject
from apps.annotation.queries import own_label_sets
from apps.library.models import Clip
from apps.library.queries import clip_for, index_of, procedure_of


class ProcedureView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """The parts of the operation that you may see, in order, with your own phases in each."""
        clip = clip_for(request.user, clip_id)
        parts = procedure_of(request.user, clip)
        return Response(
            {
                "position": next(n for n, part in enumerate(parts) if part.clip.pk == clip.pk),
                "duration_s": sum(part.clip.duration_s for part in parts),
                "parts": [
                    {
                        "id": str(part.clip.pk),
                        "name": part.clip.name,
                        "n_frames": part.clip.n_frames,
                        "duration_s": part.clip.duration_s,
                        "start_s": part.start_s,
                        "phases": phases_of(request.user, part.clip),
                    }
                    for part in parts
                ],
            }
        )


def phases_of(user: User, clip: Clip) -> list[dict[str, Any]]:
    """The person's own phases on a clip, in order: class, name, colour, frames and seconds."""
    label_set = (
        own_label_sets(user)
        .filter(places__clip=clip)
        .select_related("ontology")
        .order_by("-created_at")
        .first()
    )
    if label_set is None:
        return []
    classes = {
        one["id"]: one
        for one in label_set.ontology.definition["classes"]
        if one["geometry"] == "phase"
    }
    found = LabelObject.objects.filter(
        label_set=label_set, clip=clip, kind="interval", deleted=False
    )
    bodies = [row.body for row in found if row.body["class_id"] in classes]
    if not bodies:
        return []
    index = index_of(clip)
    return [
        {
            "class_id": body["class_id"],
            "name": classes[body["class_id"]]["name"],
            "color": classes[body["class_id"]]["color"],
            "start_frame": body["start_frame"],
            "end_frame": body["end_frame"],
            "start_s": index.time_s(body["start_frame"]),
            "end_s": index.time_s(body["end_frame"]),
        }
        for body in sorted(bodies, key=lambda body: body["start_frame"])
    ]
