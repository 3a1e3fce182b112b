"""A draft from its beginning to the frozen release by a program, with a token of its scope."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access.tokens import make_token
from apps.release.models import Release
from tests import builders
from tests.release.test_drafts import checked

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/releases/"


class Program:
    def __init__(self, client: Any, actor: Any, *scopes: str) -> None:
        token = make_token(actor, None, name="script", scopes=list(scopes))
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return self._client.get(ROOT + path, headers=self._headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self._client.post(
            ROOT + path, body or {}, content_type="application/json", headers=self._headers
        )


def test_a_program_begins_chooses_waits_for_the_check_and_freezes(project, person, signed, client):
    lead, other = person("project_lead"), builders.ready_clip(project)
    program = Program(client, lead, "read", "release")
    begun = program.post("", {"project": "demo", "version": "1.0.0"})
    assert begun.status_code == 201, begun.content
    draft = begun.json()
    assert draft["state"] == "draft" and draft["check"]["state"] == "not asked for"
    assert [row["id"] for row in draft["can_go_in"]] == [str(signed.clip_id)]
    assert [row["clip"] for row in draft["cannot_go_in"]] == [other.name]
    one = f"{draft['id']}/"
    again = program.post("", {"project": "demo", "version": "1.0.0"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "taken")
    assert program.post(f"{one}freeze").json()["error"]["code"] == "not_checked"
    asked = {
        "formats": ["mot:stride=2", "csv"], "shares": {"train": 0.6, "val": 0.2, "test": 0.2},
        "by": ["device"], "about": {"licence": "CC BY 4.0"}, "raters": True,
    }  # fmt: skip
    chosen = program.post(f"{one}draft", asked).json()
    assert chosen["check"]["state"] == "waiting" and not chosen["check"]["may_freeze"]
    # What is not named stays.
    chosen = program.post(f"{one}draft", {"about": {"licence": "CC0"}}).json()["choices"]
    assert chosen["formats"] == ["mot:stride=2", "csv"] and chosen["raters"]
    assert chosen["shares"] == asked["shares"] and chosen["by"] == ["device"]
    assert chosen["about"] == {"licence": "CC0"}
    row = Release.objects.get()
    checked(row)
    found = program.get(f"{one}draft").json()["check"]
    assert found["state"] == "done" and found["may_freeze"] and found["report"]["holds"]
    frozen = program.post(f"{one}freeze")
    assert frozen.status_code == 200 and frozen.json()["state"] == "frozen"
    assert program.get(f"{one}draft").status_code == 404
    assert program.post(f"{one}discard").status_code == 409
    second = program.post("", {"project": "demo", "version": "2"}).json()
    assert program.post(f"{second['id']}/discard").status_code == 204
    assert not Release.objects.filter(version="2").exists()
    # Approving and publishing are for people: no scope holds them.
    assert program.post(f"{one}sendings", {"to": str(other.pk)}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"formats": "mot"}, {"formats": [1]}, {"formats": []}, {"formats": ["mp3"]},
        {"clips": [{}]}, {"shares": {"train": "x"}}, {"shares": [1]}, {"by": [{}]},
        {"sampling": {"by": [], "at_most": 1}}, {"sampling": "rare"}, {"about": {"licence": 1}},
        {"about": {"joke": "x"}}, {"raters": "yes"},
    ],
)  # fmt: skip
def test_choices_of_another_form_are_refused_and_change_nothing(
    project, person, signed, client, body
):
    program = Program(client, person("project_lead"), "read", "release")
    one = program.post("", {"project": "demo", "version": "1"}).json()["id"]
    before = Release.objects.get()
    answer = program.post(f"{one}/draft", body)
    assert answer.status_code == 400, answer.content
    after = Release.objects.get()
    assert (after.choices, after.formats) == (before.choices, before.formats)


def test_a_token_without_the_scope_and_a_person_without_the_role_change_nothing(
    project, person, signed, client
):
    lead = person("project_lead")
    reader = Program(client, lead, "read")
    assert reader.post("", {"project": "demo", "version": "1"}).status_code == 403
    owner = Program(client, lead, "read", "release")
    one = owner.post("", {"project": "demo", "version": "1"}).json()["id"]
    for path in ("draft", "freeze", "discard"):
        assert reader.post(f"{one}/{path}").status_code in (403, 409), path
    assert reader.get(f"{one}/draft").status_code == 200
    officer = Program(client, person("compliance_officer"), "read", "release")
    assert officer.post(f"{one}/discard").status_code == 403
    stranger = Program(client, person("researcher"), "read", "release")
    assert stranger.get(f"{one}/draft").status_code == 404
    assert stranger.post("", {"project": "demo", "version": "2"}).status_code == 404
    assert Release.objects.get().state == Release.State.DRAFT
