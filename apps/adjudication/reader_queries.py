"""Reads of how far readers agree: of a clip, and of a project by class, person and month.

Who labels a clip reads none of it before adjudication, whatever else they are in the project: every
read here leaves out the clips that ``blinding`` says.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Avg, Count, Min, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext as _

from apps.access import roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.adjudication import blinding, readers
from apps.adjudication.domain.reader_figures import LIKENESS, PHASES
from apps.adjudication.domain.repeats import summed
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.reader_models import FurtherReading, ReadersFigure, ReadersReport
from apps.adjudication.repeat_models import Repeat
from apps.annotation.models import LabelSet
from apps.jobs.models import Job
from apps.library.models import Clip
from apps.projects.models import Project
from apps.projects.queries import project_ids, projects_for

State = ReadersReport.State
Row = dict[str, Any]
Names = dict[Any, str]


def readable_clips(user: User) -> QuerySet[Clip]:
    """Clips whose readers' agreement ``user`` may read: of the projects that one leads, and those
    that one adjudicates; never one that one labels before it is adjudicated."""
    given = Assignment.objects.filter(
        person=user,
        kind=Assignment.Kind.ADJUDICATE,
        project_id__in=project_ids(user, roles.ADJUDICATOR),
    )
    led = Clip.objects.filter(project_id__in=project_ids(user, roles.PROJECT_LEAD), repeats=None)
    found = led | Clip.objects.filter(pk__in=given.values("clip_id"))
    return found.exclude(pk__in=blinding.blinded_clips(user).values("pk")).select_related("project")


def readable_clip(user: User, clip_id: uuid.UUID) -> Clip:
    """Raises NotFound for a clip whose agreement is not for this person."""
    clip = readable_clips(user).filter(pk=clip_id).first()
    if clip is None:
        raise NotFound
    return clip


def led_project(user: User, project_id: uuid.UUID) -> Project:
    """Raises NotFound for a project that this person does not lead."""
    found = projects_for(user, roles.PROJECT_LEAD).filter(pk=project_id).first()
    if found is None:
        raise NotFound
    return found


def leads(user: User, project: Project) -> bool:
    """Whether ``user`` may ask for figures in the project."""
    return projects_for(user, roles.PROJECT_LEAD).filter(pk=project.pk).exists()


def definition_of(report_id: str) -> Row:
    """The ontology that a report's label sets are on."""
    report = ReadersReport.objects.select_related("ontology").get(pk=report_id)
    return dict(report.ontology.definition)


def reports_of(clip: Clip) -> QuerySet[ReadersReport]:
    """What is to be shown of a clip, newest first: what stands, and what people asked for."""
    return (
        ReadersReport.objects.filter(clip=clip)
        .exclude(state=State.REPLACED)
        .select_related("ontology", "asked_by")
        .prefetch_related("sets__label_set__author")
    )


def comparable_sets(clip: Clip) -> list[LabelSet]:
    """Label sets of a clip that agreement can be asked of."""
    return list(
        LabelSet.objects.filter(places__clip=clip, state__in=readers.COMPARABLE)
        .select_related("author", "ontology")
        .order_by("submitted_at", "pk")
    )


def clip_json(clip: Clip, user: User) -> Row:
    """All that is known of the agreement on a clip. Readers go by name to who leads the project; to
    the adjudicator, who decides without knowing whose labels are A and B, by letter or number and
    without the ids of their label sets."""
    reports, sets = list(reports_of(clip)), comparable_sets(clip)
    held = {row.label_set_id: row.label_set for one in reports for row in one.sets.all()}
    held |= {one.pk: one for one in sets}
    shown = sorted(held.values(), key=lambda one: (one.submitted_at or one.created_at, one.pk))
    named = leads(user, clip.project)
    names = _names(shown) if named else _letters(clip, user, shown)
    standing = set(readers.as_they_stood(reports_of(clip)).values_list("pk", flat=True))
    return {
        "clip": str(clip.pk),
        "name": clip.name,
        "n_frames": clip.n_frames,
        "fps": clip.fps,
        "duration_s": clip.duration_s,
        "reports": [report_json(one, one.pk in standing, names, named) for one in reports],
        "label_sets": [
            {
                "label_set": str(one.pk) if named else None,
                "origin": one.origin,
                "state": one.state,
                "reader": names[one.pk],
                "ontology": {"slug": one.ontology.slug, "number": one.ontology.number},
            }
            for one in sets
        ],
    }


def _names(sets: Sequence[LabelSet]) -> Names:
    return {one.pk: one.author.display_name for one in sets}


