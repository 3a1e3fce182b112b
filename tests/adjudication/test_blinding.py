"""Who labels a clip does not decide it, and learns of the others' labels by no way around."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from apps.access import people, roles
from apps.access.actor import service
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.verb import POLICY
from apps.adjudication import services, tasks
from apps.adjudication.assigning import assign_clip
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation.models import LabelSet
from apps.annotation.services import create_label_set, save_operations, submit_label_set
from apps.audit.models import Event
from apps.library.models import Clip
from apps.ontology.services import current
from apps.projects.services import grant_role, revoke_role
from clinical_annot.sign_in import groups
from tests import builders

pytestmark = pytest.mark.django_db
ADJUDICATE = Assignment.Kind.ADJUDICATE


def _clip(project: Any) -> Clip:
    builders.published_ontology(project)
    return builders.ready_clip(project, 8)


@pytest.fixture(scope="module")
def kept_clip(kept: Any) -> Clip:
    return kept.make(_clip)


@pytest.fixture
def clip(kept_clip: Clip, db: None) -> Clip:
    return kept_clip


@pytest.fixture
def person(kept: Any, clip: Clip) -> Any:
    return kept.person


def _both(person: Any) -> User:
    return person("annotator", "adjudicator").user


def _code(refusal: Any) -> tuple[str, int]:
    return refusal.value.code, refusal.value.status


def test_who_adjudicates_a_clip_cannot_be_given_it_to_annotate(clip, person):
    judge = _both(person)
    assign_clip(service("command"), clip, person=judge, kind=ADJUDICATE)
    with pytest.raises(Refused) as refusal:
        assign_clip(service("command"), clip, person=judge)
    assert _code(refusal) == ("has_seen", 409)
    # What they saw stays seen when the role is taken from them.
    revoke_role(service("command"), clip.project, judge, roles.ADJUDICATOR)
    with pytest.raises(Refused):
        assign_clip(service("command"), clip, person=judge)
    assert not Assignment.objects.filter(person=judge, kind="annotate").exists()
    refused = Event.objects.filter(action="assignment.create", outcome="refused")
    assert refused.count() == 2


def test_who_annotates_a_clip_cannot_be_given_it_to_adjudicate(clip, person):
    author = _both(person)
    assign_clip(service("command"), clip, person=author)
    with pytest.raises(Refused) as refusal:
        assign_clip(service("command"), clip, person=author, kind=ADJUDICATE)
    assert _code(refusal) == ("own_work", 409)


def test_a_third_annotator_does_not_decide_between_the_other_two(clip, person):
    third, authors = _both(person), [person("annotator"), person("annotator")]
    assign_clip(service("command"), clip, person=third)
    sets = [
        builders.submitted_set(
            clip.project, one, clip, builders.interval(clip, "preparation", 0, 4)
        )
        for one in authors
    ]
    with pytest.raises(Refused) as refusal:
        services.open_adjudication(
            service("worker"), clip, set_a=sets[0], set_b=sets[1], adjudicator=third
        )
    assert _code(refusal) == ("own_work", 409)
    assert tasks._free_adjudicator(clip) is None
    assert set(LabelSet.objects.filter(pk__in=[s.pk for s in sets]).values_list("state")) == {
        ("submitted",)
    }


def test_who_brought_labels_in_from_elsewhere_does_not_decide_over_them(clip, person):
    author = person("project_lead", "adjudicator")
    create_label_set(
        author,
        clip,
        author=author.user,
        ontology=current(clip.project),  # type: ignore[arg-type]
        origin=LabelSet.Origin.IMPORTED,
    )
    with pytest.raises(Refused):
        assign_clip(service("command"), clip, person=author.user, kind=ADJUDICATE)


def test_the_background_gives_no_clip_to_who_decides_it(clip, person):
    judge, author = _both(person), person("annotator").user
    assign_clip(service("command"), clip, person=judge, kind=ADJUDICATE)
    tasks.assign_to_all()
    held = Assignment.objects.filter(clip=clip, kind="annotate").values_list("person_id", flat=True)
    assert author.pk in held and judge.pk not in held
    assert tasks.assign_to_all() == 0
    assert not Event.objects.filter(outcome="refused").exists()


def test_the_rules_stand_in_the_table():
    assert POLICY["assignment.create"].apart is not None
    assert POLICY["assignment.create"].apart.barred == {
        "annotate": "decides",
        "adjudicate": "labels",
    }
    assert POLICY["adjudication.open"].apart.barred == {"": "labels"}  # type: ignore[union-attr]


def test_a_lead_who_labels_does_not_see_how_far_the_others_are(clip, person):
    """The project's page says the state of everybody's work, but not on a clip that one labels."""
    lead, other = person("project_lead", "annotator"), person("annotator")
    assign_clip(service("command"), clip, person=lead.user)
    theirs = builders.label_set(clip.project, other, clip)
    client = Client()
    client.force_login(lead.user)
    before = client.get("/projects/").content.count(b"Submitted")
    saved = save_operations(
        other,
        theirs,
        client_id=str(uuid.uuid4()),
        base_revision=0,
        operations=builders.numbered(builders.interval(clip, "preparation", 0, 4)),
    )
    submit_label_set(other, theirs, revision=saved["revision"])
    assert client.get("/projects/").content.count(b"Submitted") == before
    assert not Adjudication.objects.filter(clip=clip).exists()


def test_ids_that_another_used_answer_as_ids_that_nobody_used(clip, person):
    """Objects and operations are named by the browser: a name that is taken in another's label set
    must not be told from a free one."""
    first, second = person("annotator"), person("annotator")
    operations = builders.numbered(builders.interval(clip, "preparation", 0, 4))
    client_id = str(uuid.uuid4())
    answers = []
    for author in (first, second):
        mine = builders.label_set(clip.project, author, clip)
        answers.append(
            save_operations(
                author, mine, client_id=client_id, base_revision=0, operations=operations
            )
        )
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("annotator", "data_steward"),
        ("data_steward", "adjudicator"),
        ("annotator", "compliance_officer"),
        ("compliance_officer", "annotator"),
    ],
)
def test_roles_that_show_anothers_work_are_not_held_beside_annotating(clip, person, held, asked):
    user = person(held).user
    with pytest.raises(Refused) as refusal:
        grant_role(service("command"), clip.project, user, asked)
    assert _code(refusal) == ("roles_apart", 409)


def test_neither_is_the_role_over_the_whole_system(clip, person, settings):
    officer = person(system=("compliance_officer",)).user
    with pytest.raises(Refused):
        grant_role(service("command"), clip.project, officer, roles.ANNOTATOR)
    settings.CLINICAL_ANNOT_OIDC_GROUPS = {
        "officers": "compliance_officer",
        "demo": "demo:annotator",
    }
    author = person("annotator").user
    groups.sync(service("sign-in"), author, {"groups": ["officers", "demo"]})
    author.refresh_from_db()
    assert author.system_roles == []
    groups.sync(service("sign-in"), officer, {"groups": ["officers", "demo"]})
    assert people.User.objects.get(pk=officer.pk).system_roles == ["compliance_officer"]
    assert Event.objects.filter(action="project.grant_role", outcome="refused").count() == 2
