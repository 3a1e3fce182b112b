"""Several annotators saving at the same moment, each over a connection of their own."""

from __future__ import annotations

import os
import threading
import uuid

import pytest
from django.db import connection
from django.test import Client

from apps.annotation import store
from apps.annotation.models import LabelSet, Operation
from apps.audit.models import Event
from tests import builders

PEOPLE, TURNS = int(os.environ.get("BAR_PEOPLE", "5")), 4


@pytest.mark.django_db(transaction=True)
def test_what_several_people_save_at_once_is_all_there_without_an_error(project, person):
    clip = builders.ready_clip(project)
    authors = [person("annotator") for _ in range(PEOPLE)]
    sets = [builders.label_set(project, author, clip) for author in authors]
    begin, answers = threading.Barrier(PEOPLE), []

    def work(author, label_set):
        client, tab, seq = Client(), str(uuid.uuid4()), 0
        client.force_login(author.user)
        begin.wait(60)
        for turn in range(TURNS):
            steps = builders.sample_steps(clip) if turn == 0 else builders.track(
                clip, "grasper", {f: {"type": "tip", "point": [f + 1, turn]} for f in range(9)}
            )  # fmt: skip
            body = {
                "client_id": tab, "base_revision": turn,
                "operations": builders.numbered(steps, seq + 1),
            }  # fmt: skip
            seq += len(steps)
            url = f"/api/v1/label-sets/{label_set.pk}/operations/"
            answers.append(client.post(url, body, content_type="application/json").status_code)
        connection.close()

    threads = [threading.Thread(target=work, args=pair) for pair in zip(authors, sets, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == [200] * PEOPLE * TURNS
    for label_set in sets:
        held = LabelSet.objects.get(pk=label_set.pk)
        labels = store.load(held)
        assert held.revision == TURNS
        assert len(labels["tracks"]) == 4 + TURNS - 1 and len(labels["intervals"]) == 3
        assert all(track["keyframes"] for track in labels["tracks"].values())
        assert Operation.objects.filter(label_set=held).values("revision").distinct().count() == 4
    assert Event.objects.filter(action="label_set.save", outcome="done").count() == PEOPLE * TURNS