def _letters(clip: Clip, user: User, sets: Sequence[LabelSet]) -> Names:
    """What the adjudicator knows label sets by: the letters of the sides that are theirs to decide
    between, and Reader 1, 2 … in the order of handing in."""
    theirs = Adjudication.objects.filter(clip=clip, adjudicator=user).order_by("created_at").last()
    sides = theirs.sides() if theirs is not None else []
    found: Names = {side.pk: letter for side, letter in zip(sides, "ABCDE", strict=False)}
    if theirs is not None and theirs.consensus_id is not None:
        found[theirs.consensus_id] = _("Consensus")
    others = [one for one in sets if one.pk not in found]
    return found | {one.pk: _("Reader %(n)s") % {"n": n} for n, one in enumerate(others, 1)}


def report_json(report: ReadersReport, stands: bool, names: Names, named: bool) -> Row:
    """A report: what it was made from, its figures, its curves over time. ``stands``: its label
    sets are as they were when it was made; ``names`` of their readers, ``named``: with their ids.
    """
    sets = list(report.sets.all())
    places = {one.pk: one.place for one in sets}
    figures = [
        {
            "class_id": row.class_id,
            "label": row.label,
            "metric": row.metric,
            "phase": row.phase or None,
            "readers": None
            if row.set_a_id is None
            else [places[row.set_a_id], places[row.set_b_id]],  # type: ignore[index]
            "value": row.value,
        }
        for row in report.figures.all()
    ]
    return {
        "id": str(report.pk),
        "state": report.state,
        "stands": stands,
        "is_chosen": report.is_chosen,
        "progress": progress_of(report),
        "made_at": report.made_at and report.made_at.isoformat(),
        "made_of": report.made_of,
        "tolerances": report.tolerances,
        "ontology": {
            "slug": report.ontology.slug,
            "number": report.ontology.number,
            "digest": report.ontology.digest,
        },
        "readers": [
            {
                "label_set": str(one.label_set_id) if named else None,
                "reader": names[one.label_set_id],
                "origin": one.label_set.origin,
                "revision": one.revision,
                "digest": one.digest,
            }
            for one in sets
        ],
        "figures": figures,
        "curves": report.curves or {"bins": [], "by_class": {}},
    }


def progress_of(report: ReadersReport) -> float | None:
    """How far the work is (0 to 1) while figures are being made."""
    if report.state != State.WAITING:
        return None
    job = Job.objects.filter(kind=readers.KIND, object_id=str(report.pk)).first()
    return round(job.progress, 3) if job is not None else 0.0


def _standing(user: User, project: Project) -> QuerySet[ReadersReport]:
    reports = ReadersReport.objects.filter(project=project, is_chosen=False, state=State.DONE)
    readable = reports.exclude(clip__in=blinding.blinded_clips(user).values("pk"))
    return readers.as_they_stood(readable)


def project_json(user: User, project: Project) -> Row:
    """How far readers agree in a project, over the clips whose figures stand and are for ``user``:
    by class, by person, by month, and the clips that agree least."""
    reports = _standing(user, project)
    of_all = ReadersFigure.objects.filter(
        report__in=reports.values("pk"), set_a=None, phase=""
    ).order_by()
    return {
        "project": str(project.pk),
        "clips": reports.count(),
        "by_class": _by_class(of_all),
        "by_person": _by_person(reports),
        "by_month": _by_month(of_all),
        "lowest": _lowest(of_all),
        "with_oneself": with_oneself(user, project),
        "further_reader": {
            "rule": project.options.get("further_reader"),
            "readings": [reading_json(one) for one in further_readings(user, project)],
        },
    }


def with_oneself(user: User, project: Project) -> Row:
    """How far people agree with themselves, from clips that came back to them: by class, by person,
    by the month in which the second reading was handed in; none on clips kept from ``user``."""
    held = Repeat.objects.filter(project=project).exclude(
        clip__in=blinding.blinded_clips(user).values("pk")
    )
    rows: list[Row] = []
    done = held.exclude(figures=None).select_related("person", "again__label_set", "clip")
    for one in done:
        assert one.again.label_set is not None
        when = one.again.label_set.submitted_at or one.measured_at or one.given_at
        said = {
            "person": one.person.display_name,
            "pseudonym": one.person.pseudonym,
            "month": f"{when:%Y-%m}",
        }
        rows += [{**figure, **said} for figure in one.figures or () if not figure["phase"]]
    figure = ("class_id", "label", "metric")
    return {
        "given": held.count(),
        "measured": len(done),
        "by_class": _phases_last(summed(rows, *figure)),
        "by_person": summed(rows, "person", "pseudonym", *figure),
        "by_month": summed(rows, "month", *figure),
    }


def _by_class(figures: QuerySet[ReadersFigure]) -> list[Row]:
    rows = figures.values("class_id", "label", "metric").annotate(
        mean=Avg("value"), lowest=Min("value"), clips=Count("report")
    )
    return _phases_last(dict(row) for row in rows)


