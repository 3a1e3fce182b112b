"""A subject's withdrawal in one guided step: what is found, what the rule does, what is left."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.errors import Forbidden, NotFound, Refused
from apps.audit.models import Event
from apps.deid import policy, withdrawal
from apps.deid.domain.profile import load_builtin
from apps.deid.identity import identity_of
from apps.deid.models import Deidentification, ProjectSubject
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import KeyDestroyedError, open_vault_file
from apps.keys.models import Subject
from apps.projects.services import create_project, grant_role
from apps.vault.files import storage
from tests import builders
from tests.deid.test_remedies import arrive, settled

pytestmark = pytest.mark.django_db
State = ReceivedInstance.State
Person = Callable[..., Any]


def signed_in(actor: Any) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client


def test_one_step_withdraws_everything_names_the_releases_and_nothing_can_be_read_again(
    project: Any, person: Person, command: Any, django_capture_on_commit_callbacks: Any
) -> None:
    from apps.library import services as library
    from apps.release import services as releasing

    waiting = settled(arrive(command, project))
    clip = builders.ready_clip(project, patient="PID-90210")
    builders.signed_adjudication(project, person, clip)
    release = releasing.freeze(
        person("project_lead"), project, version="1.0.0", formats=["coco-video"]
    )
    assert waiting.original is not None
    stored, author = waiting.original.storage_name, person("data_steward")
    output = Deidentification.objects.get(instance=waiting).output
    steward, here = signed_in(author), f"/quarantine/{waiting.pk}/withdraw/"
    page = steward.get(here).content.decode()
    name = ProjectSubject.objects.get(subject=waiting.subject).pseudonym
    assert name in page and f'data-release="{release.pk}"' in page
    assert "2 instances go out of all further use" in page and "1 original is deleted" in page
    assert "1 release holds the subject" in page and "PID-90210" not in page
    for wrong in ({"name": "P-OTHER", "reason": "x"}, {"name": name, "reason": " "}):
        assert steward.post(here, wrong).status_code == 400
    assert not ReceivedInstance.objects.filter(state=State.WITHDRAWN).exists()
    with django_capture_on_commit_callbacks(execute=True):
        done = steward.post(here, {"name": name, "reason": "Consent withdrawn"}, follow=True)
    text = done.content.decode()
    assert "Still to do" in text and "1.0.0" in text and "key is destroyed" in text
    states = set(ReceivedInstance.objects.values_list("state", "reason", "original"))
    assert states == {("withdrawn", "withdrawn", None)}
    assert not storage().exists(stored)
    with pytest.raises(KeyDestroyedError):
        open_vault_file(output)  # type: ignore[arg-type]
    assert bytes(ProjectSubject.objects.get(subject=waiting.subject).sealed) == b""
    with pytest.raises(Refused, match="withdrawn from all use"):
        library.open_clip(person("project_lead"), clip)
    told = Event.objects.filter(outcome="done", action__startswith="deid.withdraw")
    assert sorted(told.values_list("action", flat=True)) == [
        "deid.withdraw_instance", "deid.withdraw_instance", "deid.withdraw_subject",
    ]  # fmt: skip
    assert steward.post(here, {"name": name, "reason": "again"}).status_code == 409


def test_a_project_that_only_stops_use_keeps_the_key_and_holds_what_still_arrives(
    project: Any, person: Person, command: Any
) -> None:
    steward = person("data_steward")
    policy.set_options(steward, project, options={"withdrawal": "stop"})
    row = settled(arrive(command, project))
    done = withdrawal.withdraw_subject(steward, row.subject, reason="Consent withdrawn")
    assert (done.instances, done.originals, done.is_key_destroyed) == (1, 1, False)
    assert Subject.objects.get(pk=row.subject_id).wrapped_key is not None
    late = settled(arrive(command, project, uid="1.2.3.99"))
    assert (late.state, late.reason) == (State.HELD, "subject_withdrawn")
    other = settled(arrive(command, project, uid="1.2.3.98", PatientID="PID-OTHER"))
    assert other.state == State.CLEARED


def test_the_key_stays_while_one_project_of_the_subject_keeps_it_and_all_must_be_stewarded(
    project: Any, person: Person, command: Any
) -> None:
    second = create_project(
        command, None, slug="second", name="Second", ae_title="SECOND",
        options={"withdrawal": "stop", "pixels_without_person": True, "keep_originals": True},
    )  # fmt: skip
    here, there = settled(arrive(command, project)), settled(arrive(command, second))
    assert here.subject == there.subject
    steward = person("data_steward")
    page = signed_in(steward).get(f"/quarantine/{here.pk}/withdraw/").content.decode()
    assert "a steward of all of them has to do this" in page and "Second" not in page
    for actor in (steward, person("project_lead"), person(system=("administrator",))):
        with pytest.raises((Forbidden, NotFound)):
            withdrawal.withdraw_subject(actor, here.subject, reason="Consent withdrawn")
    assert Event.objects.filter(action="deid.withdraw_subject", outcome="refused").count() == 3
    grant_role(command, second, steward.user, "data_steward")
    done = withdrawal.withdraw_subject(steward, here.subject, reason="Consent withdrawn")
    assert (done.instances, done.is_key_destroyed) == (2, False)
    sealed = {row.project_id: bytes(row.sealed) for row in ProjectSubject.objects.all()}
    assert sealed[project.pk] == b"" and sealed[second.pk]


def test_a_reason_with_a_name_is_in_no_page_and_work_under_way_stops(
    project: Any, person: Person, command: Any
) -> None:
    from apps.jobs.models import Job
    from apps.jobs.work import enqueue

    row = arrive(command, project)
    enqueue("deid.examine", row.pk)
    steward = person("data_steward")
    withdrawal.withdraw_subject(steward, row.subject, reason="Zyxwood asked")
    assert not Job.objects.filter(object_id=str(row.pk), state__in=("queued", "running")).exists()
    page = signed_in(steward).get(f"/quarantine/{row.pk}/withdraw/").content.decode()
    assert "Zyxwood" not in page
    assert io.BytesIO(bytes(Event.objects.get(action="deid.withdraw_subject").entry)).read()
    assert settled(row).state == State.WITHDRAWN


def test_the_identity_look_up_goes_with_the_subject_and_a_new_arrival_draws_none(
    project: Any, person: Person, command: Any
) -> None:
    row = settled(arrive(command, project))
    subject, basic = Subject.objects.get(pk=row.subject_id), load_builtin("basic")
    before = identity_of(project, subject, basic)
    assert len(before.uid_key) == 32
    withdrawal.withdraw_subject(person("data_steward"), subject, reason="Consent withdrawn")
    subject.refresh_from_db()
    assert not subject.wrapped_key
    assert bytes(ProjectSubject.objects.get(subject=subject).sealed) == b""
    deid = Deidentification.objects.get(instance=row)
    assert (deid.sealed_harvest, deid.sealed_proposals) == (None, None)
    with pytest.raises(KeyDestroyedError):
        identity_of(project, subject, basic)
    assert ProjectSubject.objects.filter(subject=subject).count() == 1
