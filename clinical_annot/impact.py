"""What hangs on a patient or a study: clips, label sets, consensus, signatures, releases and who
has them; and what can be done about it. As page (to print) and as JSON."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access import grants, roles
from apps.access.actor import system_roles
from apps.access.doors import ApiView, actor_of
from apps.access.errors import NotFound
from apps.access.models import User
from apps.adjudication.models import Adjudication
from apps.annotation.models import LabelSet
from apps.deid.models import ProjectSubject
from apps.intake import corrections
from apps.intake import queries as intake
from apps.intake.models import Correction
from apps.library.models import Clip, Study
from apps.projects.models import Project
from apps.projects.queries import projects_for, roles_anywhere, roles_in
from apps.release.models import Release
from apps.release.recalls import Download, downloads_of
from clinical_annot.queries import LOOKERS, Touched, touched_by

_RECALLERS = {roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER}
_ENDED = ("rejected", "withdrawn")


@dataclass(frozen=True)
class OfClip:
    """One clip with what was made on it."""

    clip: Clip
    label_sets: list[LabelSet]
    adjudications: list[Adjudication]


@dataclass(frozen=True)
class OfRelease:
    """One release with who got it. ``may_recall``: by the person who looks."""

    release: Release
    downloads: list[Download]
    may_recall: bool


def of_clips(touched: Touched) -> list[OfClip]:
    """Each clip with its label sets and adjudications, the signature among them."""
    return [
        OfClip(
            clip,
            [s for s in touched.label_sets if clip.pk in {p.clip_id for p in s.places.all()}],
            [each for each in touched.adjudications if each.clip_id == clip.pk],
        )
        for clip in touched.clips
    ]


def of_releases(user: User, touched: Touched) -> list[OfRelease]:
    """Each release with its downloads, newest release first."""
    out = []
    for release in touched.releases:
        held = system_roles(user) | roles_in(user, release.project)
        was_out = release.published_at is not None
        is_out = release.state in (Release.State.PUBLISHED, Release.State.WITHDRAWN)
        may = bool(held & _RECALLERS) and was_out and is_out
        out.append(OfRelease(release, downloads_of(release), may))
    return out


def _context(user: User, touched: Touched) -> dict[str, Any]:
    projects = {row.project_id: row.project for row in touched.received}
    stewarded = set(projects_for(user, roles.DATA_STEWARD).values_list("pk", flat=True))
    later = [row for row in touched.corrections if row.state == Correction.State.WITHDRAWN]
    return {
        "touched": touched,
        "clips": of_clips(touched),
        "releases": of_releases(user, touched),
        "open": [row for row in touched.corrections if row.state == Correction.State.OPEN],
        "later": [
            row for row in later if row.project_id in stewarded and corrections.later_versions(row)
        ],
        "ask": _people(projects.values()),
        "is_steward": bool(set(projects) & stewarded),
        "in_use": [row for row in touched.received if row.state not in _ENDED],
        "made_at": timezone.now(),
    }


def _people(projects: Iterable[Project]) -> list[User]:
    """Who can recall a release of these projects."""
    found: dict[Any, User] = {}
    for project in projects:
        for role in sorted(_RECALLERS):
            found |= {one.pk: one for one in grants.holders(roles.codename(role), project)}
    return sorted(found.values(), key=lambda one: one.username)


def _study(user: User, study_id: uuid.UUID) -> tuple[Study, Touched]:
    found = Study.objects.filter(pk=study_id).select_related("project", "project_subject").first()
    if found is None:
        raise NotFound
    return found, touched_by(user, found, LOOKERS)


def _patient(user: User, pseudonym: str) -> tuple[ProjectSubject, Touched] | None:
    """A patient of one of the person's projects, by pseudonym."""
    named = ProjectSubject.objects.filter(pseudonym__iexact=pseudonym).select_related("project")
    for row in named if pseudonym else ():
        try:
            return row, touched_by(user, row, LOOKERS)
        except NotFound:
            continue
    return None