def _phases_last(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["class_id"] == PHASES, row["label"], row["metric"]))


def _by_person(reports: QuerySet[ReadersReport]) -> list[Row]:
    """Each reader's mean over their pairs with others, by figure."""
    pairs = ReadersFigure.objects.filter(
        report__in=reports.values("pk"), phase="", set_a__isnull=False
    ).order_by()
    held: dict[tuple[Any, str, str, str], list[Any]] = {}
    for side in ("set_a", "set_b"):
        author = f"{side}__label_set__author"
        rows = pairs.values_list(author, "class_id", "label", "metric").annotate(
            total=Sum("value"), n=Count("pk"), clips=Count("report", distinct=True)
        )
        for *key, total, n, clips in rows:
            kept = held.setdefault(tuple(key), [0.0, 0, 0])
            kept[:] = [kept[0] + total, kept[1] + n, kept[2] + clips]
    people = User.objects.in_bulk([key[0] for key in held])
    return sorted(
        (
            {
                "person": people[person].display_name,
                "pseudonym": people[person].pseudonym,
                "class_id": class_id,
                "label": label,
                "metric": metric,
                "mean": total / n,
                "pairs": n,
            }
            for (person, class_id, label, metric), (total, n, _clips) in held.items()
        ),
        key=lambda row: (row["person"], row["label"], row["metric"]),
    )


def _by_month(figures: QuerySet[ReadersFigure]) -> list[Row]:
    """By the month in which the last reader handed in."""
    rows = (
        figures.annotate(month=TruncMonth("report__handed_in_at"))
        .values("month", "class_id", "label", "metric")
        .annotate(mean=Avg("value"), clips=Count("report"))
        .order_by("month", "label", "metric")
    )
    return [{**row, "month": f"{row['month']:%Y-%m}"} for row in rows]


def _lowest(figures: QuerySet[ReadersFigure], at_most: int = 10) -> list[Row]:
    """The clips with the lowest likeness of a class, lowest first, each once."""
    rows: dict[Any, Row] = {}
    found = figures.filter(metric=LIKENESS).order_by("value", "pk")
    for row in found.values("report__clip_id", "report__clip__name", "label", "value")[:200]:
        clip = row["report__clip_id"]
        if clip not in rows:
            rows[clip] = {
                "clip": str(clip),
                "name": row["report__clip__name"],
                "label": row["label"],
                "value": row["value"],
            }
        if len(rows) == at_most:
            break
    return list(rows.values())


def further_readings(user: User, project: Project) -> QuerySet[FurtherReading]:
    """Clips of a project for which a further reader was asked, that are not kept from ``user``."""
    return (
        FurtherReading.objects.filter(project=project)
        .exclude(clip__in=blinding.blinded_clips(user).values("pk"))
        .select_related("clip", "reader", "project")
    )


def further_reading(user: User, reading_id: uuid.UUID) -> FurtherReading:
    """Raises NotFound for one of a project that this person does not lead, or is blinded on."""
    for project in projects_for(user, roles.PROJECT_LEAD):
        found = further_readings(user, project).filter(pk=reading_id).first()
        if found is not None:
            return found
    raise NotFound


def reading_json(reading: FurtherReading) -> Row:
    return {
        "id": str(reading.pk),
        "clip": str(reading.clip_id),
        "name": reading.clip.name,
        "state": reading.state,
        "metric": reading.metric,
        "label": reading.label,
        "value": reading.value,
        "below": reading.below,
        "reader": reading.reader.display_name if reading.reader else None,
        "reason": reading.reason,
    }


def lane_of(adjudication: Adjudication) -> list[Row]:
    """For the adjudication screen: where more than its two readers agree, as a lane (see
    ``domain.agreement.lanes``); none where there are no others."""
    found = readers.as_they_stood(
        ReadersReport.objects.filter(
            clip=adjudication.clip_id,
            ontology=adjudication.set_a.ontology_id,
            is_chosen=False,
            state=State.DONE,
        )
    ).first()
    if found is None or found.sets.count() < 3:
        return []
    return [{"name": "All readers", "kind": "readers", "values": lane_values(found.curves)}]


def lane_values(curves: Row) -> list[list[Any]]:
    """``[[frame, mean of the classes or None], ...]``, an entry where it changes."""
    shown = [v for name, v in curves["by_class"].items() if name != PHASES]
    values: list[list[Any]] = []
    for (start, _end), *column in zip(curves["bins"], *shown, strict=True):
        mean = mean_of(column)
        if not values or values[-1][1] != mean:
            values.append([start, mean])
    return values


def mean_of(values: Iterable[float | None]) -> float | None:
    held: Sequence[float] = [value for value in values if value is not None]
    return round(sum(held) / len(held), 4) if held else None
