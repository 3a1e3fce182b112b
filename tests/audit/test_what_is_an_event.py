"""What must be an event (HIPAA 164.312(b), 21 CFR 11.10(e), DICOM PS3.15 A.5): a row a thing.

Receiving and de-identifying have theirs where they are tested (tests/intake, tests/deid).
"""

from __future__ import annotations

import pytest

from apps.access import people, trail
from apps.access.actor import service
from apps.access.errors import Refused
from apps.audit.models import Event
from apps.library import services as library
from apps.projects.services import grant_role, revoke_role
from tests import builders

pytestmark = pytest.mark.django_db


class Place:
    """A project with a signed adjudication, and a browser."""

    def __init__(self, project, person, client, adjudication) -> None:
        self.project, self.person, self.client = project, person, client
        self.adjudication, self.clip = adjudication, adjudication.clip
        self.annotator = adjudication.set_a.author

    def sign_in(self, password: str) -> None:
        given = {"username": self.annotator.username, "password": password}
        self.client.post("/accounts/login/", given)

    def sign_out(self) -> None:
        self.client.force_login(self.annotator)
        self.client.post("/accounts/logout/")

    def refused(self) -> None:
        with pytest.raises(Refused):
            library.open_clip(self.person("compliance_officer"), self.clip)


def _sign(project, person):
    return builders.signed_adjudication(project, person, builders.ready_clip(project))


@pytest.fixture(scope="module")
def signed(kept):
    return kept.make(_sign, kept.person)


@pytest.fixture
def place(kept, signed, db, client):
    signed.refresh_from_db()
    return Place(kept.project, kept.person, client, signed)


def annotator(place: Place):
    from apps.access.actor import Actor

    return Actor(place.annotator)


# What happened while the adjudication was made, by action.
MADE = [
    "assignment.create", "label_set.save", "label_set.submit", "label_set.lock",
    "adjudication.open", "adjudication.decide", "adjudication.sign", "adjudication.signature",
    "project.create", "project.grant_role", "ontology.publish", "library.register", "clip.ready",
]  # fmt: skip
DONE = [
    ("session.sign_in", "done", lambda at: at.sign_in(builders.PASSWORD)),
    ("session.sign_in", "refused", lambda at: at.sign_in("wrong")),
    ("session.sign_out", "done", Place.sign_out),
    ("clip.open", "done", lambda at: library.open_clip(annotator(at), at.clip)),
    ("clip.open", "refused", Place.refused),
    (
        "clip.watched",
        "done",
        lambda at: library.report_watched(annotator(at), at.clip, spans=[(0, 9), (20, 30)]),
    ),
    (
        "person.add",
        "done",
        lambda at: people.add_person(
            service("command"), None, username="new.person", printed_name="New"
        ),
    ),
    ("person.switch_off", "done", lambda at: people.switch_off(service("command"), at.annotator)),
    (
        "project.grant_role",
        "done",
        lambda at: grant_role(service("command"), at.project, at.annotator, "researcher"),
    ),
    (
        "project.revoke_role",
        "done",
        lambda at: revoke_role(service("command"), at.project, at.annotator, "annotator"),
    ),
    (
        "system.note",
        "done",
        lambda at: people.note_process(service("worker"), None, process="worker", what="start"),
    ),
    ("audit.verify", "done", lambda at: trail.verify(service("command"), outside=[])),
    ("audit.export", "done", lambda at: list(trail.export_bundle(service("command")))),
]


@pytest.mark.parametrize("action", MADE)
def test_each_step_on_the_way_to_a_signature_is_an_event(place, action):
    assert Event.objects.filter(action=action, outcome="done").exists()


@pytest.mark.parametrize(("action", "outcome", "does"), DONE, ids=[f"{a}-{o}" for a, o, _ in DONE])
def test_what_is_done_and_what_is_refused_is_one_event(place, action, outcome, does):
    told = Event.objects.filter(action=action, outcome=outcome)
    before = told.count()
    does(place)
    assert told.count() == before + 1


def test_every_revision_of_labels_and_every_decision_has_its_event(place):
    adjudication = place.adjudication
    saved = Event.objects.filter(action="label_set.save", object_id=str(adjudication.set_a_id))
    assert saved.count() == adjudication.set_a.revision
    decided = Event.objects.filter(action="adjudication.decide", object_id=str(adjudication.pk))
    assert decided.count() == adjudication.decisions.count() > 0
