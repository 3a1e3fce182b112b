"""Doors of how far readers agree: of a clip and of a project, as page, JSON and CSV; further
readers; tolerances."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of, uuid_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.adjudication import further_readers, reader_charts, readers
from apps.adjudication import reader_queries as queries
from apps.adjudication.domain.limits import Tolerance
from apps.annotation.models import LabelSet
from apps.library.models import Clip
from apps.ontology.domain.definition import diff
from apps.ontology.domain.tolerances import TOLERANCES
from apps.ontology.services import current, draft_version, publish_version
from apps.projects.models import Project

_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409)}


class ClipAgreementView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """How far the readers of a clip agree, by class, pair, phase and time."""
        clip = queries.readable_clip(request.user, clip_id)
        return Response(queries.clip_json(clip, request.user))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Ask for the agreement of any two or more handed-in label sets of a clip."""
        clip = queries.readable_clip(request.user, clip_id)
        named = body_of(request).get("label_sets")
        if not isinstance(named, list):
            raise _invalid("label_sets", "label_sets is not a list.", "Name label sets by id.")
        made = readers.ask(actor_of(request), clip, label_sets=_label_sets(clip, map(str, named)))
        return Response({"id": str(made.pk), "state": made.state})


class ProjectAgreementView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, project_id: uuid.UUID) -> Response:
        """How far the readers of a project agree, by class, person and month."""
        project = queries.led_project(request.user, project_id)
        return Response(queries.project_json(request.user, project))


class FurtherReadingView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, reading_id: uuid.UUID) -> Response:
        """Give a clip whose readers agree too little to a further one (``person``: user name)."""
        reading = queries.further_reading(request.user, reading_id)
        name = str(body_of(request).get("person", ""))
        named = User.objects.filter(username=name, is_active=True, is_service=False)
        # A name with a zero byte is none that PostgreSQL takes as a question.
        person = named.first() if name.isprintable() else None
        if person is None:
            raise _invalid("person", "There is no such person.", "Give a user name.")
        done = further_readers.call(actor_of(request), reading, person=person)
        return Response(queries.reading_json(done))


def _invalid(field: str, message: str, remedy: str) -> Refused:
    return Refused(f"invalid_{field}", message, remedy, field=field)


def _label_sets(clip: Clip, ids: Iterable[str]) -> Sequence[LabelSet]:
    """The clip's label sets of these ids, in their order. Raises NotFound for another id."""
    held = {str(one.pk): one for one in queries.comparable_sets(clip)}
    try:
        return [held[str(uuid_of(name))] for name in ids]
    except KeyError:
        raise NotFound from None


@require_GET
@login_required
def clip_page(request: HttpRequest, clip_id: uuid.UUID) -> HttpResponse:
    """The agreement of a clip on its time, by class, pair and phase."""
    clip = queries.readable_clip(request.user, clip_id)  # type: ignore[arg-type]
    found = queries.clip_json(clip, request.user)  # type: ignore[arg-type]
    asked = request.GET.get("report", "")
    reports = found["reports"]
    shown = next((one for one in reports if one["id"] == asked), None) or next(
        (one for one in reports if not one["is_chosen"]), None
    ) or (reports[0] if reports else None)  # fmt: skip
    context: dict[str, Any] = {
        "clip": clip,
        "found": found,
        "report": shown,
        "leads": queries.leads(request.user, clip.project),  # type: ignore[arg-type]
    }
    if shown is not None and shown["figures"]:
        definition = queries.definition_of(shown["id"])
        of_all = [f for f in shown["figures"] if f["readers"] is None and not f["phase"]]
        phases, in_phases = reader_charts.by_phase(shown)
        curve = request.GET.get("curve", "")
        curve = curve if curve in reader_charts.CURVES else reader_charts.LIKENESS
        context |= {
            "lanes": reader_charts.lanes(shown, definition, found, curve),
            "curve": curve,
            "curves": list(reader_charts.CURVES),
            "ticks": reader_charts.ticks(clip.duration_s),
            "columns": reader_charts.COLUMNS,
            "rows": reader_charts.by_class(of_all),
            "classes": reader_charts.classes_of(shown),
            "pairs": reader_charts.pairs_of(shown),
            "phases": phases,
            "in_phases": in_phases,
        }
    return render(request, "adjudication/clip_agreement.html", context)


