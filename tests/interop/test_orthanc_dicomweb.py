"""Orthanc with its DICOMweb plug-in as the client: stores what it holds into the running web
server, and searches and retrieves what was de-identified there."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from tests.intake import pacs_peers, peers

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PLUGIN.exists(), reason="apt-get install orthanc-dicomweb"),
]
# What is large is no picture, or the worker that all share would look for text in it for minutes.
JPEG = "1.2.840.10008.1.2.4.50"


class Orthanc:
    """One that knows us as the DICOMweb servers ``sender`` and ``reader``."""

    def __init__(self, dicom: int, http: int) -> None:
        self.dicom, self._at = dicom, f"http://127.0.0.1:{http}"

    def raw(self, path: str, body: Any = None) -> bytes:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._at + path, data), timeout=60) as a:
            return bytes(a.read())

    def ask(self, path: str, body: Any = None) -> Any:
        return json.loads(self.raw(path, body))

    def take(self, part10: bytes) -> str:
        """Its own id of an instance that it has now."""
        return str(self.ask("/instances", part10)["ID"])


@pytest.fixture(scope="module")
def orthanc(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    made = served.stack.manage("add_sender", "orthanc-gateway", "--project", "demo")
    assert made.returncode == 0, made.stderr
    reader = served.stack.login("project_lead")["api_token"]

    def us(token: str) -> dict[str, Any]:
        return {
            "Url": f"{served.stack.url}/dicomweb/projects/demo/",
            "HttpHeaders": {"Authorization": f"Bearer {token}"},
        }

    web = {"Enable": True, "Servers": {"sender": us(made.stdout.strip()), "reader": us(reader)}}
    folder = tmp_path_factory.mktemp("orthanc")
    with pacs_peers.orthanc(folder, Plugins=[str(PLUGIN)], DicomWeb=web) as (dicom, http):
        yield Orthanc(dicom, http)


def test_what_orthanc_stores_is_held_as_orthanc_has_it(served, orthanc):
    files = [peers.instance(), peers.instance(size_bytes=3 << 20, syntax=JPEG)]
    ids = [orthanc.take(part10) for part10 in files]
    told = orthanc.ask("/dicom-web/servers/sender/stow", {"Resources": ids})
    assert int(told["InstancesCount"]) == 2, told
    held = {row["sop_instance_uid"]: row["sha256"] for row in served.instances()}
    for part10, each in zip(files, ids, strict=True):
        kept = orthanc.raw(f"/instances/{each}/file")
        assert held[peers.uid_of(part10)] == peers.digest_of_data_set(kept)


def test_orthanc_hears_that_a_token_may_not_store(served, orthanc):
    part10 = peers.instance()
    with pytest.raises(urllib.error.HTTPError):
        orthanc.ask("/dicom-web/servers/reader/stow", {"Resources": [orthanc.take(part10)]})
    assert peers.uid_of(part10) not in {row["sop_instance_uid"] for row in served.instances()}


def test_orthanc_finds_and_fetches_what_was_de_identified(served, orthanc):
    clip_id, _ = served.sample("ultrasound")
    clip = served.client("project_lead")(f"/api/v1/clips/{clip_id}/").json
    original = dcmread(next(served.folder.rglob("ultrasound.dcm")), stop_before_pixels=True)
    found = orthanc.ask(
        "/dicom-web/servers/reader/qido",
        {"Uri": "/instances", "Arguments": {"PatientID": clip["pseudonym"], "Modality": "US"}},
    )
    assert len(found) == 1
    study, uid = (found[0][tag]["Value"] for tag in ("0020000D", "00080018"))
    assert study != original.StudyInstanceUID
    orthanc.ask("/dicom-web/servers/reader/retrieve", {"Resources": [{"Study": study}]})
    (instance,) = [
        each
        for each in orthanc.ask("/instances?expand")
        if each["MainDicomTags"]["SOPInstanceUID"] == uid
    ]
    fetched: Dataset = dcmread(io.BytesIO(orthanc.raw(f"/instances/{instance['ID']}/file")))
    assert (fetched.StudyInstanceUID, fetched.PatientID) == (study, clip["pseudonym"])
    assert int(fetched.NumberOfFrames) == clip["n_frames"]
    assert str(original.PatientID) not in str(fetched) and fetched.PatientIdentityRemoved == "YES"
    # It can show them, too.
    assert orthanc.raw(f"/instances/{instance['ID']}/frames/0/preview")[:4] == b"\x89PNG"
