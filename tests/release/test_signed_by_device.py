"""The clinician's own passkey in a release: carried, asked for by the project, and checked by the
stand-alone verifier, the proof page's code and the client, none of which trusts the server."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from allauth.core.context import request_context
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import RequestFactory
from django.urls import reverse
from fido2 import cbor
from fido2.cose import ES256, ES384, ES512, PS256, RS256, EdDSA

from apps.access.actor import Actor
from apps.access.errors import Conflict, Forbidden, Refused
from apps.access.passkeys import released_key
from apps.adjudication import endorsing
from apps.adjudication import services as adjudicating
from apps.adjudication.signatures import Passkey
from apps.annotation.models import LabelSet
from apps.projects.models import Project
from apps.release import drafts, services, signed
from apps.release.domain import proof_page as proof_pages
from apps.release.domain.passkey import AUTHENTICATION, fault
from apps.release.models import Release
from apps.release.selecting import select
from apps.release.signing import public_keys
from apps.release.writing import write_folder
from clinical_annot.verify.release import ReleaseError, check_release
from tests import builders
from tests.adjudication.device import Device, web64
from tests.release.test_drafts import checked, choose
from tests.release.test_stand_alone import resigned, verify

sys.path.insert(0, str(Path(__file__).parents[2] / "client"))

from clinical_annot_client.verify import VerificationError, check_files

pytestmark = pytest.mark.django_db
CHECKS = Path(proof_pages.__file__).with_name("checks.js")
PAGE = Path(__file__).with_name("check_page.mjs")


def by_passkey(device: Device, adjudication, user, kind: str) -> Passkey:
    statement = endorsing.to_be_signed(user, adjudication, kind)
    challenge = web64(sha256(statement).digest())
    return Passkey(statement.decode(), device.answer({"challenge": challenge}))


def _two_clips(project, person, folder: Path) -> dict:
    """A clip that two clinicians signed by passkey, one that was signed by password; a release of
    what the project then asks for."""
    project.options = {**project.options, "countersign": True}
    project.save(update_fields=["options"])
    by_word = builders.signed_adjudication(project, person, builders.ready_clip(project))
    clip = builders.ready_clip(project)
    made, judge = builders.open_adjudication(project, person, clip)
    for item in made.findings["disagreements"]:
        held = "a" if item["a"] else "b"
        made = adjudicating.decide(judge, made, disagreement=item["id"], choice=held)
    consensus = LabelSet.objects.get(pk=made.consensus_id)
    second = person("adjudicator")
    with request_context(RequestFactory().get("/")):  # allauth asks it for the server's name
        key = by_passkey(Device(judge.user), made, judge.user, "sign")
        made = adjudicating.sign(judge, made, passkey=key, revision=consensus.revision)
        key = by_passkey(Device(second.user, b"another"), made, second.user, "countersign")
        endorsing.countersign(second, made, passkey=key)
    lead = person("project_lead")
    assert [row.pk for row in select(project).chosen] == [by_word.pk, made.pk]
    signed.require(lead, project, countersigned=True, passkey=True)
    with pytest.raises(Conflict, match="asks of signatures changed"):
        services.freeze(lead, project, version="1.0.0", formats=["mot"])  # as it was read before
    project.refresh_from_db()
    release = services.freeze(lead, project, version="1.0.0", formats=["mot"])
    write_folder(release, folder, release.formats)
    return {"by_word": by_word.pk, "by_passkey": made.pk, "release": release.pk}


@pytest.fixture(scope="module")
def made(kept, tmp_path_factory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("signed") / "release"
    return kept.make(_two_clips, kept.person, folder), folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "release"))


def page_says(folder: Path, key: str = "") -> list[str]:
    """The proof page's own code, by Node."""
    done = subprocess.run(
        ["node", str(PAGE), str(CHECKS), str(folder), key],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_a_release_carries_the_passkeys_of_its_signers_and_every_verifier_checks_them(folder, made):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (clip,) = manifest["clips"]
    (second,) = clip["countersignatures"]
    assert manifest["signing_rules"] == {"countersigned": True, "passkey": True}
    statement = base64.b64decode(clip["signature"]["statement"])
    client_data = json.loads(base64.b64decode(clip["signature"]["passkey"]["client_data"]))
    assert client_data["challenge"] == web64(sha256(statement).digest())
    assert second["signer_pseudonym"] != clip["signature"]["signer_pseudonym"]
    key = public_keys()["release"]
    prints = [
        sha256(base64.b64decode(row["passkey"]["public_key"])).hexdigest()
        for row in (clip["signature"], second)
    ]
    done = verify(str(folder), "--key", key, "--passkey", prints[0], "--passkey", prints[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 clips, 1 countersigned" in done.stdout
    assert all(f"SHA-256 {each}" in done.stdout for each in prints)
    done = verify(str(folder), "--key", key, "--passkey", prints[0])
    assert done.returncode == 1 and "not signed by a passkey that was given" in done.stdout
    assert check_files(folder, key)["clips"] == manifest["clips"]
    assert page_says(folder, key) == []
    sheet = (folder / "DATASHEET.md").read_text()
    assert "1 of 1 clip signed by the signer's own passkey" in sheet
    assert "1 of 1 clip confirmed by another clinician" in sheet


def _of(manifest: dict) -> dict:
    return manifest["clips"][0]["signature"]


def _taken_away(manifest):
    del _of(manifest)["passkey"]


def _altered(manifest):
    raw = bytearray(base64.b64decode(_of(manifest)["passkey"]["authenticator_data"]))
    raw[-1] ^= 1
    _of(manifest)["passkey"]["authenticator_data"] = base64.b64encode(raw).decode()


def _of_another_signature(manifest):
    _of(manifest)["passkey"] = manifest["clips"][0]["countersignatures"][0]["passkey"]


def _of_no_kind(manifest):
    _of(manifest)["passkey"]["algorithm"] = -8


def _without_the_second(manifest):
    del manifest["clips"][0]["countersignatures"]


def _the_second_taken_for_the_first(manifest):
    (second,) = manifest["clips"][0].pop("countersignatures")
    manifest["clips"][0]["audit_proof"] = second.pop("audit_proof")
    manifest["clips"][0]["signature"] = second
    manifest["signing_rules"] = {"countersigned": False, "passkey": True}


def _the_first_taken_for_the_second(manifest):
    clip = manifest["clips"][0]
    clip["countersignatures"] = [{**clip["signature"], "audit_proof": clip["audit_proof"]}]


@pytest.mark.parametrize(
    ("change", "says", "client_finds_it"),
    [
        (_taken_away, "the signer's passkey is missing", True),
        (_altered, "the signer's passkey does not sign this", True),
        (_of_another_signature, "the signer's passkey signs another statement", True),
        (_of_no_kind, "the signer's passkey is malformed", False),
        (_without_the_second, "not countersigned", True),
        (_the_second_taken_for_the_first, "one upon another signature", False),
        (_the_first_taken_for_the_second, "it confirms something else", False),
    ],
)
def test_even_with_the_release_key_no_passkey_is_taken_away_moved_or_made_up(
    folder, change, says, client_finds_it
):
    resigned(folder, change)
    with pytest.raises(ReleaseError, match=says):
        check_release(folder, None, [])
    told = page_says(folder)
    if change is _of_no_kind:  # WebCrypto says in its own words that the key is of another kind
        assert len(told) == 1 and told[0].startswith("manifest.json: clip ")
    else:
        assert len(told) == 1 and says in told[0]
    if client_finds_it:
        with pytest.raises(VerificationError, match=r"^manifest\.json: clip "):
            check_files(folder)


KEYS = {
    "ES256": (ES256, ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())),
    "ES384": (ES384, ec.generate_private_key(ec.SECP384R1()), ec.ECDSA(hashes.SHA384())),
    "ES512": (ES512, ec.generate_private_key(ec.SECP521R1()), ec.ECDSA(hashes.SHA512())),
    "EdDSA": (EdDSA, Ed25519PrivateKey.generate(), None),
    "RS256": (RS256, rsa.generate_private_key(65537, 2048), None),
}


def asserted(kind: str, statement: bytes, flags: int = 5) -> dict:
    """What a device with such a key answers, as a release carries it."""
    cose, key, how = KEYS[kind]
    data = bytes(32) + bytes([flags]) + bytes(4)
    client = {"type": "webauthn.get", "challenge": web64(sha256(statement).digest())}
    raw = json.dumps(client).encode()
    message = data + sha256(raw).digest()
    if kind == "RS256":
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = key.sign(message, how) if how else key.sign(message)
    known = released_key(cbor.encode(dict(cose.from_cryptography_key(key.public_key()))))
    assert known is not None and known[0] == cose.ALGORITHM
    parts = {
        "public_key": known[1], "client_data": raw, "authenticator_data": data,
        "assertion": signature,
    }  # fmt: skip
    return {
        "algorithm": known[0],
        **{name: base64.b64encode(part).decode() for name, part in parts.items()},
    }


def test_a_passkey_of_every_kind_that_signs_is_checked_alike_by_python_and_the_page(tmp_path):
    said = {"authentication": AUTHENTICATION}
    cases = []
    for kind in KEYS:
        for number in range(8):  # the integers of an ECDSA signature come in several lengths
            statement = f"statement {number}".encode()
            whole = asserted(kind, statement)
            assert fault(said, whole, statement) == ""
            assert "another statement" in fault(said, whole, b"other")
            cases.append([whole, statement.decode(), ""])
        cases.append([whole, "other", "another statement"])
        unverified = asserted(kind, statement, flags=1)
        assert "did not verify" in fault(said, unverified, statement)
        cases.append([unverified, statement.decode(), "did not verify"])
        raw = bytearray(base64.b64decode(whole["assertion"]))
        raw[-1] ^= 1
        bad = {**whole, "assertion": base64.b64encode(raw).decode()}
        assert "does not sign" in fault(said, bad, statement)
        cases.append([bad, statement.decode(), "does not sign"])
        assert "malformed" in fault(said, {**whole, "algorithm": -999}, statement)
    assert "nobody" not in fault({}, None, b"") and "used none" in fault({}, whole, b"")
    script = f"""
      import {{ checkPasskey }} from {json.dumps(CHECKS.as_uri())};
      const cases = JSON.parse((await import("node:fs")).readFileSync(0, "utf8"));
      const said = {{ authentication: {json.dumps(AUTHENTICATION)} }};
      for (const [passkey, statement, wanted] of cases) {{
        let told = "";
        try {{ await checkPasskey(said, passkey, new TextEncoder().encode(statement)); }}
        catch (error) {{ told = error.message; }}
        if (wanted ? !told.includes(wanted) : told) console.log(passkey.algorithm, wanted, told);
      }}
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout == ""


def test_a_key_of_a_kind_that_browsers_cannot_check_is_not_released():
    key = rsa.generate_private_key(65537, 2048).public_key()
    assert released_key(cbor.encode(dict(PS256.from_cryptography_key(key)))) is None


def test_what_a_project_asks_of_signatures_holds_in_the_wizard_its_check_and_the_freeze(
    made, person, client
):
    found = made[0]
    project = Project.objects.get()
    release = Release.objects.get(pk=found["release"])
    assert [row["reason"] for row in release.left_out] == [
        "not countersigned, which the project asks for"
    ]
    lead = person("project_lead")
    by_word = release.left_out[0]["id"]
    with pytest.raises(Refused, match="not countersigned") as refusal:
        services.freeze(lead, project, version="2", formats=["mot"], only=[by_word])
    assert refusal.value.code == "not_signed"
    # The draft's page and its check say the same.
    client.force_login(lead.user)
    draft = drafts.begin_draft(lead, project, version="2")
    choose(lead, draft)
    draft = checked(draft)
    page = client.get(reverse("release", args=[draft.pk])).content.decode()
    assert "countersigned and signed by passkey alone" in page
    assert "not countersigned, which the project asks for" in page
    choose(lead, draft, clips=[by_word])
    draft = checked(draft)
    assert not drafts.is_checked(draft) and "not countersigned" in draft.report["lines"][0]["said"]
    page = client.get(reverse("release", args=[release.pk])).content.decode()
    assert ">Passkey<" in page and "countersigned by" in page
    # The lead alone sets it, on the project's page; without the rules both clips go in.
    asked = reverse("release-rules", args=[project.pk])
    assert f'action="{asked}"' in client.get("/projects/").content.decode()
    assert client.post(asked, {"passkey": "on"}).status_code == 302
    project.refresh_from_db()
    assert signed.rules_of(project) == {"countersigned": False, "passkey": True}
    assert [row["reason"] for row in select(project).left_out] == [
        "signed without a passkey, which the project asks for"
    ]
    client.post(asked, {})
    project.refresh_from_db()
    assert signed.asked_of(project) is None and len(select(project).chosen) == 2
    officer: Actor = person("compliance_officer")
    with pytest.raises(Forbidden):
        signed.require(officer, project, countersigned=False, passkey=False)
    client.force_login(officer.user)
    assert client.post(asked, {}).status_code == 404
