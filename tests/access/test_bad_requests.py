"""Requests that nothing downstream can hold are refused with 400, at every door."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from apps.access.models import User

pytestmark = pytest.mark.django_db
OPERATIONS = f"/api/v1/label-sets/{uuid.uuid4()}/operations/"


@pytest.fixture
def officer() -> User:
    return User.objects.create_user(
        username="olga", password="a good long one", system_roles=["compliance_officer"]
    )


def post(client: Any, path: str, body: str) -> Any:
    return client.post(path, body, content_type="application/json")


def test_a_user_name_with_a_nul_character_is_a_bad_request_on_either_database(client: Any) -> None:
    answer = post(client, "/api/v1/session/", r'{"username": "a\u0000b", "password": "x"}')
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


def test_half_of_a_pair_of_utf_16_is_a_bad_request_and_a_whole_one_is_not(client: Any) -> None:
    for text, status in ((r"\ud800", 400), (r"a\uDFFFb", 400), (r"\ud83d\ude00", 403)):
        body = f'{{"username": "{text}", "password": "x"}}'
        assert post(client, "/api/v1/session/", body).status_code == status, text


def test_json_nested_without_end_is_a_bad_request(client: Any) -> None:
    answer = post(client, "/api/v1/session/", '{"a":' + "[" * 100_000)
    assert answer.status_code == 400


def test_a_nul_character_in_a_filter_is_a_bad_request(client: Any, officer: User) -> None:
    client.force_login(officer)
    assert client.get("/audit/", {"person": "olga"}).status_code == 200
    assert client.get("/audit/?person=%00").status_code == 400


def test_a_day_that_does_not_exist_filters_nothing(client: Any, officer: User) -> None:
    client.force_login(officer)
    for query in ("since=2026-02-31", "until=9999-12-31", "since=banana&page=none"):
        answer = client.get(f"/audit/?{query}")
        assert answer.status_code == 200 and len(answer.context["rows"]) > 0
