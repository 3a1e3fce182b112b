"""Background work: measure what two or more handed in, again when one of them changed it."""

from __future__ import annotations

from apps.access.actor import service
from apps.access.errors import Conflict, Refused
from apps.adjudication import further_readers, readers
from apps.adjudication.domain.limits import limits_of
from apps.adjudication.domain.reader_figures import measure_readers
from apps.adjudication.reader_models import ReadersReport
from apps.annotation import store
from apps.annotation.domain.expand import expanded_digest
from apps.jobs.models import Job
from apps.jobs.work import JobHandle, job, on_parked, sweep
from apps.library.models import Clip

AT_ONCE = 50


@sweep
def ask_where_two_handed_in() -> int:
    """Ask for the agreement of each clip that two or more people handed in, or changed since."""
    done, asked = 0, set()
    for place in readers.unread_places().filter(clip__state=Clip.State.READY)[:AT_ONCE]:
        key = place.clip_id, place.label_set.ontology_id
        if key in asked:
            continue
        asked.add(key)
        sets = readers.sets_beside(place)
        try:
            readers.ask(service("worker"), place.clip, label_sets=sets, is_chosen=False)
        except Refused:
            continue
        done += 1
    return done


@job(readers.KIND)
def measure(handle: JobHandle) -> None:
    """Measure a report's label sets, keep the figures, ask for a further reader by the rule."""
    report = ReadersReport.objects.select_related("clip__project", "ontology").get(
        pk=handle.job.object_id
    )
    if report.state == ReadersReport.State.DONE:
        # Stopped between keeping and the rule.
        further_readers.consider(service("worker"), report)
    if report.state != ReadersReport.State.WAITING:
        return
    clip, definition = report.clip, report.ontology.definition
    sets = [row.label_set for row in report.sets.select_related("label_set").order_by("place")]
    labels = [store.load(one) for one in sets]
    handle.progress(0.05, "measuring")
    measured = measure_readers(
        labels,
        definition,
        str(clip.pk),
        (clip.n_frames, clip.width_px, clip.height_px),
        limits_of(definition, clip.fps),
        lambda share: handle.progress(0.05 + 0.75 * share, "measuring"),
    )
    digests = [
        expanded_digest(held, definition, store.clip_sizes(one))
        for held, one in zip(labels, sets, strict=True)
    ]
    handle.progress(0.95, "keeping")
    try:
        kept = readers.keep(service("worker"), report, digests=digests, measured=measured)
    except Conflict:
        readers.give_up(service("worker"), report, is_changed=True)
        return
    further_readers.consider(service("worker"), kept)


@on_parked(readers.KIND)
def parked(row: Job) -> None:
    """The clip's page says that the figures could not be made."""
    report = ReadersReport.objects.filter(
        pk=row.object_id, state=ReadersReport.State.WAITING
    ).first()
    if report is not None:
        readers.give_up(service("worker"), report, is_changed=False)
