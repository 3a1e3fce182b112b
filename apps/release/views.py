"""Pages of releases: what is frozen, what would be, and the way to publication."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access import roles
from apps.access.doors import actor_of
from apps.access.errors import Forbidden, NotFound, Refused
from apps.access.models import User
from apps.access.verb import check, roles_on
from apps.release import queries, recalls, sending, services, signed
from apps.release.collecting import read_freeze
from apps.release.domain.difference import difference_text
from apps.release.domain.passkey import fingerprint
from apps.release.draft_views import draft_page
from apps.release.models import Release
from apps.release.selecting import NOT_ASKED


@require_GET
@login_required
def releases(request: HttpRequest) -> HttpResponse:
    """Releases one may see; leads begin a new one here."""
    user: User = request.user  # type: ignore[assignment]
    led = list(queries.led_projects(user))
    shown = queries.releases_for(user)[:200]
    notices = queries.notices_for(user)
    if not led and not shown and not notices and not _may_look(user):
        raise NotFound
    context = {
        "releases": shown,
        "led": led,
        "notices": notices,
    }
    return render(request, "release/releases.html", context)


def _may_look(user: User) -> bool:
    from apps.access.actor import system_roles
    from apps.projects.queries import project_ids

    wanted = (roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER, roles.RESEARCHER)
    return bool(system_roles(user) & set(wanted) or project_ids(user, *wanted))


@require_GET
@login_required
def release(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """One release: where it stands, what it holds, what is left out and why."""
    user: User = request.user  # type: ignore[assignment]
    found = queries.release_for(user, release_id)
    if found.state == Release.State.DRAFT:
        return draft_page(request, found)
    held = roles_on(actor_of(request), found)
    freeze_ = read_freeze(found)
    context = {
        "release": found,
        "freeze": freeze_,
        "has_raters": any(clip.label_set.raters for clip in freeze_.clips),
        "clips": [
            {
                "name": clip.name,
                "pseudonym": clip.pseudonym,
                "n_frames": clip.n_frames,
                "signed_at": clip.label_set.signature.signed_at[:16].replace("T", " ")
                if clip.label_set.signature
                else "",
                "signer": clip.label_set.signature.signer_pseudonym
                if clip.label_set.signature
                else "",
                "passkey": fingerprint(clip.label_set.signature.passkey)
                if clip.label_set.signature and clip.label_set.signature.passkey
                else "",
                "seconds": [
                    row["signer_pseudonym"] for row in clip.label_set.countersignatures or ()
                ],
                "tracks": len(clip.label_set.labels["tracks"]),
                "intervals": len(clip.label_set.labels["intervals"]),
            }
            for clip in freeze_.clips
        ],
        "left_out": [row for row in found.left_out if row["reason"] != NOT_ASKED],
        "not_asked": [row for row in found.left_out if row["reason"] == NOT_ASKED],
        "job": queries.archive_job(found),
        "may_approve": may(request, services.record_approval, found),
        "is_own": roles.COMPLIANCE_OFFICER in held and found.frozen_by_id == user.pk,
        "approvers": queries.approvers_of(found) if found.state == Release.State.FROZEN else (),
        "may_publish": may(request, services.publish, found),
        "may_withdraw": may(request, services.withdraw, found),
        "may_recall": may(request, recalls.recall, found) and found.published_at is not None,
        "newer": found.superseded_by,
        "difference": difference_text(
            freeze_.version, freeze_.supersedes["version"], freeze_.supersedes["difference"]
        )
        if freeze_.supersedes
        else "",
        "handed_out": queries.handed_out(user, found)
        if queries.may_see_downloads(user, found)
        else None,
        "places": queries.places_to_send_to(user, found)
        if found.is_archive_approved and may(request, sending.send, found)
        else (),
        "may_cancel": roles.PROJECT_LEAD in held,
        "may_download": may(request, services.download, found) and found.is_archive_approved,
    }
    return render(request, "release/release.html", context)


def may(request: HttpRequest, verb: Any, found: Release) -> bool:
    """Whether this person may do this to the release as it stands."""
    try:
        check(verb.policy, actor_of(request), found)
    except Refused:
        return False
    return True


@require_POST
@login_required
def approve(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Approve as the second person."""
    found = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    services.approve(actor_of(request), found)
    messages.success(request, _("The release is approved."))
    return redirect("release", release_id)


@require_POST
@login_required
def publish(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Publish an approved release."""
    found = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    services.publish(actor_of(request), found)
    messages.success(request, _("The release is published; researchers may download it."))
    return redirect("release", release_id)


@require_POST
@login_required
def rules(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Set which signatures a clip needs before it may be released."""
    project = queries.led_projects(request.user).filter(pk=project_id).first()  # type: ignore[arg-type]
    if project is None:
        raise NotFound
    asked = {name: name in request.POST for name in signed.RULES}
    signed.require(actor_of(request), project, **asked)
    messages.success(request, _("The rules of release are set; drafts are to be checked anew."))
    return redirect("projects")


@require_POST
@login_required
def withdraw(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Withdraw a release with a reason."""
    found = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    try:
        services.withdraw(actor_of(request), found, reason=request.POST.get("reason", ""))
    except Forbidden:
        raise
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return redirect("release", release_id)


@require_POST
@login_required
def recall(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Recall a published release."""
    found = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    try:
        recalls.recall(actor_of(request), found, reason=request.POST.get("reason", ""))
    except Forbidden:
        raise
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return redirect("release", release_id)


@require_POST
@login_required
def answer_recall(request: HttpRequest, notice_id: uuid.UUID) -> HttpResponse:
    """Say what became of one's copies of a recalled release."""
    notice = queries.notice_for(request.user, notice_id)  # type: ignore[arg-type]
    try:
        recalls.answer_recall(actor_of(request), notice, answer=request.POST.get("answer", ""))
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return redirect("releases")
