"""The compliance officer: who saw a patient's pictures, prove it, print it, verify it elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.intake.figures import note
from tests.journeys.screen import chromium
from tests.journeys.served import Browserless, Served, label_set_of, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
MOST_CLICKS = 14
COUNT = (
    "addEventListener('click', (e) => { if (e.isTrusted) sessionStorage.setItem("
    "'clicks', String(1 + Number(sessionStorage.getItem('clicks') ?? '0'))) }, true)"
)


def elsewhere(*arguments: str) -> str:
    """The stand-alone verifier as on a machine that has neither Django nor numpy."""
    blocked = "import sys; sys.modules['django'] = sys.modules['numpy'] = None; "
    code = blocked + "from clinical_annot.verify.__main__ import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_officer_proves_and_prints_who_saw_a_patient_and_another_machine_verifies_it(
    served: Served, tmp_path: Path
):
    clip, _ = served.sample("ultrasound")
    label_set_of(served.stack, clip, 0)
    anna = served.client("annotator").login
    assert Browserless(served.stack, anna).get(f"/clips/{clip}/work/")
    pseudonym = served.client("annotator")(f"/api/v1/clips/{clip}/").json["pseudonym"]
    login = served.stack.login("compliance_officer")
    with chromium() as browser:
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, accept_downloads=True
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(COUNT)
        page.goto(f"{served.stack.url}/accounts/login/")
        page.fill("#id_username", login["username"])
        page.fill("#id_password", login["password"])
        page.click("main form button")
        page.click('nav.side a[href="/audit/"]')
        page.click('nav.tabs a[href="/audit/accesses/"]')
        page.click("#f-pseudonym")
        page.keyboard.type(pseudonym)
        # The month, as a person types a date into the two fields.
        page.fill("#f-since", f"{datetime.now(UTC):%Y-%m}-01")
        page.click("[data-testid=show]")
        table = page.locator("[data-testid=accesses]")
        assert anna["username"] in table.inner_text()

        def proven() -> bool:
            """Once the newest entries have their places in a signed log."""
            if table.locator("td.number a").count() == table.locator("tbody tr").count():
                return True
            page.reload()
            return False

        until(proven, 60, "places in the log")
        with page.expect_download() as found:
            page.click("[data-testid=as-pdf]")
        printed = Path(found.value.path()).read_bytes()
        row = table.locator("tbody tr", has_text=anna["username"]).last
        with page.expect_download() as found:
            row.locator("a").click()
        found.value.save_as(tmp_path / "entry.proof")
        page.click('nav.tabs a[href="/audit/"]')
        with page.expect_download() as found:
            page.click("form[action='/audit/export/'] button")
        found.value.save_as(tmp_path / "audit.bundle")
        clicks = int(page.evaluate("() => sessionStorage.getItem('clicks')"))
        context.close()

    assert printed.startswith(b"%PDF") and pseudonym.encode() in printed
    assert anna["username"].encode() in printed
    keys = served.stack.manage("show_keys").stdout
    found_key = re.search(r"^checkpoint (\S+)", keys, re.M)
    assert found_key, keys
    for name in ("audit.bundle", "entry.proof"):
        assert "VERIFIED" in elsewhere(str(tmp_path / name), "--key", found_key[1])
    assert clicks <= MOST_CLICKS
    note(f"{clicks} clicks from the sign-in to the exported bundle")
