"""How far each study is on its way through the rooms; for the data steward."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.access import roles
from apps.access.errors import NotFound
from apps.adjudication.models import Adjudication
from apps.annotation.models import LabelSet, LabelSetClip
from apps.intake import queries
from apps.intake.models import ReceivedInstance
from apps.library.models import Clip
from apps.projects.queries import project_ids

STUDIES = 50
_State = ReceivedInstance.State
_WAITS = (_State.RECEIVED, _State.DEIDENTIFYING, _State.REDACTING)


@dataclass
class Progress:
    """One study of one project: how many of its instances and clips stand in which room."""

    project: str
    newest_at: datetime
    senders: set[str] = field(default_factory=set)
    modalities: set[str] = field(default_factory=set)
    pseudonym: str = ""
    instances: Counter[str] = field(default_factory=Counter)
    clips: Counter[str] = field(default_factory=Counter)
    label_sets: Counter[str] = field(default_factory=Counter)
    adjudications: Counter[str] = field(default_factory=Counter)

    @property
    def n_instances(self) -> int:
        return sum(self.instances.values())

    @property
    def in_rules(self) -> int:
        return sum(self.instances[state] for state in _WAITS)

    @property
    def stopped(self) -> int:
        return sum(
            self.instances[state] for state in (_State.HELD, _State.REJECTED, _State.WITHDRAWN)
        )

    @property
    def review(self) -> int:
        return self.instances[_State.PIXEL_REVIEW]

    @property
    def cleared(self) -> int:
        return self.instances[_State.CLEARED]

    @property
    def in_work(self) -> int:
        """Label sets that annotators have not handed in."""
        left = (LabelSet.State.ASSIGNED, LabelSet.State.IN_PROGRESS, LabelSet.State.RETURNED)
        return sum(self.label_sets[state] for state in left)

    @property
    def handed_in(self) -> int:
        return sum(
            self.label_sets[state] for state in (LabelSet.State.SUBMITTED, LabelSet.State.LOCKED)
        )


@require_GET
@login_required
def progress(request: HttpRequest) -> HttpResponse:
    """The newest studies, and where their instances, clips and labels stand."""
    user: Any = request.user
    if not project_ids(user, roles.DATA_STEWARD):
        raise NotFound
    template = "partials/progress.html" if request.headers.get("HX-Request") else "progress.html"
    return render(request, template, {"studies": studies_of(user)})


def studies_of(user: Any) -> list[Progress]:
    """The newest studies that the steward may see, newest first; no identifier is in them."""
    mine = queries.quarantine_for(user)
    newest = (
        mine.order_by()
        .values("project_id", "study_digest")
        .annotate(at=Max("received_at"))
        .order_by("-at")[:STUDIES]
    )
    keys = [(row["project_id"], bytes(row["study_digest"])) for row in newest]
    rows = mine.filter(study_digest__in=[digest for _, digest in keys]).values_list(
        "pk", "project_id", "project__name", "study_digest", "state", "modality", "calling_ae",
        "door", "received_at",
    )  # fmt: skip
    found: dict[tuple[Any, bytes], Progress] = {}
    study_of: dict[Any, Progress] = {}
    for pk, project_id, name, digest, state, modality, calling_ae, door, at in rows:
        study = found.setdefault((project_id, bytes(digest)), Progress(name, at))
        study.newest_at = max(study.newest_at, at)
        study.senders.add(calling_ae or door)
        if modality:
            study.modalities.add(modality)
        study.instances[state] += 1
        study_of[pk] = study
    _add_upper_rooms(study_of)
    return [found[key] for key in keys if key in found]


def _add_upper_rooms(study_of: dict[Any, Progress]) -> None:
    """Count clips, label sets and adjudications of the instances' studies."""
    of_clip: dict[Any, Progress] = {}
    clips = Clip.objects.filter(instance__source_id__in=list(study_of), repeats=None).order_by()
    for pk, source, state, pseudonym in clips.values_list(
        "pk", "instance__source_id", "state",
        "instance__series__study__project_subject__pseudonym",
    ):  # fmt: skip
        of_clip[pk] = study_of[source]
        of_clip[pk].clips[state] += 1
        of_clip[pk].pseudonym = pseudonym
    sets = LabelSetClip.objects.filter(
        clip_id__in=list(of_clip), label_set__origin=LabelSet.Origin.MANUAL
    )
    for clip_id, state in sets.values_list("clip_id", "label_set__state"):
        of_clip[clip_id].label_sets[state] += 1
    for clip_id, state in Adjudication.objects.filter(clip_id__in=list(of_clip)).values_list(
        "clip_id", "state"
    ):
        of_clip[clip_id].adjudications[state] += 1
