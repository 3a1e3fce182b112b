"""Intake's screens in real Chromium: they follow what the real node, dcmtk and a PACS do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from apps.access import roles
from apps.access.actor import Actor
from apps.audit.models import Event
from apps.intake.models import ReceivedInstance
from apps.intake.pacs.models import Pull
from apps.jobs import work
from tests.browser.axe import axe_findings
from tests.browser.test_policy_ui import open_as as open_as
from tests.intake import pacs_peers, peers
from tests.intake.conftest import node as node
from tests.intake.test_pacs import study

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("CLINICAL_ANNOT_SHOTS")
WAIT_MS = 60_000


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[int]:
    with pacs_peers.dcmqrscp(tmp_path) as port:
        yield port


def looked_at(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    assert axe_findings(page) == [], name


def send(node: Any, folder: Path, called: str = "CLINANNOT", **more: Any) -> bool:
    path = folder / "sent.dcm"
    path.write_bytes(peers.instance(**more))
    return peers.SUCCESS in peers.storescu(node.port, path, called=called).stdout


def test_quarantine_and_node_follow_what_happens_without_a_reload(
    node: Any, live_server: Any, settings: Any, person: Callable[..., Actor], open_as: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    settings.CLINICAL_ANNOT_DICOM_PORT = node.port
    steward = open_as(person("data_steward"))
    paula = open_as(person(system=(roles.PACS_ADMINISTRATOR,)))
    steward.goto(f"{live_server.url}/quarantine/")
    paula.goto(f"{live_server.url}/node/")
    paula.wait_for_selector("text=No association yet.")
    looked_at(steward, "quarantine-empty")
    assert send(node, tmp_path, name="Zyxwood^Una")
    steward.wait_for_selector("tr[data-received]", timeout=WAIT_MS)
    # What was ticked stays ticked while the next arrives.
    steward.check("tr[data-received] input[type=checkbox]")
    steward.evaluate("window.notReloaded = true")
    assert send(node, tmp_path, name="Zyxwood^Una")
    steward.wait_for_selector("tr[data-received] >> nth=1", timeout=WAIT_MS)
    assert steward.locator("tr[data-received] input[type=checkbox]:checked").count() == 1
    assert not send(node, tmp_path, called="NOBODY")
    paula.wait_for_selector("tr[data-refusal]:has-text('NOBODY')", timeout=WAIT_MS)
    looked_at(paula, "node-refusal")
    paula.click("text=Echo our node")
    paula.wait_for_selector("text=The node answered C-ECHO.", timeout=WAIT_MS)
    steward.fill("#b-reason", "sent twice by the tower")
    steward.click("text=Reject ticked")
    steward.wait_for_selector(".badge:has-text('Rejected')", timeout=WAIT_MS)
    states = sorted(ReceivedInstance.objects.values_list("state", flat=True))
    assert states == ["received", "rejected"]
    assert steward.evaluate("window.notReloaded") is None, "a decision is a page of its own"
    for page in (steward, paula):
        assert "Zyxwood" not in page.content()


def test_a_peer_is_entered_tried_and_queried_and_a_pull_is_cancelled_and_resumed_by_clicks(
    archive: int, live_server: Any, person: Callable[..., Actor], open_as: Any, tmp_path: Path,
    settings: Any, project: Any,
) -> None:  # fmt: skip
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    paula = open_as(person(system=(roles.PACS_ADMINISTRATOR,)))
    paula.goto(f"{live_server.url}/node/peers/")
    paula.fill("[name=name]", "Archive")
    paula.fill("[name=host]", "127.0.0.1")
    paula.fill("[name=port]", str(archive))
    paula.fill("[name=ae_title]", "QRSCP")
    paula.check("[name=may_be_queried]")
    paula.click("button:text-is('Add')")
    paula.click("[aria-label='Echo Archive']", timeout=WAIT_MS)
    paula.wait_for_selector("tr[data-node] .badge.good", timeout=WAIT_MS)
    paula.click("[aria-label='Test store to Archive']")
    paula.wait_for_selector("tr[data-node] td:has-text('Test store') .badge.good", timeout=WAIT_MS)
    looked_at(paula, "peers")
    pacs_peers.fill(archive, "QRSCP", study(3, "PULL-CLICK"), tmp_path)
    steward = open_as(person("data_steward"))
    steward.goto(f"{live_server.url}/pacs/")
    steward.fill("#q-id", "PULL-CLICK")
    steward.click("button:text-is('Query')")
    steward.wait_for_selector("tr[data-answer]", timeout=WAIT_MS)
    looked_at(steward, "pacs-answers")
    steward.click("[aria-label='Pull study 1']")
    steward.click("tr[data-pull] button:text-is('Cancel')", timeout=WAIT_MS)
    steward.click("tr[data-pull][data-state=cancelled] button:text-is('Resume')", timeout=WAIT_MS)
    steward.wait_for_selector("tr[data-pull] button:text-is('Cancel')", timeout=WAIT_MS)
    handle = work.claim("test")
    while handle is not None:
        work.run(handle)
        handle = work.claim("test") if Pull.objects.get().state != "done" else None
    steward.wait_for_selector("tr[data-pull][data-state=done]", timeout=WAIT_MS)
    looked_at(steward, "pacs-done")
    assert ReceivedInstance.objects.count() == 3
    done = Event.objects.filter(action__startswith="pacs.").values_list("action", flat=True)
    assert len([action for action in done if action == "pacs.check_node"]) == 2
    assert {"pacs.cancel_pull", "pacs.resume_pull"} <= set(done)
