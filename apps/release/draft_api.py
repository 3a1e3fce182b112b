"""Doors to drafts and sendings for programs: begin, choose, see the check, freeze; send."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound, Refused
from apps.jobs.models import Job
from apps.release import drafts, queries, sending
from apps.release.models import Release
from apps.release.selecting import select

_ANSWERS = {
    status: OpenApiTypes.OBJECT  # as every door of a verb: refused, not yours, not there, not now
    for status in (200, 400, 403, 404, 409)
}


def draft_json(draft: Release) -> dict[str, Any]:
    """A draft as the API says it: choices, what can go in, why the rest cannot, its check."""
    selection, job = select(draft.project), queries.check_job(draft)
    chosen = draft.choices
    is_waiting = draft.report is None and bool(chosen)
    return {
        **queries.as_json(draft),
        "choices": {
            "formats": draft.formats,
            "clips": chosen.get("clips", []),
            "shares": chosen.get("shares"),
            "by": chosen.get("by"),
            "sampling": chosen.get("sampling"),
            "about": chosen.get("about", {}),
            "raters": bool(chosen.get("raters")),
        },
        "can_go_in": [
            {"id": str(item.clip_id), "clip": item.clip.name, "pseudonym": item.clip.pseudonym,
             "n_frames": item.clip.n_frames}
            for item in selection.chosen
        ],
        "cannot_go_in": selection.left_out,
        "check": {
            "state": "given up" if job is not None and job.state == Job.State.PARKED and is_waiting
            else "waiting" if is_waiting
            else "done" if draft.report is not None
            else "not asked for",
            "progress": job.progress if job is not None else 0.0,
            "report": draft.report,
            "may_freeze": drafts.is_checked(draft),
        },
    }  # fmt: skip


def begin(request: Any) -> Response:
    """What POST of the list of releases does."""
    body = body_of(request)
    project = queries.led_project(request.user, _text(body, "project"))
    made = drafts.begin_draft(actor_of(request), project, version=_text(body, "version"))
    return Response(draft_json(made), status=201)


class DraftView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, release_id: uuid.UUID) -> Response:
        """A draft: what is chosen, what can go in, why the rest cannot, and its check."""
        return Response(draft_json(_draft(request, release_id)))

    @extend_schema(
        request=inline_serializer(
            "DraftChoices",
            {
                "formats": serializers.ListField(
                    child=serializers.CharField(max_length=100), required=False
                ),
                "clips": serializers.ListField(child=serializers.UUIDField(), required=False),
                "shares": serializers.DictField(child=serializers.FloatField(), required=False),
                "by": serializers.ListField(child=serializers.CharField(), required=False),
                "sampling": serializers.JSONField(required=False),
                "about": serializers.DictField(child=serializers.CharField(), required=False),
                "raters": serializers.BooleanField(required=False),
            },
        ),
        responses=_ANSWERS,
    )
    def post(self, request: Any, release_id: uuid.UUID) -> Response:
        """Choose clips, splits, sampling, formats, terms; what is not named stays; then a check."""
        draft, body = _draft(request, release_id), body_of(request)
        held = draft.choices
        division = {
            name: body[name] if name in body else held.get(name)
            for name in ("shares", "by", "sampling")
            if name in body or held.get(name) is not None
        }
        _check_division(division)
        about = body.get("about", held.get("about", {}))
        if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
            raise _wrong("about", "words by name")
        raters = body.get("raters", bool(held.get("raters")))
        if not isinstance(raters, bool):
            raise _wrong("raters", "true or false")
        made = drafts.choose(
            actor_of(request),
            draft,
            formats=_texts(body.get("formats", draft.formats), "formats"),
            clips=_texts(body.get("clips", held.get("clips", [])), "clips"),
            division=division,
            about=about,
            with_raters=raters,
        )
        return Response(draft_json(made))


class FreezeView(ApiView):
    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Any, release_id: uuid.UUID) -> Response:
        """Freeze a draft whose check holds; it never changes from then on."""
        done = drafts.freeze_draft(actor_of(request), _release(request, release_id))
        return Response(queries.as_json(done))


class DiscardView(ApiView):
    @extend_schema(request=None, responses={**_ANSWERS, 204: None})
    def post(self, request: Any, release_id: uuid.UUID) -> Response:
        """Throw a draft away; its version is free again."""
        drafts.discard_draft(actor_of(request), _release(request, release_id))
        return Response(status=204)


class SendingsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, release_id: uuid.UUID) -> Response:
        """Where the release was sent and how far it is, and where you may send it."""
        release = _release(request, release_id)
        told = queries.handed_out(request.user, release)["sendings"]
        places = [
            {"id": str(place.pk), "name": place.name, "kind": getattr(place, "kind", "c-store")}
            for place in queries.places_to_send_to(request.user, release)
        ]
        return Response({"sendings": told, "places": places})

    @extend_schema(
        request=inline_serializer("Sending", {"to": serializers.UUIDField()}), responses=_ANSWERS
    )
    def post(self, request: Any, release_id: uuid.UUID) -> Response:
        """Send a published release to a PACS or a bucket ({"to": id of a place}): a sending."""
        release, to = _release(request, release_id), _text(body_of(request), "to")
        known = queries.places_to_send_to(request.user, release)
        place = next((each for each in known if str(each.pk) == to.lower()), None)
        if place is None:
            raise NotFound
        made = sending.send(actor_of(request), release, to=place)
        return Response({"id": str(made.pk), "state": made.state})


def _release(request: Any, release_id: uuid.UUID) -> Release:
    return queries.release_for(request.user, release_id)


def _draft(request: Any, release_id: uuid.UUID) -> Release:
    found = _release(request, release_id)
    if found.state != Release.State.DRAFT:
        raise NotFound("This release is no draft any more.")
    return found


def _wrong(name: str, wanted: str) -> Refused:
    return Refused("invalid_body", f"{name} is not {wanted}.", "See /api/v1/schema/.", field=name)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise _wrong(name, "text")
    return value.strip()


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(name, "a list of texts")
    return value


def _check_division(division: dict[str, Any]) -> None:
    if division.get("by") is not None:
        _texts(division["by"], "by")
    shares = division.get("shares")
    if shares is not None and not (
        isinstance(shares, dict)
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in shares.values())
    ):
        raise _wrong("shares", "numbers by split")
    rule = division.get("sampling")
    if rule is not None and not (
        isinstance(rule, dict)
        and isinstance(rule.get("by"), str)
        and isinstance(rule.get("at_most"), int)
    ):
        raise _wrong("sampling", '{"by": rule, "at_most": clips}, or null')
