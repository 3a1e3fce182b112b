"""Log lines: one JSON object each, with a request's id and its route's pattern, without what an
address, a query or a body held."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings

from clinical_annot import logs, pages

ROOT = Path(project_settings.BASE_DIR)
NAME = "Mueller-Ottokar"


@pytest.fixture(params=[logs.JsonFormatter, logs.PlainFormatter])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What goes to standard error, with the handler as the settings make it. Also what libraries
    that are silent by the settings would say of themselves."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(request.param())
    root, before = logging.getLogger(), logging.getLogger().level
    loud = logging.getLogger("django.request")
    loud_before = loud.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    loud.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)
    loud.setLevel(loud_before)


@pytest.mark.django_db
def test_identifiers_in_address_query_body_and_header_reach_no_line(
    client: Any, person: Any, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.raise_request_exception = False
    client.get(f"/no/{NAME}/here/", {"patient": NAME})
    client.get("/studies/", {"q": NAME})
    client.post("/accounts/login/", {"username": NAME, "password": NAME})
    client.get("/healthz", HTTP_HOST=f"{NAME}.example")
    client.force_login(person("data_steward").user)
    client.get("/quarantine/", {"state": NAME, "page": NAME})
    client.post("/quarantine/x/reject/", {"reason": NAME}, HTTP_REFERER=f"/{NAME}")
    client.post("/api/v1/session/", json.dumps({"patient": NAME}), content_type="application/json")
    client.get(f"/api/v1/clips/{NAME}/frames/1.png", HTTP_X_REQUEST_ID=NAME)

    def fails(*_: Any, **__: Any) -> None:
        raise ValueError(f"cannot read {NAME}")

    monkeypatch.setattr(pages.listing, "page", fails)
    assert client.get("/studies/", {"q": NAME}).status_code == 500
    logging.getLogger("some.library").warning("value of %s", NAME)
    logging.getLogger("some.library").error(f"value {NAME}", extra={"route": NAME})
    text = written.getvalue()
    assert "request" in text and "studies/" in text and "ValueError" in text
    assert "clinical_annot/pages.py" in text and "some.library" in text
    assert NAME.lower() not in text.lower()


@pytest.mark.django_db
def test_a_line_in_json_names_the_request_and_the_pattern_of_its_route(
    client: Any, person: Any
) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("clinical_annot.middleware")
    logger.addHandler(handler)
    try:
        client.force_login(person("data_steward").user)
        answer = client.get(f"/quarantine/{uuid.uuid4()}/reject/")
    finally:
        logger.removeHandler(handler)
    (line,) = [json.loads(row) for row in out.getvalue().splitlines()]
    assert line["route"] == "quarantine/<uuid:received_id>/reject/"
    assert (line["method"], line["status"], line["message"]) == ("GET", 404, "request")
    assert line["request"] == answer["X-Request-ID"] and uuid.UUID(line["request"])
    assert isinstance(line["ms"], int) and line["time"].endswith("+00:00")


@pytest.mark.django_db
def test_a_request_keeps_the_id_that_a_proxy_gave_it_and_two_differ(client: Any) -> None:
    given = uuid.uuid4()
    assert client.get("/healthz", HTTP_X_REQUEST_ID=str(given))["X-Request-ID"] == given.hex
    one, other = (client.get("/healthz")["X-Request-ID"] for _ in range(2))
    assert one != other and logs.request_id.get() == ""


def test_an_error_tells_its_place_and_kind_and_not_its_words() -> None:
    try:
        raise KeyError(NAME)
    except KeyError:
        made = logging.getLogger("apps.test").makeRecord(
            "apps.test", logging.ERROR, __file__, 1, "job failed", (), sys.exc_info()
        )
    line = json.loads(logs.JsonFormatter().format(made))
    assert line["error"] == "KeyError" and "test_logs.py" in line["frames"]
    assert NAME not in json.dumps(line)


def test_every_log_call_of_ours_is_a_constant_with_known_fields() -> None:
    calls = 0
    for path in [*ROOT.glob("apps/**/*.py"), *ROOT.glob("clinical_annot/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "logger"
            ):
                continue
            calls += 1
            assert len(node.args) == 1 and isinstance(node.args[0], ast.Constant), path
            for keyword in node.keywords:
                assert keyword.arg == "extra" and isinstance(keyword.value, ast.Dict), path
                keys = {key.value for key in keyword.value.keys if isinstance(key, ast.Constant)}
                assert keys <= set(logs.FIELDS), path
    assert calls > 10
