"""The dicomweb-client package searches and retrieves on the running web server; dcmtk and
dicom3tools read what it was given."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import Dataset, dcmwrite
from requests.exceptions import HTTPError

from apps.intake.domain.wrap_video import wrap
from tests import builders

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (shutil.which("dcm2json") and shutil.which("dciodvfy")),
        reason="dcmtk, dicom3tools missing",
    ),
]


def client_of(served: Any, role: str, scope: str = "/projects/demo") -> DICOMwebClient:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {served.stack.login(role)['api_token']}"
    client = DICOMwebClient(f"{served.stack.url}/dicomweb{scope}", session=session)
    # The client leaves the port out of Host; the addresses in our answers are made from it.
    client.host = served.stack.url.removeprefix("http://")
    return client


def uids_of(item: dict[str, Any]) -> tuple[str, str, str]:
    ds = Dataset.from_json(item)
    return str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)


def errors_of(path: Path) -> set[str]:
    found = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (found.stdout + found.stderr).splitlines()
    return {re.sub(r"=? ?<[^>]*>", "", line) for line in lines if line.startswith("Error")}


def video(served: Any, tmp_path: Path) -> tuple[str, Path]:
    """A plain video, taken in and cleared: its clip and the instance that it was made into."""
    path, made = tmp_path / "a.mp4", tmp_path / "wrapped.dcm"
    path.write_bytes(builders.stream(24))
    line = served.ingest(path)
    assert line["state"] == "cleared", line
    with open(path, "rb") as source:
        digest = sha256(source.read()).hexdigest()
        made.write_bytes(b"".join(wrap(source, digest).pieces()))
    return line["clips"][0], made


def cine(served: Any, tmp_path: Path) -> tuple[str, Path]:
    clip_id, _ = served.sample("ultrasound")
    return clip_id, next(served.folder.rglob("ultrasound.dcm"))


@pytest.mark.parametrize(("make", "modality"), [(video, "ES"), (cine, "US")])
def test_a_client_finds_and_fetches_a_clip_whole_and_by_frame(served, tmp_path, make, modality):
    clip_id, original = make(served, tmp_path)
    client = client_of(served, "project_lead")
    clip = served.client("project_lead")(f"/api/v1/clips/{clip_id}/").json
    found = client.search_for_instances(
        search_filters={"PatientID": clip["pseudonym"], "Modality": modality}, limit=5
    )
    assert len(found) == 1
    uids = uids_of(found[0])
    assert client.search_for_studies(
        search_filters={"StudyInstanceUID": uids[0]}, get_remaining=True
    )

    fetched = client.retrieve_instance(*uids)
    path = tmp_path / "fetched.dcm"
    dcmwrite(path, fetched, enforce_file_format=True)
    assert (str(fetched.SOPInstanceUID), fetched.PatientID) == (uids[2], clip["pseudonym"])
    assert errors_of(path) <= errors_of(original)
    # dcmtk writes no JSON of compressed pixel data.
    del fetched.PixelData
    fetched.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dcmwrite(tmp_path / "header.dcm", fetched, enforce_file_format=True)
    told = subprocess.run(
        ["dcm2json", str(tmp_path / "header.dcm")], capture_output=True, check=True
    )
    theirs, ours = json.loads(told.stdout), client.retrieve_instance_metadata(*uids)
    keep = [tag for tag in theirs if tag[:4] not in ("0002", "7FE0") and "Value" in theirs[tag]]
    assert len(keep) > 30
    mine, other = (
        Dataset.from_json({tag: source[tag] for tag in keep}) for source in (ours, theirs)
    )
    assert mine == other

    n_frames = clip["n_frames"]
    shape = (clip["height_px"], clip["width_px"], -1)
    for number in (1, n_frames):
        (raw,) = client.retrieve_instance_frames(
            *uids, [number], media_types=("application/octet-stream",)
        )
        picture = np.frombuffer(raw, np.uint8).reshape(shape)
        png = client.retrieve_instance_frames_rendered(*uids, [number], media_types=("image/png",))
        exact = served.client("project_lead")(f"/api/v1/clips/{clip_id}/frames/{number - 1}.png")
        assert np.array_equal(decoded(png), decoded(exact.body))
        assert np.array_equal(picture.squeeze(), decoded(png))
    assert client.retrieve_instance_rendered(*uids, media_types=("image/jpeg",))[:2] == b"\xff\xd8"
    bulk = client.retrieve_bulkdata(ours["7FE00010"]["BulkDataURI"])
    assert bulk and all(bulk)
    with pytest.raises(HTTPError) as outside:
        client.retrieve_instance_frames(*uids, [n_frames + 1])
    assert outside.value.response.status_code == 404


def decoded(png: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png)))


def test_without_a_grant_a_client_finds_nothing(served):
    served.sample("ultrasound")
    lead = client_of(served, "project_lead")
    study = Dataset.from_json(lead.search_for_studies()[0]).StudyInstanceUID
    for role in ("researcher", "pacs_administrator"):
        stranger = client_of(served, role, "")
        assert stranger.search_for_studies() == []
        with pytest.raises(HTTPError) as refused:
            stranger.retrieve_study(study)
        assert refused.value.response.status_code == 404
