"""Profiles as versions of a project, the second approver, and what is chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.access.errors import Conflict, Forbidden, Refused
from apps.audit.models import Event
from apps.deid import policy, rules
from apps.deid.domain.profile import ProfileError
from apps.deid.models import Deidentification, ProfileVersion
from apps.jobs.work import run_pending
from fixtures import broken
from tests.builders import received_instance

pytestmark = pytest.mark.django_db
STRICT = 'name: strict\nversion: 1\noverrides: [{tag: "(0008,0060)", action: remove}]\n'
LOOSE = "name: loose\nversion: 1\noptions: [retain_uids]\n"


def test_a_stricter_profile_is_chosen_at_once_and_what_arrives_goes_by_it(
    project: Any, person: Callable[..., Any], tmp_path: Path
) -> None:
    steward = person("data_steward")
    row = policy.save_profile(steward, project, text=STRICT)
    assert row.state == "approved" and row.relaxations == []
    policy.choose_profile(steward, project, name="strict", version=1)
    project.refresh_from_db()
    received = received_instance(project, broken.sound(tmp_path), pixels_choice="keep")
    run_pending()
    deid = Deidentification.objects.get(instance=received)
    assert (deid.profile, deid.profile_version, deid.profile_digest) == ("strict", 1, row.sha256)
    assert deid.report["profile"]["sha256"] == row.sha256
    assert "Modality" not in deid.report["kept"] and deid.report["profile"]["approved_by"] == ""


def test_a_looser_profile_waits_for_another_person_who_is_named_in_the_report(
    project: Any, person: Callable[..., Any], tmp_path: Path
) -> None:
    lead, steward = person("project_lead"), person("data_steward")
    row = policy.save_profile(lead, project, text=LOOSE)
    assert row.state == "proposed" and row.relaxations
    with pytest.raises(Refused):
        policy.choose_profile(lead, project, name="loose", version=1)
    with pytest.raises(Forbidden):
        policy.approve_profile(lead, row)
    with pytest.raises(Forbidden):
        policy.approve_profile(person("annotator"), row)
    policy.approve_profile(steward, row)
    with pytest.raises(Conflict):
        policy.refuse_profile(steward, row)
    policy.choose_profile(lead, project, name="loose", version=1)
    project.refresh_from_db()
    received = received_instance(project, broken.sound(tmp_path), pixels_choice="keep")
    run_pending()
    report = Deidentification.objects.get(instance=received).report
    assert report["profile"]["approved_by"] == steward.user.pseudonym
    assert "113110" in report["method_codes"]
    done = Event.objects.filter(outcome="done").values_list("action", flat=True)
    assert {"deid.save_profile", "deid.approve_profile", "deid.choose_profile"} <= set(done)


def test_no_saved_version_changes_and_the_products_names_stay_the_products(
    project: Any, person: Callable[..., Any]
) -> None:
    steward = person("data_steward")
    row = policy.save_profile(steward, project, text=STRICT)
    with pytest.raises(Conflict, match="no version changes"):
        policy.save_profile(steward, project, text=STRICT)
    with pytest.raises(Refused, match="product's own"):
        policy.save_profile(steward, project, text=STRICT.replace("strict", "basic"))
    ProfileVersion.objects.filter(pk=row.pk).update(text=STRICT.replace("0060", "1030"))
    with pytest.raises(ProfileError, match="not what was saved"):
        rules.named(project, "strict", 1)


def test_a_project_keeps_to_the_version_it_chose_while_a_newer_one_is_saved(
    project: Any, person: Callable[..., Any]
) -> None:
    steward = person("data_steward")
    policy.save_profile(steward, project, text=STRICT)
    policy.choose_profile(steward, project, name="strict", version=1)
    policy.save_profile(steward, project, text=STRICT.replace("version: 1", "version: 2"))
    project.refresh_from_db()
    assert rules.chosen(project).version == 1 and rules.named(project, "strict").version == 2
    policy.choose_profile(steward, project, name="research", version=1)
    project.refresh_from_db()
    assert rules.chosen(project).name == "research"


def test_the_page_says_what_is_wrong_keeps_the_text_and_walks_to_a_chosen_profile(
    project: Any, person: Callable[..., Any], signed_in: Callable[..., Any]
) -> None:
    steward, lead = signed_in(person("data_steward")), signed_in(person("project_lead"))
    here = f"/deid/{project.pk}/"
    assert steward.get("/deid/").status_code == 302
    page = steward.get(here).content.decode()
    assert "What arrives goes by basic, version 1" in page and "113" not in page
    answer = steward.post(f"{here}profiles/", {"text": "name: ours\nversion: 1\nages: {cap: 95}"})
    assert answer.status_code == 400
    assert "ages.cap" in answer.content.decode() and "cap: 95" in answer.content.decode()
    steward.post(f"{here}profiles/", {"text": LOOSE})
    row = ProfileVersion.objects.get()
    assert "Another person approves." in steward.get(here).content.decode()
    assert steward.post(f"/deid/profiles/{row.pk}/", {"decision": "approve"}).status_code == 403
    assert lead.post(f"/deid/profiles/{row.pk}/", {"decision": "approve"}).status_code == 302
    steward.post(f"{here}choose/", {"name": "loose", "version": "1"})
    assert "What arrives goes by loose, version 1" in lead.get(here).content.decode()
    officer = signed_in(person(system=("compliance_officer",)))
    assert officer.get(here).status_code == 200
    assert officer.post(f"{here}choose/", {"name": "basic", "version": "1"}).status_code == 403
    assert signed_in(person("annotator")).get(here).status_code == 404


def test_options_are_set_by_name_and_nothing_else_is(
    project: Any, person: Callable[..., Any], signed_in: Callable[..., Any]
) -> None:
    steward = person("data_steward")
    for wrong in ({"keep_originals": False}, {"withdrawal": "later"}, {"phantom_gate": "on"}):
        with pytest.raises(Refused):
            policy.set_options(steward, project, options=wrong)
    signed_in(steward).post(
        f"/deid/{project.pk}/options/", {"second_reviewer": "on", "withdrawal": "stop"}
    )
    project.refresh_from_db()
    assert policy.option(project, "second_reviewer") is True
    assert policy.option(project, "phantom_gate") is False
    assert policy.option(project, "withdrawal") == "stop" and project.options["keep_originals"]
