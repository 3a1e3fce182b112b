"""Steps of the tests of repeats: handing in, coming back, labelling again, measuring."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.access.actor import Actor
from apps.adjudication import (
    tasks,
)
from apps.adjudication.repeat_models import Repeat
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations, submit_label_set
from apps.jobs import work
from apps.jobs.models import Job
from apps.library.models import Clip
from tests import builders

RULE = {"passes": 1, "repeat_share": 1.0, "repeat_after_days": 28}


def hand_in(author: Actor, clip: Clip, steps: list[dict[str, Any]], days_ago: int = 57) -> LabelSet:
    done = builders.submitted_set(clip.project, author, clip, steps)
    LabelSet.objects.filter(pk=done.pk).update(
        submitted_at=timezone.now() - timedelta(days=days_ago)
    )
    return done


def come_back(author: Actor) -> Repeat:
    tasks.give_repeats()
    return Repeat.objects.get(person=author.user)


def label_again(author: Actor, repeat: Repeat, steps: list[dict[str, Any]]) -> LabelSet:
    mine = LabelSet.objects.get(pk=repeat.again.label_set_id)
    done = save_operations(
        author, mine, client_id=str(uuid.uuid4()), base_revision=0,
        operations=builders.numbered(steps),
    )  # fmt: skip
    return submit_label_set(author, mine, revision=done["revision"])


def measured(repeat: Repeat) -> dict[tuple[str, str], float]:
    tasks.give_repeats()
    Job.objects.exclude(kind="repeat.measure").filter(state=Job.State.QUEUED).delete()
    handle = work.claim("tests")
    assert handle is not None and handle.job.kind == "repeat.measure"
    work.run(handle)
    repeat.refresh_from_db()
    assert repeat.figures is not None, Job.objects.get(pk=handle.job.pk).reason
    return {(f["class_id"], f["metric"]): f["value"] for f in repeat.figures if not f["phase"]}


def seen_by(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client
