"""A cine with names in its pictures, whose reading is done once for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pydicom import dcmread

from apps.deid.domain import pipeline
from tests import shared


@pytest.fixture(scope="session")
def named_cine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared.make_one("ultrasound", tmp_path_factory.mktemp("named"), 1)[".dcm"]


@pytest.fixture(scope="session")
def readings() -> dict[Any, Any]:
    return {}


@pytest.fixture
def read_once(readings: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading text in pictures takes seconds: the same pictures asked the same are read once."""
    real_examine, real_check = pipeline.examine, pipeline.check

    def examine(source: Any, **options: Any) -> Any:
        source.seek(0)
        asked = (
            sha256(bytes(dcmread(source).PixelData)).hexdigest(),
            options["with_proposals"],
            tuple(options.get("device_masks", ())),
            options.get("under_masks", False),
        )
        if asked not in readings:
            readings[asked] = real_examine(source, **options)
        return readings[asked]

    def check(result: Any, harvest: Any, profile: Any, header: Any, decision: Any, *rest: Any,
              **options: Any) -> Any:  # fmt: skip
        asked = repr(decision)
        if asked in readings:
            options["look_for_text"] = False
            found = real_check(result, harvest, profile, header, decision, *rest, **options)
            return pipeline.Checked(found.findings, readings[asked])
        found = real_check(result, harvest, profile, header, decision, *rest, **options)
        readings[asked] = found.texts
        return found

    monkeypatch.setattr(pipeline, "examine", examine)
    monkeypatch.setattr(pipeline, "check", check)


@pytest.fixture
def signed_in(client: Client) -> Callable[[Any], Client]:
    def sign_in(actor: Any) -> Client:
        browser = Client()
        browser.force_login(actor.user)
        return browser

    return sign_in
