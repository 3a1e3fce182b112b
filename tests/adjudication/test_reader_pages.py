"""What a lead reads of agreement, as page, JSON and CSV; and that nobody who labels reads any."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.actor import Actor
from apps.adjudication import further_readers, reader_tasks
from apps.adjudication.models import Assignment
from apps.adjudication.reader_models import FurtherReading, ReadersReport
from apps.audit.models import Event
from apps.library.models import Clip
from apps.ontology.services import current
from tests import builders
from tests.adjudication.test_readers import measure, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(kept: Any, clip: Clip) -> Any:
    return kept.person


def seen_by(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client


def addresses(clip: Clip) -> list[str]:
    return [
        *(reverse(name, args=[clip.pk]) for name in
          ("clip-agreement", "clip-agreement-csv", "api-clip-agreement")),
        *(reverse(name, args=[clip.project_id]) for name in
          ("project-agreement", "project-agreement-csv", "api-project-agreement")),
    ]  # fmt: skip


def three_readers(clip: Clip, person: Any) -> list[Actor]:
    people = [person("annotator") for _ in range(3)]
    for place, one in enumerate(people):
        read(clip, one, shift=7 * place)
    measure(clip)
    return people


def test_before_anything_is_handed_in_the_pages_say_so(clip, person):
    lead = seen_by(person("project_lead"))
    for name, where in (("clip-agreement", clip.pk), ("project-agreement", clip.project_id)):
        answer = lead.get(reverse(name, args=[where]))
        assert answer.status_code == 200 and "No figures yet" in answer.content.decode()
    read(clip, person("annotator"))
    read(clip, person("annotator"), shift=3)
    reader_tasks.ask_where_two_handed_in()
    assert "Being computed" in lead.get(reverse("clip-agreement", args=[clip.pk])).content.decode()


def test_the_lead_reads_a_clip_over_its_time_and_the_project_by_class_person_and_month(
    clip, person
):
    people, lead = three_readers(clip, person), seen_by(person("project_lead"))
    page, _, _, whole, _, _ = (lead.get(address) for address in addresses(clip))
    text = page.content.decode()
    for part in ("Over the clip", "By class", "By pair of readers", "By phase", "<rect"):
        assert part in text, part
    # Of the two drawn classes and the phases: a lane each, bars only where somebody labelled.
    assert text.count('class="lane') > 5
    assert all(one.user.display_name in text for one in people)
    for curve, shown in (("kappa", "kappa"), ("alpha", "alpha"), ("no such", "agreement")):
        text = lead.get(addresses(clip)[0], {"curve": curve}).content.decode()
        assert f'data-curve="{shown}"' in text and "<rect" in text
    text = whole.content.decode()
    for part in ("One clip read", "Over months", "<polyline", "By person", clip.name):
        assert part in text, part
    assert all(one.user.display_name in text for one in people)


def test_json_and_csv_say_the_same_figures(clip, person):
    three_readers(clip, person)
    lead = seen_by(person("project_lead"))
    _, lines, found, _, project_lines, project = (lead.get(a) for a in addresses(clip))
    report = found.json()["reports"][0]
    rows = list(csv.DictReader(io.StringIO(lines.content.decode())))
    assert len(report["readers"]) == 3 and report["stands"] is True
    told = {
        (r["class_id"], r["figure"], r["phase"], r["label_set_a"], r["label_set_b"]): r["value"]
        for r in rows
        if not r["start_frame"]
    }
    names = [one["label_set"] for one in report["readers"]]
    for figure in report["figures"]:
        pair = [names[at] for at in figure["readers"] or ()] or ["", ""]
        key = (figure["class_id"], figure["metric"], figure["phase"] or "", *pair)
        assert float(told[key]) == pytest.approx(figure["value"], abs=1e-8), key
    assert len(told) == len(report["figures"]) > 100
    curves = report["curves"]
    for figure, held in (("agreement", "by_class"), ("kappa", "kappa"), ("alpha", "alpha")):
        over_time = [r for r in rows if r["figure"] == figure and r["start_frame"]]
        for class_id, values in curves[held].items():
            said = [float(r["value"]) for r in over_time if r["class_id"] == class_id]
            assert said == [v for v in values if v is not None] != []
    by = {row["by"] for row in csv.DictReader(io.StringIO(project_lines.content.decode()))}
    assert by == {"class", "person", "month"} and project.json()["clips"] == 1


def test_who_labels_a_clip_reads_nothing_of_its_agreement_before_it_is_adjudicated(clip, person):
    both = person("annotator", "project_lead")
    low = {"metric": "agreement", "below": 1.0, "share": 1.0}
    further_readers.set_rule(person("project_lead"), clip.project, **low)
    others = [person("annotator") for _ in range(2)]
    read(clip, both)
    for place, one in enumerate(others, 1):
        read(clip, one, shift=7 * place)
    measure(clip)
    reading = FurtherReading.objects.get()
    for one in others:
        assert {seen_by(one).get(a).status_code for a in addresses(clip)} == {404}
    lead = seen_by(both)
    answers = [lead.get(address) for address in addresses(clip)]
    assert [a.status_code for a in answers] == [404, 404, 404, 200, 200, 200]
    for answer in answers[3:]:
        text = answer.content.decode()
        assert clip.name not in text and str(clip.pk) not in text
        assert not any(one.user.display_name in text for one in others)
    assert answers[5].json()["clips"] == 0
    done = lead.post(reverse("further-reading-decline", args=[reading.pk]), {"reason": "x"})
    assert done.status_code == 404


def test_the_adjudicator_of_a_clip_reads_its_agreement_and_has_it_as_a_lane(clip, person):
    made, judge = builders.open_adjudication(clip.project, person, clip)
    read(clip, person("annotator"), shift=5)
    measure(clip)
    seen = seen_by(judge)
    statuses = [seen.get(address).status_code for address in addresses(clip)]
    assert statuses == [200, 200, 200, 404, 404, 404]
    whole = seen.get(reverse("adjudication", args=[made.pk])).json()
    lane = whole["agreement"]["lanes"][-1]
    assert lane["kind"] == "readers" and lane["values"][0][0] == 0
    assert all(v is None or 0 <= v <= 1 for _, v in lane["values"])
    assert seen_by(person("adjudicator")).get(addresses(clip)[0]).status_code == 404


def test_chosen_sets_are_asked_for_by_page_and_by_api(clip, person):
    three_readers(clip, person)
    lead = seen_by(person("project_lead"))
    names = [s["label_set"] for s in lead.get(addresses(clip)[2]).json()["label_sets"]]
    done = lead.post(reverse("clip-agreement-ask", args=[clip.pk]), {"label_set": names[:2]})
    assert done.status_code == 302
    api = lead.post(addresses(clip)[2], json.dumps({"label_sets": names[1:]}), "application/json")
    assert api.status_code == 200 and api.json()["state"] == "waiting"
    assert ReadersReport.objects.filter(clip=clip, is_chosen=True).count() == 2
    for wrong in ({"label_sets": "all"}, {"label_sets": names[:1]}, {"label_sets": ["none"]}):
        answer = lead.post(addresses(clip)[2], json.dumps(wrong), "application/json")
        assert answer.status_code in (400, 404), wrong


def test_the_lead_sets_the_rule_and_gives_the_clip_to_a_further_reader(clip, person):
    lead = seen_by(person("project_lead"))
    said = {"metric": "agreement", "below": "0.9", "share_percent": "100"}
    rule = reverse("further-reader-rule", args=[clip.project_id])
    assert lead.post(rule, said).status_code == 302
    assert lead.post(rule, {**said, "below": "much"}).status_code == 400
    three_readers(clip, person)
    reading, free = FurtherReading.objects.get(), person("annotator")
    page = lead.get(reverse("project-agreement", args=[clip.project_id])).content.decode()
    assert "Proposed" in page and free.user.display_name in page
    assert "become a side of the adjudication" in page
    done = lead.post(
        reverse("api-further-reading", args=[reading.pk]),
        json.dumps({"person": free.user.username}),
        "application/json",
    )
    assert done.json()["state"] == "assigned"
    assert Assignment.objects.filter(clip=clip, person=free.user, kind="annotate").exists()
    assert Event.objects.filter(action="readers.call", outcome="done").count() == 1
    again = lead.post(reverse("further-reading-call", args=[reading.pk]), {"person": free.user.pk})
    assert again.status_code == 409


def test_other_tolerances_are_the_ontology_s_next_version_and_say_what_changed(clip, person):
    lead = seen_by(person("project_lead"))
    before = current(clip.project)
    address = reverse("tolerances", args=[clip.project_id])
    assert lead.post(address, {}).status_code == 400
    assert lead.post(address, {"mask_iou": "7"}).status_code == 400
    assert current(clip.project) == before
    done = lead.post(address, {"mask_iou": "0.7", "boundary_s": "1.5"}, follow=True)
    after = current(clip.project)
    assert after.number == before.number + 1 and after.digest != before.digest
    assert after.definition["tolerances"] == {"mask_iou": 0.7, "boundary_s": 1.5}
    said = done.content.decode()
    assert "Tolerance mask_iou: the usual value became 0.7" in said
    assert "boundary_s: the usual value became 1.5 s" in said
    # Labels begun on it are measured, and their differences listed, by these.
    three_readers(clip, person)
    made = ReadersReport.objects.get(clip=clip)
    assert (made.tolerances["all"]["mask_iou"], made.ontology) == (0.7, after)
    assert made.tolerances["all"]["boundary_frames"] == round(1.5 * clip.fps)
