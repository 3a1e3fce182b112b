"""The adjudication screen in real Chromium, by keyboard alone, until it is signed."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Page, Route

from tests.browser.devserver import ADJUDICATION, CONSENSUS, PASSWORD, World
from tests.browser.steps import place, saved, shows, until

pytestmark = pytest.mark.browser


def open_adjudication(page: Page, world: World) -> None:
    page.goto(f"{world.base}/adjudications/{ADJUDICATION}/")
    page.wait_for_selector("#app[data-ready=true]")


def current(page: Page) -> str | None:
    return page.get_attribute(
        "[data-testid=disagreement-row][aria-current=true]", "data-disagreement"
    )


def test_disagreements_stand_largest_first_and_are_walked_by_key(page: Page, world: World) -> None:
    open_adjudication(page, world)
    rows = page.locator("[data-testid=disagreement-row]")
    assert [rows.nth(i).get_attribute("data-disagreement") for i in range(4)] == [
        "d1",
        "d2",
        "d3",
        "d4",
    ]
    shows(page, 20)
    page.keyboard.press("KeyN")
    shows(page, 10)
    assert current(page) == "d2"
    page.keyboard.press("KeyP")
    shows(page, 20)


def test_holding_tab_shows_one_side_alone(page: Page, world: World) -> None:
    open_adjudication(page, world)
    shows(page, 20)

    def colours() -> set[str]:
        found = page.evaluate("""() => new Promise((resolve) => requestAnimationFrame(() =>
          requestAnimationFrame(() => {
            const c = document.querySelector('#overlay');
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            const seen = new Set();
            for (let i = 0; i < d.length; i += 4) if (d[i + 3] === 255) {
              if (d[i] === 63 && d[i + 1] === 215) seen.add('A');
              if (d[i] === 255 && d[i + 1] === 216) seen.add('B');
            }
            resolve([...seen]);
          })))""")
        return set(found)

    assert colours() == {"A", "B"}
    page.keyboard.down("Tab")
    assert colours() == {"A"}
    page.wait_for_timeout(250)
    page.keyboard.up("Tab")
    page.keyboard.down("Tab")
    assert colours() == {"B"}
    page.keyboard.up("Tab")


def test_an_adjudication_goes_from_first_difference_to_signature_by_keyboard(
    page: Page, world: World
) -> None:
    open_adjudication(page, world)
    assert page.is_disabled("[data-testid=sign]")
    page.keyboard.press("KeyB")
    until(lambda: world.decisions == {"d1": "b"})
    until(lambda: current(page) == "d2")
    page.keyboard.press("KeyR")
    page.keyboard.type("Both marked the shaft")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=redraw-done]")
    shows(page, 10)
    page.keyboard.press("KeyT")
    page.mouse.click(*place(page, world, 300, 100))
    saved(page)
    redrawn = world.sets[CONSENSUS].labels["tracks"]["d2"]
    assert redrawn["keyframes"]["10"]["shape"]["point"] == pytest.approx([300, 100], abs=0.8)
    assert redrawn["keyframes"]["35"] == world.a["tracks"]["a-grasper"]["keyframes"]["35"]
    page.keyboard.press("Escape")
    page.keyboard.press("KeyN")
    page.keyboard.press("KeyA")
    until(lambda: world.decisions.get("d3") == "a")
    until(lambda: current(page) == "d4")
    page.keyboard.press("KeyA")
    page.wait_for_selector("text=4 of 4 decided")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("[data-testid=sign-digest]")
    assert "5f5f5f" in (page.text_content("[data-testid=sign-digest]") or "")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The password is wrong")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=signature]")
    assert world.signature is not None
    assert "read-only" in (page.text_content("[data-testid=saved]") or "")


def test_a_passkey_signs_the_statement_that_is_shown(page: Page, world: World) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    name = b"a key of this device"
    statement = world.to_be_signed()["statement"].encode()
    world.asked = {
        "challenge": web64(sha256(statement).digest()),
        "rpId": "localhost",
        "userVerification": "required",
        "allowCredentials": [{"type": "public-key", "id": web64(name)}],
    }
    world.decisions = {"d1": "a", "d2": "b", "d3": "a", "d4": "a"}
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    made = device.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    device.send(
        "WebAuthn.addCredential",
        {
            "authenticatorId": made["authenticatorId"],
            "credential": {
                "credentialId": b64encode(name).decode(),
                "isResidentCredential": False,
                "rpId": "localhost",
                "privateKey": b64encode(pkcs8).decode(),
                "signCount": 0,
            },
        },
    )
    world.base = world.base.replace("127.0.0.1", "localhost")
    open_adjudication(page, world)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("[data-testid=sign-passkey]")
    page.click("[data-testid=sign-passkey]")
    page.wait_for_selector("[data-testid=signature]")
    assert world.answered is not None
    parts = {name: from64(part) for name, part in world.answered["response"].items()}
    said = json.loads(parts["clientDataJSON"])
    assert from64(said["challenge"]) == sha256(statement).digest()
    signed = parts["authenticatorData"] + sha256(parts["clientDataJSON"]).digest()
    key.public_key().verify(parts["signature"], signed, ec.ECDSA(SHA256()))


def web64(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def from64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_taking_a_side_after_a_redraw_leaves_no_second_object(page: Page, world: World) -> None:
    open_adjudication(page, world)
    page.keyboard.press("KeyR")
    page.keyboard.type("Neither")
    page.keyboard.press("Enter")
    until(lambda: "d1" in world.sets[CONSENSUS].labels["tracks"])
    saved(page)
    page.keyboard.press("Escape")
    page.keyboard.press("KeyA")
    until(lambda: world.decisions == {"d1": "a"})
    assert list(world.sets[CONSENSUS].labels["tracks"]) == ["d1-consensus"]


def test_three_sides_stand_beside_each_other_and_the_third_is_taken_by_its_key(
    page: Page, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, rows = world.adjudication, world.disagreements

    def of_three() -> dict[str, object]:
        found = told()
        third = {"name": "C", "label_set": "c" * 8, "labels": json.loads(json.dumps(world.b))}
        return {**found, "sets": [*found["sets"], third], "joins": True}

    monkeypatch.setattr(
        world, "disagreements", lambda: [{**row, "c": row["b"], "merges": []} for row in rows()]
    )
    monkeypatch.setattr(world, "adjudication", of_three)
    open_adjudication(page, world)
    assert page.locator("[data-testid=take-c]").is_visible()
    page.keyboard.press("KeyC")
    until(lambda: world.decisions == {"d1": "c"})
    until(lambda: current(page) == "d2")
    page.keyboard.press("KeyP")
    page.wait_for_selector("[data-testid=disagreement-row][data-disagreement=d1] >> text=took C")
    # A further reader joins only when who decided already has said so twice.
    asked: list[str] = []
    page.route("**/take-in/", lambda r: (asked.append(r.request.url), r.fulfill(json={}))[1])
    page.keyboard.press("Shift+KeyF")
    page.wait_for_selector("dialog >> text=1 decision falls")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog", state="detached")
    page.keyboard.press("Shift+KeyF")
    page.wait_for_selector("dialog")
    assert asked == []
    page.keyboard.press("Tab")
    # The page comes anew; one that is closed in the middle of that hangs for good.
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert len(asked) == 1


def test_a_review_is_corrected_with_a_reason_or_returned_with_a_remark(
    page: Page, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = world.adjudication
    monkeypatch.setattr(world, "disagreements", list)
    alone = {"is_review": True, "sets": told()["sets"][:1],
             "agreement": {"lanes": [], "summary": []}}  # fmt: skip
    monkeypatch.setattr(world, "adjudication", lambda: {**told(), **alone})
    sent: dict[str, object] = {}

    def take(route: Route) -> None:
        sent[route.request.url.split("/")[-2]] = route.request.post_data_json
        state = "returned" if "/return/" in route.request.url else "open"
        route.fulfill(json={"state": state})

    page.route("**/correct/", take)
    page.route("**/return/", take)
    open_adjudication(page, world)
    assert page.locator("[data-testid=take-a]").count() == 0
    assert page.is_enabled("[data-testid=sign]")
    page.keyboard.press("KeyR")
    page.keyboard.type("A bleeding is missing")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=redraw-done]")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-testid=return]")
    page.keyboard.press("KeyW")
    page.keyboard.type("Mark the bleeding")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Returned to the annotator")
    assert sent == {
        "correct": {"reason": "A bleeding is missing"},
        "return": {"remark": "Mark the bleeding"},
    }
    assert "read-only" in (page.text_content("[data-testid=saved]") or "")