@require_POST
@login_required
def ask(request: HttpRequest, clip_id: uuid.UUID) -> HttpResponse:
    """Ask for the agreement of the label sets that were ticked."""
    clip = queries.readable_clip(request.user, clip_id)  # type: ignore[arg-type]
    chosen = _label_sets(clip, request.POST.getlist("label_set"))
    readers.ask(actor_of(request), clip, label_sets=chosen)
    messages.success(request, _("It is being computed."))
    return redirect("clip-agreement", clip.pk)


@require_GET
@login_required
def clip_csv(request: HttpRequest, clip_id: uuid.UUID) -> HttpResponse:
    """Every figure of a clip that stands, a line each."""
    user: User = request.user  # type: ignore[assignment]
    found = queries.clip_json(queries.readable_clip(user, clip_id), user)
    rows: list[list[Any]] = []
    for report in found["reports"]:
        names = [one["label_set"] or one["reader"] for one in report["readers"]]
        for figure in report["figures"]:
            a, b = (names[at] for at in figure["readers"]) if figure["readers"] else ("", "")
            rows.append(
                [report["id"], figure["class_id"], figure["metric"], figure["phase"] or "", a, b,
                 "", "", f"{figure['value']:.9g}"]
            )  # fmt: skip
        bins = report["curves"]["bins"]
        for metric, held_as in reader_charts.CURVES.items():
            for name, values in report["curves"].get(held_as, {}).items():
                rows += [
                    [report["id"], name, metric, "", "", "", start, end, f"{value:.4f}"]
                    for (start, end), value in zip(bins, values, strict=True)
                    if value is not None
                ]
    header = ("report", "class_id", "figure", "phase", "label_set_a", "label_set_b",
              "start_frame", "end_frame", "value")  # fmt: skip
    return _csv("agreement-of-a-clip.csv", header, rows)


