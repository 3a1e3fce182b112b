"""The release wizard: what is in, what is left out and why, splits, formats, check, freezing."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access.doors import actor_of
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.verb import check
from apps.jobs.models import Job
from apps.release import drafts, queries, services
from apps.release.domain.registry import FORMATS
from apps.release.domain.sampling import RULES
from apps.release.domain.splits import STRATA
from apps.release.domain.view import Choice, parse_choice
from apps.release.models import Release
from apps.release.selecting import Selection, select


def draft_page(request: HttpRequest, draft: Release) -> HttpResponse:
    """The wizard of a draft."""
    selection = select(draft.project)
    wanted = set(draft.choices.get("clips", []))
    division = drafts.division_of(draft)
    choices = [parse_choice(text) for text in draft.formats]
    option = next((c for c in choices if not c.is_plain), Choice(""))
    context = {
        "release": draft,
        "chosen": [
            {"clip": item.clip, "is_in": not wanted or str(item.clip_id) in wanted,
             "pseudonym": item.clip.pseudonym, "signed_at": item.signed_at}
            for item in selection.chosen
        ],
        "left_out": _by_reason(selection),
        "shares": [(name, f"{100 * share:g}") for name, share in division.shares.items()],
        "strata": [(name, name in division.by, _STRATA[name]) for name in STRATA],
        "rules": [(name, _RULES[name]) for name in RULES],
        "rule": division.sampling,
        "formats": [
            {"format": each, "is_in": any(c.name == each.name for c in choices)}
            for each in FORMATS.values()
        ],
        "option": option,
        "about": draft.choices.get("about", {}),
        "may_choose": _may(request, drafts.choose, draft),
        **_check_context(draft),
    }  # fmt: skip
    return render(request, "release/draft.html", context)


_STRATA = {
    "class": "which classes a patient's clips hold",
    "phase": "how long phases and events last",
    "device": "what took the pictures",
    "site": "who sent them",
}
_RULES = {
    "stratum": "evenly over devices and senders",
    "rare": "clips with rare classes first",
    "disagreement": "clips with most disagreement first",
    "chance": "by chance (keyed hash)",
}


def _by_reason(selection: Selection) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for row in selection.left_out:
        found.setdefault(row["reason"], []).append(row["clip"])
    return sorted(found.items())


def _check_context(draft: Release) -> dict[str, Any]:
    job = queries.check_job(draft)
    is_waiting = draft.report is None and bool(draft.choices)
    return {
        "report": draft.report,
        "is_checked": drafts.is_checked(draft),
        "job": job,
        "is_checking": is_waiting and (job is None or job.state != Job.State.PARKED),
    }


def _may(request: HttpRequest, verb: Any, draft: Release) -> bool:
    try:
        check(verb.policy, actor_of(request), draft)
    except Refused:
        return False
    return True


@require_GET
@login_required
def check_part(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """The part of the wizard that says how far the check is."""
    draft = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    context = {
        "release": draft,
        "may_choose": _may(request, drafts.choose, draft),
        "is_part": True,
        **_check_context(draft),
    }
    return render(request, "release/draft_check.html", context)


@require_POST
@login_required
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a draft from the form."""
    user: User = request.user  # type: ignore[assignment]
    project = queries.led_project(user, request.POST.get("project", ""))
    version = request.POST.get("version", "").strip()
    try:
        draft = drafts.begin_draft(actor_of(request), project, version=version)
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return redirect("releases")
    return redirect("release", draft.pk)


@require_POST
@login_required
def choose(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Save the wizard's form; the check follows in the background."""
    draft = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    form = request.POST
    clips = form.getlist("clip")
    offered = form.getlist("offered")
    try:
        drafts.choose(
            actor_of(request),
            draft,
            formats=_with_options(form),
            # All that is offered is no choice of clips: what is signed until it freezes comes in.
            clips=[] if set(clips) == set(offered) else clips,
            division={
                "shares": {
                    name: _share(form.get(f"share-{name}", "")) for name in ("train", "val", "test")
                },
                "by": form.getlist("by"),
                "sampling": {"by": form["sampling"], "at_most": form.get("at_most", "")}
                if form.get("sampling")
                else None,
            },
            about={name: form.get(name, "") for name in services.ABOUT},
            with_raters=form.get("raters") == "yes",
        )
    except Refused as refusal:
        if refusal.status in (403, 404):
            raise
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return redirect("release", release_id)


def _share(text: str) -> Any:
    try:
        return float(text) / 100
    except ValueError:
        return text


def _with_options(form: QueryDict) -> list[str]:
    """The chosen formats with the stride and height of the form, where they take any."""
    options = "".join(
        f":{name}={form[name]}"
        for name, plain in (("stride", "1"), ("height", ""))
        if form.get(name, plain).strip() not in (plain, "")
    )
    return [
        name + (options if name in FORMATS and FORMATS[name].write is not None else "")
        for name in form.getlist("formats")
    ]


@require_POST
@login_required
def freeze(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Freeze a checked draft."""
    draft = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    try:
        done = drafts.freeze_draft(actor_of(request), draft)
    except Refused as refusal:
        if refusal.status in (403, 404):
            raise
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return redirect("release", release_id)
    messages.success(request, _("%(release)s is frozen.") % {"release": done})
    return redirect("release", release_id)


@require_POST
@login_required
def discard(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Throw a draft away."""
    draft = queries.release_for(request.user, release_id)  # type: ignore[arg-type]
    drafts.discard_draft(actor_of(request), draft)
    messages.success(request, _("The draft is thrown away."))
    return redirect("releases")
