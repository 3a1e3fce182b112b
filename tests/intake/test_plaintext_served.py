"""By every way in, at the product's own processes: a second process finds no plain byte.

Node, web server, worker and the ``ingest`` command are watched all the time, the worker's
de-identification of what has come included (``make bars NAME=plaintext``).
"""

from __future__ import annotations

import json
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.intake import pacs_peers, peers, spy
from tests.intake.figures import note
from tests.intake.test_plaintext import looks, watched
from tests.journeys.served import until
from tests.journeys.stack import Stack, running

pytestmark = [pytest.mark.bars, pytest.mark.timeout(900)]
SIZE_BYTES = 17 << 20
_PULL = """
from apps.access.actor import Actor
from apps.access.models import User
from apps.intake.pacs import asking, services
from apps.projects.models import Project
admin, steward = (Actor(User.objects.get(username=name)) for name in ("paula", "stefan"))
node = services.add_node(admin, None, name="peer", host="127.0.0.1", port=PORT, ae_title="QRSCP",
                         may_be_queried=True)
[found] = asking.find_studies(node, {"patient_id": "PULL-S"})[0]
services.start_pull(steward, Project.objects.get(slug="demo"), node, patient_id=found.patient_id,
                    study_instance_uid=found.study_instance_uid, issuer="", modality="US")
"""


def known(number: int, **more: str) -> bytes:
    """The known content as an instance of its own."""
    uid = f"1.2.3.79.{number}"
    more = {"patient": "PULL-S", "study": "1.2.3.79", "series": "1.2.3.79.0", **more}
    return peers.instance(pixels=spy.content(SIZE_BYTES), uid=uid, name=spy.NAME, **more)


def rows(stack: Stack) -> dict[str, dict[str, str]]:
    done = stack.manage("list_instances", "--project", "demo", "--json")
    return {row["sop_instance_uid"]: row for row in map(json.loads, done.stdout.splitlines())}


def stow(stack: Stack, apart: Path) -> None:
    token = stack.manage("add_sender", "or3-gateway", "--project", "demo").stdout.strip()
    head = b"--b0und\r\nContent-Type: application/dicom\r\n\r\n"
    asked = urllib.request.Request(
        f"{stack.url}/dicomweb/studies", data=head + known(1) + b"\r\n--b0und--\r\n"
    )
    asked.add_header("Authorization", f"Bearer {token}")
    asked.add_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=b0und')
    with urllib.request.urlopen(asked, timeout=120) as answer:
        assert answer.status == 200


def c_store(stack: Stack, apart: Path) -> None:
    path = apart / "sent.dcm"
    path.write_bytes(known(2))
    assert stack.store(path, "-xe")


def ingest_folder(stack: Stack, apart: Path) -> None:
    (apart / "folder").mkdir()
    (apart / "folder" / "a.dcm").write_bytes(known(3))
    ingest(stack, apart / "folder")


def ingest_zip(stack: Stack, apart: Path) -> None:
    # Larger than what is unpacked in memory: the copy that can be searched goes to the vault.
    with zipfile.ZipFile(apart / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr("a.dcm", known(4))
        out.writestr("b.dcm", peers.instance(
            pixels=spy.content(2 * SIZE_BYTES), uid="1.2.3.79.5", name=spy.NAME
        ))  # fmt: skip
    ingest(stack, apart / "x.zip")


def ingest(stack: Stack, path: Path) -> None:
    done = stack.manage("ingest", str(path), "--project", "demo", "--json")
    assert done.returncode == 0, done.stderr


def pull(stack: Stack, apart: Path) -> None:
    folder = apart / "pacs"
    folder.mkdir()
    with pacs_peers.dcmqrscp(folder) as port:
        held = known(6, StudyID="1", SeriesNumber="1")
        pacs_peers.fill(port, "QRSCP", [held], folder)
        done = stack.manage("shell", "-v", "0", "-c", _PULL.replace("PORT", str(port)))
        assert done.returncode == 0, done.stderr
        until(lambda: "1.2.3.79.6" in rows(stack), 120, "what was pulled")


# The pull first: the worker does it before it is busy with what came.
WAYS: dict[str, Callable[[Stack, Path], None]] = {
    "pull": pull,
    "C-STORE": c_store,
    "STOW-RS": stow,
    "ingest": ingest_folder,
    "ZIP": ingest_zip,
}


def test_no_plain_byte_is_found_by_any_way_in_at_the_running_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart, temporary, data = (tmp_path / name for name in ("apart", "temporary", "data"))
    for folder in (apart, temporary, data):
        folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("CLINICAL_ANNOT_DISK_RESERVE_BYTES", "0")
    with running(data) as stack, watched(tmp_path, data, temporary) as saw:
        looked = {}
        for name, way in WAYS.items():
            before = looks(saw)
            way(stack, apart)
            looked[name] = looks(saw) - before
            assert not saw["result"].exists(), f"found by {name}: {saw['result'].read_text()}"
        held = rows(stack)
    assert saw["where"] == "" and saw["largest"] >= 2 * SIZE_BYTES, saw
    assert min(looked.values()) > 0, looked
    assert held["1.2.3.79.2"]["sha256"] == peers.digest_of_data_set(known(2))
    assert len(held) == 6
    words = ", ".join(f"{name} {count}" for name, count in looked.items())
    note(f"looks while it came: {words}; {saw['looks']} in all, nothing found")
