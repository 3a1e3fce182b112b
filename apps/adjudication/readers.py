"""Verbs on how far the readers of a clip agree: ask for the figures, keep them, give them up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.verb import event, verb
from apps.adjudication import blinding
from apps.adjudication.domain import reader_figures
from apps.adjudication.domain.limits import limits_of
from apps.adjudication.domain.reader_figures import Measured
from apps.adjudication.models import Assignment
from apps.adjudication.reader_models import ReaderSet, ReadersFigure, ReadersReport
from apps.annotation.models import LabelSet, LabelSetClip
from apps.jobs.work import enqueue
from apps.library.models import Clip

State = ReadersReport.State
KIND = "adjudication.readers"
HANDED_IN = (LabelSet.State.SUBMITTED, LabelSet.State.LOCKED)
COMPARABLE = (*HANDED_IN, LabelSet.State.SIGNED, LabelSet.State.SUPERSEDED)
STANDING = (State.WAITING, State.DONE, State.FAILED)
MOST_SETS = 20
NOT_DECIDED = (Assignment.Purpose.CALIBRATION, Assignment.Purpose.REPEAT)


@verb("readers.ask", roles={roles.PROJECT_LEAD, roles.SERVICE}, states=(Clip.State.READY,))
def ask(
    actor: Actor, clip: Clip, *, label_sets: Sequence[LabelSet], is_chosen: bool = True
) -> ReadersReport:
    """Have the agreement of two or more label sets of a clip computed in the background.

    ``is_chosen`` is False for all that was handed in: then what stood before is replaced.
    """
    _check_sets(clip, label_sets)
    if blinding.is_blinded(actor.user, clip):
        raise Refused(
            "blinded",
            "You label this clip, or may be given it: what the others did is not shown yet.",
            "Wait until it is adjudicated, or ask another project lead.",
            status=409,
        )
    if not is_chosen:
        ReadersReport.objects.filter(
            clip=clip, ontology=label_sets[0].ontology, is_chosen=False, state__in=STANDING
        ).update(state=State.REPLACED)
    definition = label_sets[0].ontology.definition
    made = ReadersReport.objects.create(
        project=clip.project,
        clip=clip,
        ontology=label_sets[0].ontology,
        is_chosen=is_chosen,
        tolerances=limits_of(definition, clip.fps).as_json(),
        asked_by=actor.user if is_chosen else None,
        handed_in_at=max(one.submitted_at or timezone.now() for one in label_sets),
    )
    ReaderSet.objects.bulk_create(
        ReaderSet(report=made, label_set=one, place=place, revision=one.revision)
        for place, one in enumerate(label_sets)
    )
    enqueue(KIND, made.pk, priority=8 if is_chosen else 4)
    event(
        actor,
        made,
        public={"readers": len(label_sets), "chosen": is_chosen},
        private={"clip": str(clip.pk), "label_sets": [str(one.pk) for one in label_sets]},
    )
    return made


def _check_sets(clip: Clip, label_sets: Sequence[LabelSet]) -> None:
    if not 2 <= len(label_sets) <= MOST_SETS or len({s.pk for s in label_sets}) < len(label_sets):
        raise Refused(
            "not_enough_sets",
            f"Agreement is of 2 to {MOST_SETS} label sets, each named once.",
            "Choose as many.",
            field="label_sets",
        )
    on_clip = LabelSetClip.objects.filter(clip=clip, label_set__in=label_sets).count()
    if on_clip < len(label_sets) or any(one.state not in COMPARABLE for one in label_sets):
        raise Refused(
            "not_handed_in",
            "A label set is not of this clip, or is not handed in.",
            "Choose label sets that are.",
            field="label_sets",
        )
    if len({one.ontology_id for one in label_sets}) > 1:
        raise Refused(
            "ontologies_differ",
            "The label sets are on different ontology versions.",
            "Choose sets of one version.",
            field="label_sets",
        )


def as_they_stood(reports: QuerySet[ReadersReport]) -> QuerySet[ReadersReport]:
    """Those of the reports whose label sets are still handed in and of the revision measured."""
    changed = ReaderSet.objects.filter(report=OuterRef("pk")).exclude(
        label_set__revision=F("revision"), label_set__state__in=COMPARABLE
    )
    return reports.exclude(Exists(changed))


@verb("readers.keep", roles={roles.SERVICE}, states=(State.WAITING,))
def keep(
    actor: Actor, report: ReadersReport, *, digests: Sequence[str], measured: Measured
) -> ReadersReport:
    """Keep the figures with the digests of what they were made from; ``digests`` go by place.

    Raises Conflict when a label set was given back or changed meanwhile.
    """
    sets = list(report.sets.select_related("label_set").order_by("place"))
    if any(_is_changed(one) for one in sets):
        raise Conflict("changed", "A label set changed meanwhile.", "It is computed again.")
    for one, digest in zip(sets, digests, strict=True):
        one.digest = digest
    ReaderSet.objects.bulk_update(sets, ["digest"])
    ReadersFigure.objects.bulk_create(
        [
            ReadersFigure(
                report=report,
                class_id=figure.class_id,
                label=figure.label,
                metric=figure.metric,
                phase=figure.phase,
                set_a=None if figure.a is None else sets[figure.a],
                set_b=None if figure.b is None else sets[figure.b],
                value=figure.value,
            )
            for figure in measured.figures
        ],
        batch_size=500,
    )
    report.curves = {
        "bins": measured.bins, "by_class": measured.curves, **measured.chance,
    }  # fmt: skip
    report.made_of, report.made_at = _made_of(report, digests), timezone.now()
    report.state = State.DONE
    report.save(update_fields=["curves", "made_of", "made_at", "state"])
    event(actor, report, public={"figures": len(measured.figures), "made_of": report.made_of})
    return report


def _is_changed(held: ReaderSet) -> bool:
    label_set = held.label_set
    return label_set.revision != held.revision or label_set.state not in COMPARABLE


def _made_of(report: ReadersReport, digests: Sequence[str]) -> str:
    """Digest of what figures were made from. The tolerances are the ontology's, so its digest says
    them."""
    said: dict[str, Any] = {
        "label_sets": list(digests),
        "ontology": report.ontology.digest,
        "counted_by": reader_figures.VERSION,
    }
    return sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@verb("readers.give_up", roles={roles.SERVICE}, states=(State.WAITING,))
def give_up(actor: Actor, report: ReadersReport, *, is_changed: bool) -> ReadersReport:
    """Say that the figures cannot be made: a label set changed meanwhile, or the work failed."""
    report.state = State.REPLACED if is_changed else State.FAILED
    report.save(update_fields=["state"])
    event(actor, report, outcome="done" if is_changed else "failed")
    return report


def unread_places() -> QuerySet[LabelSetClip]:
    """Places (label set and clip) of people's own work, handed in, beside that of another on the
    same ontology version, of which no standing report knows this revision; none on a clip whose
    standing report holds as many sets as one can. Calibrations are compared with their gold,
    repeats with what they repeat."""
    own = LabelSetClip.objects.filter(
        label_set__origin=LabelSet.Origin.MANUAL, label_set__state__in=HANDED_IN
    ).exclude(label_set__assignment__purpose__in=NOT_DECIDED)
    beside = own.filter(
        clip=OuterRef("clip"), label_set__ontology=OuterRef("label_set__ontology")
    ).exclude(label_set=OuterRef("label_set"))
    known = ReaderSet.objects.filter(
        report__clip=OuterRef("clip"),
        report__is_chosen=False,
        report__state__in=STANDING,
        label_set=OuterRef("label_set"),
        revision=OuterRef("label_set__revision"),
    )
    as_handed_in = Q(
        sets__revision=F("sets__label_set__revision"), sets__label_set__state__in=HANDED_IN
    )
    full = (
        ReadersReport.objects.filter(
            clip=OuterRef("clip"),
            ontology=OuterRef("label_set__ontology"),
            is_chosen=False,
            state__in=STANDING,
        )
        .annotate(n=Count("sets", filter=as_handed_in))
        .filter(n__gte=MOST_SETS)
    )
    return own.filter(~Exists(known), Exists(beside), ~Exists(full)).select_related(
        "clip__project", "label_set__ontology"
    )


def sets_beside(place: LabelSetClip) -> list[LabelSet]:
    """Every label set that belongs into the report of this place, first handed in first."""
    return list(
        LabelSet.objects.filter(
            origin=LabelSet.Origin.MANUAL,
            state__in=HANDED_IN,
            places__clip=place.clip_id,
            ontology=place.label_set.ontology_id,
        )
        .exclude(assignment__purpose__in=NOT_DECIDED)
        .select_related("ontology", "author")
        .order_by("submitted_at", "pk")[:MOST_SETS]
    )