@require_GET
@login_required
def project_page(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The agreement of a project: by class, over months, by person; further readers; tolerances."""
    user: User = request.user  # type: ignore[assignment]
    project = queries.led_project(user, project_id)
    found = queries.project_json(user, project)
    labels, people = reader_charts.by_person(found["by_person"])
    months, lines = reader_charts.over_months(found["by_month"])
    oneself = found["with_oneself"]
    own_labels, own_people = reader_charts.by_person(oneself["by_person"])
    own_months, own_lines = reader_charts.over_months(oneself["by_month"])
    ontology = current(project)
    readings = list(queries.further_readings(user, project))
    rule_now = project.options.get("further_reader")
    context = {
        "project": project,
        "found": found,
        "columns": reader_charts.COLUMNS,
        "rows": reader_charts.by_class(found["by_class"], "mean"),
        "labels": labels,
        "people": people,
        "oneself": oneself,
        "own_rows": reader_charts.by_class(oneself["by_class"], "mean"),
        "own_labels": own_labels,
        "own_people": own_people,
        "own_months": own_months,
        "own_lines": own_lines,
        "months": months,
        "lines": lines,
        "rule": rule_now,
        "share_percent": f"{100 * rule_now['share']:g}" if rule_now else "0",
        "metrics": further_readers.METRICS,
        "readings": [
            {
                "row": one,
                "free": further_readers.free_readers(one) if one.state == "proposed" else [],
            }
            for one in readings
        ],
        "ontology": ontology,
        "tolerances": _tolerances(ontology.definition if ontology else {}),
    }
    return render(request, "adjudication/project_agreement.html", context)


def _tolerances(definition: dict[str, Any]) -> list[dict[str, Any]]:
    """Each tolerance as the page shows it: what the ontology says, and what is usual."""
    said, usual = definition.get("tolerances", {}), Tolerance()
    told = {
        "distance_px": f"{usual.tip_diagonals:.0%} of the diagonal",
        "boundary_s": f"{usual.boundary_frames} frames",
    }
    return [
        {
            "name": name,
            "words": held.words,
            "unit": held.unit,
            "least": held.least,
            "most": held.most,
            "value": said.get(name),
            "usual": told.get(name) or f"{getattr(usual, name):g} {held.unit}".strip(),
        }
        for name, held in TOLERANCES.items()
    ]


@require_GET
@login_required
def project_csv(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Figures of a project by class, by person and by month, a line each."""
    user: User = request.user  # type: ignore[assignment]
    found = queries.project_json(user, queries.led_project(user, project_id))
    rows = [
        *(["class", "", r["class_id"], r["metric"], r["mean"], r["lowest"], r["clips"]]
          for r in found["by_class"]),
        *(["person", r["pseudonym"], r["class_id"], r["metric"], r["mean"], "", r["pairs"]]
          for r in found["by_person"]),
        *(["month", r["month"], r["class_id"], r["metric"], r["mean"], "", r["clips"]]
          for r in found["by_month"]),
        *([f"oneself by {by}", r.get("pseudonym") or r.get("month") or "", r["class_id"],
           r["metric"], r["mean"], r["lowest"], r["clips"]]
          for by in ("class", "person", "month") for r in found["with_oneself"][f"by_{by}"]),
    ]  # fmt: skip
    header = ("by", "of", "class_id", "figure", "mean", "lowest", "n")
    return _csv("agreement-of-a-project.csv", header, rows)


def _csv(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([f"{v:.9g}" if isinstance(v, float) else v for v in row] for row in rows)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
@login_required
def rule(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Set where a further reader is asked for."""
    project = queries.led_project(request.user, project_id)  # type: ignore[arg-type]
    further_readers.set_rule(
        actor_of(request),
        project,
        metric=request.POST.get("metric", ""),
        below=_number(request, "below"),
        share=_number(request, "share_percent") / 100,
        by_itself="by_itself" in request.POST,
    )
    messages.success(request, _("The rule is set, for what is handed in from now on."))
    return redirect("project-agreement", project.pk)


def _number(request: HttpRequest, name: str) -> float:
    """A number of a form, and one that no rule takes for anything else."""
    try:
        return float(request.POST.get(name, ""))
    except ValueError:
        return -1.0


@require_POST
@login_required
def call(request: HttpRequest, reading_id: uuid.UUID) -> HttpResponse:
    """Give a clip to a further reader, or leave it with a reason."""
    user: User = request.user  # type: ignore[assignment]
    reading = queries.further_reading(user, reading_id)
    person = User.objects.filter(pk=uuid_of(request.POST.get("person"))).first()
    if person is None:
        raise NotFound
    further_readers.call(actor_of(request), reading, person=person)
    messages.success(request, _("%(clip)s is assigned.") % {"clip": reading.clip.name})
    return redirect("project-agreement", reading.project_id)


@require_POST
@login_required
def decline(request: HttpRequest, reading_id: uuid.UUID) -> HttpResponse:
    """Leave a clip to the readers that it has."""
    reading = queries.further_reading(request.user, reading_id)  # type: ignore[arg-type]
    reason = request.POST.get("reason", "")
    further_readers.decline(actor_of(request), reading, reason=reason)
    messages.success(request, _("Left to the readers that it has."))
    return redirect("project-agreement", reading.project_id)


@require_POST
@login_required
def tolerances(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Publish the ontology's next version with other tolerances; what changed is said."""
    project: Project = queries.led_project(request.user, project_id)  # type: ignore[arg-type]
    ontology = current(project)
    if ontology is None:
        raise Refused("no_ontology", "The project has no ontology.", "Publish one first.")
    said = {
        name: _number(request, name) for name in TOLERANCES if request.POST.get(name, "").strip()
    }
    old = {k: v for k, v in ontology.definition.items() if k != "tolerances"}
    wanted = {**old, "tolerances": said} if said else old
    changes = diff(ontology.definition, wanted)
    if not changes:
        raise Refused("unchanged", "No tolerance is another than before.", "Change one.")
    with transaction.atomic():
        made = draft_version(actor_of(request), project, definition=wanted)
        publish_version(actor_of(request), made)
    told = _("Version %(n)s is published: %(changes)s.")
    messages.success(request, told % {"n": made.number, "changes": "; ".join(changes)})
    return redirect("project-agreement", project.pk)
