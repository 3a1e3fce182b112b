"""The compliance officer's report of accesses, as page, PDF or CSV; and what is unusual."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime, time, timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.access import roles, trail
from apps.access.actor import system_roles
from apps.access.doors import actor_of
from apps.access.errors import Refused
from apps.access.models import User
from apps.audit import tree
from apps.audit.domain import exchange
from apps.audit.domain.pdf_report import table_pdf
from apps.audit.domain.unusual import Limits, findings
from apps.projects.queries import projects_for
from clinical_annot.accesses import Asked, Row, accesses, as_accesses
from clinical_annot.queries import events_for
from clinical_annot.trail import newest_checkpoint

ON_PAGE, IN_FILE = 200, 20_000
HEAD = (
    "Entry",
    "Time (UTC)",
    "Person",
    "User name",
    "Patient",
    "What",
    "Frames",
    "Outcome",
    "Door",
)


@require_GET
@login_required
def report(request: HttpRequest) -> HttpResponse:
    """Accesses by patient, person and period. Asking is an event, in whichever form."""
    user: User = request.user  # type: ignore[assignment]
    events_for(user)
    form = request.GET.get("format", "page")
    given = {name: request.GET.get(name, "").strip() for name in _FIELDS}
    rows: list[Row] = []
    problem, total, asked = "", 0, _asked(given)
    if "pseudonym" in request.GET:
        try:
            rows, total = accesses(user, asked, IN_FILE if form in _FILES else ON_PAGE)
        except Refused as refusal:
            if refusal.code != "no_such_pseudonym":
                raise
            problem = f"{refusal.message} {refusal.remedy}"
        _note(request, user, form, given, total)
    if form in _FILES and not problem:
        return _FILES[form](given, rows, total)
    query = request.GET.copy()
    query.pop("format", None)
    context = {
        "asked": given,
        "rows": rows,
        "total": total,
        "more": max(0, total - len(rows)),
        "problem": problem,
        "was_asked": "pseudonym" in request.GET,
        "query": query.urlencode(),
        "checkpoint": newest_checkpoint(),
    }
    return render(request, "audit/accesses.html", context)


_FIELDS = ("pseudonym", "person", "since", "until", "everything")


def _asked(given: dict[str, str]) -> Asked:
    return Asked(
        pseudonym=given["pseudonym"],
        person=given["person"],
        since=_midnight(given["since"]),
        until=_midnight(given["until"], 1),
        everything=bool(given["everything"]),
    )


def _midnight(day: str, later: int = 0) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC) + timedelta(days=later)
    except (ValueError, OverflowError):
        return None


def _note(request: HttpRequest, user: User, form: str, given: dict[str, str], total: int) -> None:
    """One event, or one a project for an officer of projects alone."""
    is_systems = roles.COMPLIANCE_OFFICER in system_roles(user)
    targets = [None] if is_systems else list(projects_for(user, roles.COMPLIANCE_OFFICER))
    for target in targets:
        trail.note_report(actor_of(request), target, form=form, asked=given, rows=total)


def _cells(row: Row) -> list[str]:
    return [
        "" if row.entry is None else str(row.entry),
        row.event.recorded_at.strftime("%Y-%m-%d %H:%M:%S"),
        row.person.display_name if row.person else "",
        row.person.username if row.person else "",
        row.pseudonym,
        row.what,
        row.frames,
        row.event.outcome,
        row.door,
    ]


def _facts(given: dict[str, str], rows: list[Row], total: int) -> list[str]:
    period = f"{given['since'] or 'the beginning'} to {given['until'] or 'now'} (UTC)"
    checkpoint = newest_checkpoint()
    left_out = f", the newest {len(rows)} shown" if total > len(rows) else ""
    return [
        f"Patient: {given['pseudonym'] or 'all'}   Person: {given['person'] or 'all'}   "
        f"Period: {period}",
        f"{total} accesses{left_out}. Made {timezone.now():%Y-%m-%d %H:%M} UTC.",
        f"Log signed up to entry {checkpoint['size']}, root {checkpoint['root']}"
        if checkpoint
        else "Log not yet signed.",
        "Each entry is proven by its number: Audit, entry, proof file.",
    ]


def _pdf(given: dict[str, str], rows: list[Row], total: int) -> HttpResponse:
    cells = [_cells(row) for row in rows]
    made = table_pdf("Access report", _facts(given, rows, total), HEAD, cells)
    return _file(made, "application/pdf", "accesses.pdf")


def _csv(given: dict[str, str], rows: list[Row], total: int) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([_inert(cell) for cell in _cells(row)] for row in rows)
    return _file(out.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", "accesses.csv")


def _inert(cell: str) -> str:
    """A spreadsheet must not take a cell for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _told(rows: list[Row]) -> list[exchange.Told]:
    return [
        exchange.Told(
            id=str(row.event.pk),
            time=row.event.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            action=row.event.action,
            outcome=row.event.outcome,
            user_id=row.event.actor,
            user_name=row.person.username if row.person else "",
            printed_name=row.person.display_name if row.person else "",
            origin=row.origin,
            object_type=row.event.object_type,
            object_id=row.event.object_id,
            pseudonym=row.pseudonym,
            entry=row.entry,
        )
        for row in rows
    ]


def _fhir(given: dict[str, str], rows: list[Row], total: int) -> HttpResponse:
    made = exchange.fhir_bundle(_told(rows), tree.origin())
    content = json.dumps(made, ensure_ascii=False).encode()
    return _file(content, "application/fhir+json", "audit-events.json")


def _dicom(given: dict[str, str], rows: list[Row], total: int) -> HttpResponse:
    """One message a file, as a syslog collector would get them one by one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as held:
        for told in _told(rows):
            held.writestr(f"{told.id}.xml", exchange.dicom(told, tree.origin()))
    return _file(out.getvalue(), "application/zip", "audit-messages.zip")


_FILES = {"pdf": _pdf, "csv": _csv, "fhir": _fhir, "dicom": _dicom}


def _file(content: bytes, media_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_GET
@login_required
def unusual(request: HttpRequest) -> HttpResponse:
    """What plain rules find in the last weeks: many patients, nights, other departments, no
    assignment, refusals."""
    user: User = request.user  # type: ignore[assignment]
    events_for(user)
    days = min(_number(request, "days", 28), 366)
    limits = Limits(
        patients_an_hour=max(2, _number(request, "patients", 10)),
        refusals_an_hour=max(2, _number(request, "refusals", 5)),
        night_from=_number(request, "night_from", 22) % 24,
        night_to=_number(request, "night_to", 6) % 24,
    )
    since = timezone.now() - timedelta(days=days)
    rows, total = accesses(user, Asked(since=since), IN_FILE)
    refused = events_for(user).filter(outcome="refused", recorded_at__gte=since)
    found = findings(as_accesses(rows, list(refused[:IN_FILE])), limits)
    _note(request, user, "unusual", {"days": str(days)}, len(found))
    people = {str(one.pk): one for one in User.objects.filter(pk__in={f.person for f in found})}
    context = {
        "found": [
            {"finding": one, "person": people.get(one.person), "words": _(_RULES[one.rule])}
            for one in found
        ],
        "limits": limits,
        "days": days,
        "more": total - len(rows),
    }
    return render(request, "audit/unusual.html", context)


_RULES = {
    "bulk": "many patients within an hour",
    "night": "at night",
    "elsewhere": "patients of another department than their own",
    "not_given": "clips without an assignment of their own",
    "refused": "refused again and again",
}


def _number(request: HttpRequest, name: str, unset: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else unset
