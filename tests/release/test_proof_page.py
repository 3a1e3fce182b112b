"""The proof page of a release, opened from its file in Chromium: what it says of whole and of
spoilt releases, and the labels that it shows."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from apps.release.domain import proof_page as proof_pages
from apps.release.domain.proof_page import proof_page
from apps.release.signing import release_key
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.release.releasing import build

pytestmark = [pytest.mark.django_db, pytest.mark.browser]
WAIT_MS = 60_000
# A browser of before Ed25519 came to WebCrypto.
NO_ED25519 = """
  const known = crypto.subtle.importKey.bind(crypto.subtle);
  crypto.subtle.importKey = (form, key, kind, ...rest) => kind.name === 'Ed25519'
    ? Promise.reject(new DOMException('', 'NotSupportedError'))
    : known(form, key, kind, ...rest);
"""
SUM = """
  window.sum = (n) => {
    const sum = new Sha256().update(new Uint8Array(n >> 1)).update(new Uint8Array(n - (n >> 1)));
    return hex(sum.digest());
  };
"""


def choose(page: Page, folder: Path, verdict: str, key: str = "") -> list[str]:
    """Open the folder's page and choose the folder; the faults that it names, once it says
    ``verdict``."""
    page.goto((folder / "proof.html").as_uri())
    page.locator("#key").fill(key)
    page.locator("#folder").set_input_files(folder)
    expect(page.locator("#verdict")).to_contain_text(verdict, timeout=WAIT_MS)
    return page.locator("#lines li.bad").all_inner_texts()


def spoilt(folder: Path, to: Path, name: str, old: bytes, new: bytes, sums: bool = False) -> Path:
    """A copy in which a file says something else; with ``sums`` manifest and sums agree to it."""
    copy = Path(shutil.copytree(folder, to))
    content = (copy / name).read_bytes()
    assert content.count(old) >= 1 and len(old) == len(new)
    (copy / name).write_bytes(content.replace(old, new, 1))
    if sums:
        was, now = (hashlib.sha256(c).hexdigest().encode() for c in
                    (content, (copy / name).read_bytes()))  # fmt: skip
        for listing in ("manifest.json", "SHA256SUMS"):
            before = (copy / listing).read_bytes()
            (copy / listing).write_bytes(before.replace(was, now))
    return copy


def test_the_page_checks_the_release_offline_and_shows_its_labels(
    project, signed, published, tmp_path
):
    folder = tmp_path / "whole"
    assert build(project, folder)[0] == 0
    key = base64.b64encode(release_key().public_key().public_bytes_raw()).decode()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    labels = manifest["clips"][0]["labels"]
    altered = spoilt(folder, tmp_path / "altered", "SHA256SUMS", b"  labels/", b"  lobels/")
    forged = spoilt(
        folder, tmp_path / "forged", labels, b'"state":"visible"', b'"state":"vizible"', sums=True
    )
    old_name, new_name = b'"signer_pseudonym":"', b'"signer_pseudonim":"'
    disowned = spoilt(folder, tmp_path / "disowned", "manifest.json", old_name, new_name)
    rows = [json.loads(line) for line in (folder / labels).read_text().splitlines()]
    drawn = next(r["frame_index"] for r in rows if (r.get("shape") or {}).get("type") == "mask")
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.on("request", lambda request: asked.append(request.url))
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        assert choose(page, folder, "Consistent") == []
        assert choose(page, folder, "Verified: by the key that you gave", key) == []
        lines = " ".join(page.locator("#lines li").all_inner_texts())
        assert f"all {len(manifest['files'])} as the manifest lists them" in lines
        assert manifest["approval"]["approver_pseudonym"] in lines
        # Labels over the picture, and the frame that the browser says it shows.
        expect(page.locator("#where")).to_contain_text("frame index", timeout=WAIT_MS)
        page.locator("#frame").fill(str(drawn))
        expect(page.locator("#said")).to_have_text(
            f"Your browser shows frame index {drawn}", timeout=WAIT_MS
        )
        assert "by hand" in page.locator("#objects").inner_text()
        assert manifest["clips"][0]["signature"]["signer_pseudonym"] in (
            page.locator("#signer").inner_text()
        )
        painted = page.evaluate(
            """() => {
              const c = document.getElementById('over');
              const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
              return d.filter((v, i) => i % 4 === 3 && v > 0).length;
            }"""
        )
        assert painted > 100
        # Another key is checked at once, and what is in view stays.
        page.locator("#key").fill(base64.b64encode(bytes(32)).decode())
        page.locator("#key").blur()
        expect(page.locator("#verdict")).to_contain_text("not hold", timeout=WAIT_MS)
        assert page.locator("#frame").input_value() == str(drawn)
        assert any("signed by another key" in text for text in choose(
            page, folder, "not hold", base64.b64encode(bytes(32)).decode()))  # fmt: skip
        wrong = choose(page, altered, "not hold")
        assert any("SHA256SUMS: " in text or "not in SHA256SUMS" in text for text in wrong)
        wrong = " ".join(choose(page, forged, "not hold"))
        assert "does not bind these labels" in wrong and "its signature does not hold" in wrong
        assert "signature does not hold" in " ".join(choose(page, disowned, "not hold"))
        assert not [url for url in asked if not url.startswith(("file:", "blob:", "data:"))]
        assert errors == []
        old = browser.new_page()
        old.add_init_script(NO_ED25519)
        assert choose(old, folder, "Signatures were not checked") == []
        assert sums_of(old) == [hashlib.sha256(bytes(n)).hexdigest() for n in SIZES]
        browser.close()


SIZES = (0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_003)


def sums_of(page: Page) -> list[str]:
    """SHA-256 in parts of so many zeros, as the page takes it of large files."""
    page.goto("about:blank")
    checks = (Path(proof_pages.__file__).parent / "checks.js").read_text()
    page.add_script_tag(content=re.sub("^export ", "", checks, flags=re.MULTILINE) + SUM)
    found: list[str] = page.evaluate("(sizes) => sizes.map(window.sum)", list(SIZES))
    return found


def test_the_page_holds_everything_that_it_needs_and_asks_for_nothing():
    page = proof_page().decode()
    assert page.count("<script") == 1 and "/* SCRIPT */" not in page
    assert "\nimport " not in page and "\nexport " not in page
    for outside in ("http://", "https://", 'src="', 'href="', "fetch("):
        assert outside not in page
    assert "default-src 'none'" in page
