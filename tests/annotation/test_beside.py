"""Who may look at whose labels beside a clip, and at the example frames of a class."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.access import roles
from apps.access.actor import Actor, service
from apps.access.errors import Refused
from apps.annotation import beside
from apps.annotation.examples import add_example, examples_json, remove_example
from apps.audit.models import Event
from apps.library.models import Clip
from apps.projects.services import grant_role
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(project, person):
    """Names of the label sets that a person may read beside the clip."""

    def said(actor, clip):
        return [name for _set, name in beside.sets_beside(actor.user, clip)]

    return said


def test_an_annotator_sees_their_own_alone_and_a_lead_each_by_name(project, person, said):
    clip = builders.ready_clip(project)
    anna, boris = person(roles.ANNOTATOR), person(roles.ANNOTATOR)
    lead = person(roles.PROJECT_LEAD)
    one, other = (builders.label_set(project, actor, clip) for actor in (anna, boris))
    assert said(anna, clip) == ["Yours"] and said(boris, clip) == ["Yours"]
    assert said(lead, clip) == [anna.user.display_name, boris.user.display_name]
    client = Client()
    client.force_login(anna.user)
    assert client.get(f"/api/v1/beside/{one.pk}/outline/").status_code == 200
    for part in ("outline", "keyframes"):
        assert client.get(f"/api/v1/beside/{other.pk}/{part}/").status_code == 404
    assert str(other.pk) not in client.get(f"/api/v1/clips/{clip.pk}/beside/").content.decode()
    client.force_login(lead.user)
    assert client.get(f"/api/v1/beside/{other.pk}/keyframes/").status_code == 200
    page = client.get(f"/clips/{clip.pk}/work/?set={other.pk}").content.decode()
    assert f'data-label-set-id="{other.pk}" data-reads="beside"' in page


def test_a_lead_who_labels_the_clip_and_an_adjudicator_see_both_once_it_is_theirs(
    project, person, said
):
    clip = builders.ready_clip(project)
    judge, lead = person(roles.ADJUDICATOR), person(roles.PROJECT_LEAD)
    assert said(judge, clip) == []
    adjudication, judge = builders.open_adjudication(project, person, clip)
    assert sorted(said(judge, clip)) == ["A", "B", "Consensus"]
    assert len(said(lead, clip)) == 3
    labelling = Actor(adjudication.set_a.author)
    grant_role(service("command"), project, labelling.user, roles.PROJECT_LEAD)
    assert adjudication.set_b.author.display_name in said(labelling, clip)
    fresh = builders.ready_clip(project)
    builders.label_set(project, person(roles.ANNOTATOR), fresh)
    assert len(said(lead, fresh)) == 1 and said(labelling, fresh) == []
    builders.label_set(project, labelling, fresh)
    assert said(labelling, fresh) == ["Yours"]


def test_examples_are_shown_to_who_may_see_their_clip_and_to_nobody_else(project, person, client):
    clip, other = builders.ready_clip(project), builders.ready_clip(project, 8)
    anna, lead = person(roles.ANNOTATOR), person(roles.PROJECT_LEAD)
    builders.submitted_set(project, anna, clip, builders.interval(clip, "bleeding", 1, 3))
    of_project = {"ontology": "laparoscopic-cholecystectomy", "class_id": "grasper"}
    for where, frame, note in ((clip, 3, "Jaws open"), (other, 5, "")):
        made = add_example(lead, where, **of_project, frame_index=frame, note=note)
    client.force_login(anna.user)
    (shown,) = client.get(f"/api/v1/clips/{clip.pk}/examples/").json()["examples"]
    assert (shown["clip"], shown["frame_index"], shown["note"]) == (str(clip.pk), 3, "Jaws open")
    assert client.get(shown["frame_url"]).status_code == 200
    assert len(examples_json(lead.user, clip)) == 2
    again = add_example(lead, clip, **of_project, frame_index=3, note="Half open")
    assert str(again.pk) == shown["id"] and len(examples_json(lead.user, clip)) == 2
    Clip.objects.filter(pk=other.pk).update(blanked_spans=[[0, 4]])
    for changed in ({"class_id": "nothing"}, {"frame_index": 8}, {"frame_index": 2},
                    {"note": "x" * 201}, {"ontology": None}):  # fmt: skip
        with pytest.raises(Refused):
            add_example(lead, other, **{**of_project, "frame_index": 6, **changed})
    remove_example(lead, made)
    assert len(examples_json(lead.user, clip)) == 1
    told = set(Event.objects.filter(action__startswith="example.").values_list("action", flat=True))
    assert told == {"example.add", "example.remove"}
