"""Doors to incidental findings: flag, read one's own, take back; what a project's steward does."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access import roles
from apps.access.actor import system_roles
from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound
from apps.library import incidental, queries
from apps.library.domain import incidental as rule
from apps.library.models import IncidentalFinding
from apps.library.queries import clip_for
from apps.projects.queries import roles_anywhere

_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409, 410)}


class ClipFindingsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """The incidental findings that you flagged on a clip, and how far each is."""
        found = incidental.own_on(request.user, clip_for(request.user, clip_id))
        return Response({"findings": [incidental.as_json(each) for each in found]})

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (201, 400, 403, 404, 410)},
    )
    def post(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Flag something that the clinic should know: {"frame_index", "severity", "text"}."""
        body = body_of(request)
        made = incidental.flag(
            actor_of(request),
            clip_for(request.user, clip_id),
            frame_index=body.get("frame_index"),
            severity=body.get("severity"),
            text=body.get("text"),
        )
        return Response(incidental.as_json(made), status=201)


class TakeBackView(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409)},
    )
    def post(self, request: Any, finding_id: uuid.UUID) -> Response:
        """Take back what you flagged, with {"reason"}, while nobody has acted on it."""
        finding = incidental.own(request.user, finding_id)
        reason = body_of(request).get("reason")
        return Response(
            incidental.as_json(incidental.take_back(actor_of(request), finding, reason=reason))
        )


def _told(finding: IncidentalFinding) -> dict[str, Any]:
    """How far a finding is, without its texts."""
    given = (finding.severity, finding.state, finding.flagged_at)
    return {
        "id": str(finding.pk),
        "reference": finding.reference,
        "project": finding.clip.project.slug,
        "clip": str(finding.clip.original.pk),
        "name": finding.clip.original.name,
        "frame_index": finding.frame_index,
        "severity": finding.severity,
        "state": finding.state,
        "flagged_at": finding.flagged_at.isoformat(),
        "due_at": rule.due_at(finding.severity, finding.flagged_at).isoformat(),
        "is_overdue": rule.is_overdue(*given, timezone.now()),
        "told_at": finding.told_at.isoformat() if finding.told_at else None,
        "way": finding.way or None,
        "closed_at": finding.closed_at.isoformat() if finding.closed_at else None,
        "outcome": finding.outcome or None,
    }


def _read(finding: IncidentalFinding) -> dict[str, Any]:
    """A finding as its project's steward works on it: with what was seen, told and noted."""
    return {
        **_told(finding),
        "text": incidental.text_of(finding, finding.sealed_text),
        "told": incidental.text_of(finding, finding.sealed_told),
        "note": incidental.text_of(finding, finding.sealed_note),
        "outcomes": sorted(one.value for one in rule.outcomes_in(finding.state)),
    }


def _stewarded(request: Any, finding_id: uuid.UUID) -> IncidentalFinding:
    found = queries.stewarded_findings(request.user).filter(pk=finding_id).first()
    if found is None:
        raise NotFound
    return found


class FindingListView(ApiView):
    @extend_schema(
        operation_id="findings_list",
        responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT},
    )
    def get(self, request: Any) -> Response:
        """Incidental findings of your projects, as a steward or an officer; without their texts."""
        held = system_roles(request.user) | roles_anywhere(request.user)
        if not held & {roles.DATA_STEWARD, roles.COMPLIANCE_OFFICER}:
            raise NotFound
        found = queries.findings_for(request.user).order_by("flagged_at")[:500]
        return Response({"findings": [_told(one) for one in found]})


class FindingView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, finding_id: uuid.UUID) -> Response:
        """One finding as its project's steward works on it, with its texts."""
        return Response(_read(_stewarded(request, finding_id)))


class FindingIdentityView(ApiView):
    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Any, finding_id: uuid.UUID) -> Response:
        """Whose pictures it is on, in this answer alone; under break-glass."""
        finding = _stewarded(request, finding_id)
        uids = incidental.identify(actor_of(request), finding)
        answer = Response({**uids, "sender": finding.clip.instance.source.calling_ae})
        answer["Cache-Control"] = "no-store"
        return answer


class FindingReportView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, finding_id: uuid.UUID) -> Response:
        """Note that the clinic was told: {"told" (whom and what), "way", "told_at" (UTC)}."""
        finding, body = _stewarded(request, finding_id), body_of(request)
        done = incidental.report(
            actor_of(request),
            finding,
            told=body.get("told"),
            way=str(body.get("way", "")),
            told_at=_moment(body.get("told_at")),
        )
        return Response(_read(done))


def _moment(said: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


class FindingCloseView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, finding_id: uuid.UUID) -> Response:
        """Close it with what came of it: {"outcome", "note"}."""
        finding, body = _stewarded(request, finding_id), body_of(request)
        done = incidental.close(
            actor_of(request),
            finding,
            outcome=str(body.get("outcome", "")),
            note=body.get("note"),
        )
        return Response(_read(done))