@require_GET
@login_required
def study(request: HttpRequest, study_id: uuid.UUID) -> HttpResponse:
    """Everything that hangs on one study."""
    user: User = request.user  # type: ignore[assignment]
    found, touched = _study(user, study_id)
    given = {"study": found, "name": found.project_subject.pseudonym, "project": found.project}
    return render(request, "corrections/impact.html", {**given, **_context(user, touched)})


@require_GET
@login_required
def patient(request: HttpRequest) -> HttpResponse:
    """Everything that hangs on one patient, asked for by pseudonym."""
    user: User = request.user  # type: ignore[assignment]
    if not set(LOOKERS) & (system_roles(user) | roles_anywhere(user)):
        raise NotFound
    asked = request.GET.get("pseudonym", "").strip()[:80]
    context: dict[str, Any] = {"asked": asked, "is_search": True}
    if (found := _patient(user, asked)) is not None:
        row, touched = found
        context |= {"name": row.pseudonym, "project": row.project, **_context(user, touched)}
    return render(request, "corrections/impact.html", context)


@require_POST
@login_required
def hold(request: HttpRequest, study_id: uuid.UUID) -> HttpResponse:
    """Hold a study of which somebody said that it is wrong or another patient's."""
    user: User = request.user  # type: ignore[assignment]
    found, touched = _study(user, study_id)
    made = corrections.report_study(
        actor_of(request),
        found.project,
        study_digests=sorted({bytes(row.study_digest) for row in touched.received}),
        reason=request.POST.get("reason", ""),
    )
    messages.success(request, _("Held: it goes no further until it is decided."))
    return redirect("correction", made.pk)


@require_POST
@login_required
def take_later(request: HttpRequest, correction_id: uuid.UUID) -> HttpResponse:
    """Take what came under the right patient in the place of what was withdrawn."""
    row = intake.correction_for(request.user, correction_id)  # type: ignore[arg-type]
    corrections.take_later(actor_of(request), row, reason=request.POST.get("reason", ""))
    messages.success(request, _("It is de-identified anew, with the right patient's key."))
    return redirect("correction", row.pk)


def as_json(user: User, pseudonym: str, touched: Touched) -> dict[str, Any]:
    """What the API says of it: people by pseudonym."""
    return {
        "patient": pseudonym,
        "instances": [
            {"id": str(row.pk), "project": row.project.slug, "state": row.state}
            for row in touched.received
        ],
        "studies": [str(row.pk) for row in touched.studies],
        "clips": [
            {
                "id": str(one.clip.pk),
                "name": one.clip.name,
                "label_sets": [
                    {"id": str(row.pk), "author": row.author.pseudonym, "origin": row.origin,
                     "state": row.state, "revision": row.revision}
                    for row in one.label_sets
                ],
                "consensus": [
                    {"id": str(row.pk), "state": row.state,
                     "signature": str(row.signature_id) if row.signature_id else None,
                     "signed_at": row.signed_at,
                     "signed_by": row.signature.signer.pseudonym if row.signature else None}
                    for row in one.adjudications
                ],
            }
            for one in of_clips(touched)
        ],
        "releases": [
            {"id": str(one.release.pk), "version": one.release.version,
             "state": one.release.state, "may_recall": one.may_recall,
             "downloads": [
                 {"by": each.person.pseudonym, "at": each.at, "sha256": each.sha256}
                 for each in one.downloads
             ]}
            for one in of_releases(user, touched)
        ],
        "findings": [{"id": str(row.pk), "state": row.state} for row in touched.findings],
        "corrections": [
            {"id": str(row.pk), "kind": row.kind, "state": row.state}
            for row in touched.corrections
        ],
    }  # fmt: skip


class StudyTouchedView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, study_id: uuid.UUID) -> Response:
        """Everything that hangs on a study: for its stewards and officers."""
        found, touched = _study(request.user, study_id)
        return Response(as_json(request.user, found.project_subject.pseudonym, touched))


class PatientTouchedView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, pseudonym: str) -> Response:
        """Everything that hangs on a patient, by pseudonym: for stewards and officers."""
        if (found := _patient(request.user, pseudonym[:80])) is None:
            raise NotFound
        return Response(as_json(request.user, found[0].pseudonym, found[1]))
