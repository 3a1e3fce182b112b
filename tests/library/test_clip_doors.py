"""The addresses of a clip, as programs with a token ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access import tokens
from tests.builders import label_set, ready_clip

pytestmark = pytest.mark.django_db


@pytest.fixture
def clip(project: Any) -> Any:
    return ready_clip(project)


@pytest.fixture
def token(project: Any, person: Any, clip: Any) -> str:
    author = person("annotator")
    label_set(project, author, clip)
    return tokens.make(author.user, "test")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_bytes_of_what_plays_are_served_to_a_token_of_who_may_see_them(
    client: Any, person: Any, clip: Any, token: str
) -> None:
    address = f"/clips/{clip.pk}/review.mp4"
    assert client.get(address).status_code == 401
    assert client.get(address, headers=bearer("ca_of-nobody")).status_code == 401
    part = client.get(address, headers={**bearer(token), "Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    stranger = tokens.make(person("researcher").user, "test")
    assert client.get(address, headers=bearer(stranger)).status_code == 404


@pytest.mark.parametrize("accept", ["image/png", "text/csv", "text/html", "video/mp4", "*/*"])
def test_what_has_one_form_is_given_in_it_whatever_is_asked_for(
    client: Any, clip: Any, token: str, accept: str
) -> None:
    one = f"/api/v1/clips/{clip.pk}/"
    for address, form in (
        (one, "application/json"),
        (f"{one}frames.csv", "text/csv; charset=utf-8"),
        (f"{one}frames/3.png", "image/png"),
        (f"/clips/{clip.pk}/review.mp4", "video/mp4"),
    ):
        answer = client.get(address, headers={**bearer(token), "Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (200, form)
    gone = client.get(f"{one}frames/9999.png", headers={**bearer(token), "Accept": accept})
    assert gone.status_code == 404 and gone.json()["error"]["code"] == "not_found"


def test_the_index_as_runs_says_what_its_lists_say(client: Any, clip: Any, token: str) -> None:
    address = f"/api/v1/clips/{clip.pk}/index.json"
    lists = client.get(address, headers=bearer(token)).json()
    runs = client.get(f"{address}?form=runs", headers=bearer(token)).json()
    assert "pts_runs" in runs and "pts" not in runs
    for name in ("pts", "review_pts", "key"):
        spelled = runs.pop(f"{name}_runs", None)
        if spelled is not None:
            runs[name] = [first + i * step for first, step, count in spelled for i in range(count)]
    assert runs == lists
