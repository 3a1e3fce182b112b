"""Breaking the glass: a reason, a time, two factors, an event, a notice, a review; and it ends."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models import F
from django.test import Client
from django.utils import timezone

from apps.access import grants, roles
from apps.access.actor import service
from apps.access.again import Proof
from apps.access.errors import Forbidden, NotFound, Refused
from apps.audit.models import Event
from apps.keys import keyring
from apps.library import services as library
from apps.library.models import Clip
from apps.library.queries import clips_for
from apps.projects import agreements, emergency, tasks
from apps.projects.models import EmergencyAccess, ProjectUserObjectPermission
from apps.projects.services import grant_role, revoke_role
from tests import builders
from tests.access.factors import code_of, with_app
from tests.builders import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_earlier_tries() -> None:
    cache.clear()


@pytest.fixture(scope="module")
def kept_clip(kept: Any) -> Clip:
    return kept.make(lambda project: builders.ready_clip(project, 8))


@pytest.fixture
def clip(kept_clip: Clip, db: None) -> Clip:
    return kept_clip


@pytest.fixture
def person(kept: Any, clip: Clip) -> Any:
    return kept.person


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def broken(actor: Any, clip: Clip, **more: Any) -> EmergencyAccess:
    proof = Proof(PASSWORD, code_of(with_app(actor.user)))
    given = {"reason": "a tumour nobody named", "minutes": 15, "proof": proof, **more}
    return emergency.begin(actor, clip.project, **given)


def over(access: EmergencyAccess) -> None:
    """Its time is over; nobody has noted it yet."""
    past = timezone.now() - timedelta(seconds=1)
    EmergencyAccess.objects.filter(pk=access.pk).update(ends_at=past)
    ProjectUserObjectPermission.objects.filter(ends_at__isnull=False).update(ends_at=past)


def test_an_officer_breaks_the_glass_on_the_page_looks_and_is_reviewed(clip, person):
    officer, other = person("compliance_officer"), person("compliance_officer")
    client, reviewer = signed_in(officer.user), signed_in(other.user)
    assert client.get(f"/emergency/clips/{clip.pk}/").status_code == 404
    assert "needs a second factor" in client.get("/emergency/").content.decode()
    secret = with_app(officer.user)
    body = {"project": str(clip.project.pk), "minutes": "15", "reason": "a tumour nobody named"}
    wrong = client.post("/emergency/begin/", {**body, "password": PASSWORD, "code": "000000"})
    assert wrong.status_code == 403 and not EmergencyAccess.objects.exists()
    client.post("/emergency/begin/", {**body, "password": PASSWORD, "code": code_of(secret)})
    access = EmergencyAccess.objects.get()
    assert (
        access.proof == "password and code"
        and clip.name in client.get("/emergency/").content.decode()
    )

    # The other officer is told on every page, and sees what was done.
    menu = {item["url"]: item for item in reviewer.get("/audit/").context["chrome"]["menu"]}
    assert menu["/emergency/"]["count"] == 1
    assert client.get(f"/emergency/clips/{clip.pk}/").status_code == 200
    assert client.get(f"/api/v1/clips/{clip.pk}/frames/0.png").status_code == 200
    story = reviewer.get(f"/emergency/{access.pk}/").content.decode()
    assert "clip.open" in story and clip.name in story and "a tumour nobody named" in story

    early = reviewer.post(
        f"/emergency/{access.pk}/review/", {"finding": "justified", "remark": "ok"}
    )
    assert early.status_code == 409
    assert client.post(f"/emergency/{access.pk}/end/").status_code == 302
    assert client.get(f"/emergency/clips/{clip.pk}/").status_code == 404
    assert client.get(f"/api/v1/clips/{clip.pk}/frames/0.png").status_code == 404
    said = {"finding": "justified", "remark": "The clinic was told."}
    assert client.post(f"/emergency/{access.pk}/review/", said).status_code == 403
    assert reviewer.post(f"/emergency/{access.pk}/review/", said).status_code == 302
    access.refresh_from_db()
    assert (access.state, access.finding, access.reviewed_by) == (
        "reviewed",
        "justified",
        other.user,
    )
    assert reviewer.get("/audit/").context["chrome"]["menu"] and not emergency_count(reviewer)
    done = Event.objects.filter(action__startswith="emergency.", outcome="done")
    assert sorted(done.values_list("action", flat=True)) == [
        "emergency.begin", "emergency.end", "emergency.review",
    ]  # fmt: skip


def emergency_count(client: Client) -> int:
    menu = client.get("/audit/").context["chrome"]["menu"]
    return next(item.get("count", 0) for item in menu if item["url"] == "/emergency/")


def test_it_ends_by_itself_at_once_though_nobody_notes_it(clip, person):
    officer = person("compliance_officer")
    client = signed_in(officer.user)
    access = broken(officer, clip)
    assert client.get(f"/api/v1/clips/{clip.pk}/frames/0.png").status_code == 200
    assert clips_for(officer.user).count() == 1
    over(access)
    assert clips_for(officer.user).count() == 0
    assert client.get(f"/api/v1/clips/{clip.pk}/frames/0.png").status_code == 404
    assert client.get(f"/clips/{clip.pk}/review.mp4").status_code == 404
    with pytest.raises(Forbidden):
        library.open_clip(officer, clip)
    assert tasks.note_what_ended() == 1 and tasks.note_what_ended() == 0
    access.refresh_from_db()
    assert access.state == "ended" and access.ended_at == access.ends_at
    assert not ProjectUserObjectPermission.objects.filter(ends_at__isnull=False).exists()
    assert Event.objects.filter(action="emergency.expire").count() == 1


def test_one_that_is_over_but_not_noted_does_not_stand_in_the_way_of_the_next(clip, person):
    officer = person("compliance_officer")
    over(broken(officer, clip))
    later = Proof(PASSWORD, passkey_at=time.time())
    second = emergency.begin(officer, clip.project, reason="again", minutes=30, proof=later)
    assert second.proof == "password and passkey"
    states = EmergencyAccess.objects.filter(person=officer.user).values_list("state", flat=True)
    assert sorted(states) == ["ended", "open"]
    with pytest.raises(Refused) as refusal:
        emergency.begin(officer, clip.project, reason="again", minutes=30, proof=later)
    assert refusal.value.code == "open_already"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"reason": "  "}, "reason_missing"),
        ({"minutes": 10_000}, "minutes"),
        ({"proof": Proof("wrong", "000000")}, "wrong_password"),
        ({"proof": Proof(PASSWORD, "")}, "second_factor"),
        ({"proof": Proof(PASSWORD, "", passkey_at=0.0)}, "second_factor"),
        ({"proof": Proof("wrong", "", passkey_at=2e12)}, "wrong_password"),
    ],
)
def test_without_reason_time_or_both_factors_the_glass_stays_whole(clip, person, wrong, code):
    officer = person("compliance_officer")
    with pytest.raises(Refused) as refusal:
        broken(officer, clip, **wrong)
    assert refusal.value.code == code
    assert not EmergencyAccess.objects.exists() and clips_for(officer.user).count() == 0
    assert Event.objects.filter(action="emergency.begin", outcome="refused").count() == 1


def test_who_has_no_second_factor_is_told_to_set_one_up(clip, person):
    with pytest.raises(Refused) as refusal:
        emergency.begin(
            person("compliance_officer"),
            clip.project,
            reason="x",
            minutes=15,
            proof=Proof(PASSWORD),
        )
    assert refusal.value.code == "no_second_factor"


def test_guessing_the_factors_is_locked_after_five_tries(clip, person):
    officer = person("compliance_officer")
    secret = with_app(officer.user)
    for _ in range(5):
        with pytest.raises(Refused):
            emergency.begin(
                officer, clip.project, reason="x", minutes=15, proof=Proof(PASSWORD, "000000")
            )
    with pytest.raises(Refused) as refusal:
        emergency.begin(
            officer, clip.project, reason="x", minutes=15, proof=Proof(PASSWORD, code_of(secret))
        )
    assert (refusal.value.code, refusal.value.status) == ("locked_out", 429)


def test_only_officers_and_stewards_break_the_glass_and_nobody_else_is_given_the_role(clip, person):
    for role in ("annotator", "adjudicator", "project_lead", "researcher"):
        with pytest.raises(Forbidden):
            broken(person(role), clip)
    with pytest.raises(NotFound):
        broken(person(), clip)
    with pytest.raises(Refused):
        grant_role(service("command"), clip.project, person().user, roles.EMERGENCY)


def test_it_shows_pictures_and_gives_no_instance_away(clip, person):
    officer = person("compliance_officer")
    broken(officer, clip)
    study = clip.instance.series.study.study_instance_uid
    taken = signed_in(officer.user).get(f"/dicomweb/studies/{study}")
    assert taken.status_code == 403


def test_whose_pictures_they_are_is_told_under_broken_glass_alone(clip, person):
    steward = person("data_steward")
    with pytest.raises(Forbidden):
        library.identify(steward, clip)
    broken(steward, clip)
    sealed = b'{"study_instance_uid": "1.2.826.1", "sop_instance_uid": "1.2.826.1.2"}'
    source = clip.instance.source
    source.sealed_uids = keyring.seal_for(source.subject, sealed, "received-uids")
    source.save(update_fields=["sealed_uids"])
    assert library.identify(steward, clip)["study_instance_uid"] == "1.2.826.1"
    for row in Event.objects.filter(action="clip.identify"):
        assert b"1.2.826" not in bytes(row.entry) + bytes(row.private)
    page = signed_in(steward.user).post(f"/emergency/clips/{clip.pk}/who/")
    assert "1.2.826.1.2" in page.content.decode() and page["Cache-Control"].find("no-store") >= 0


def test_it_ends_with_the_role_by_which_it_was_begun(clip, person):
    officer = person("compliance_officer")
    access = broken(officer, clip)
    revoke_role(service("command"), clip.project, officer.user, roles.COMPLIANCE_OFFICER)
    access.refresh_from_db()
    assert access.state == "ended"
    assert grants.granted_codenames(officer.user, clip.project) == set()
    assert not EmergencyAccess.objects.filter(ended_at__gt=F("ends_at")).exists()


def test_it_ends_with_the_agreement_that_the_role_rested_on(clip, person):
    steward, command = person(), service("command")
    approval = agreements.add_agreement(
        command, clip.project, kind="ethics", reference="EC 9", until="2040-01-01"
    )
    grant_role(command, clip.project, steward.user, roles.DATA_STEWARD, approval)
    access = broken(steward, clip)
    agreements.change_end(
        command, approval, until=f"{timezone.now() - timedelta(days=2):%Y-%m-%d}", reason="revoked"
    )
    access.refresh_from_db()
    assert access.state == "ended"
    assert grants.granted_codenames(steward.user, clip.project) == set()
