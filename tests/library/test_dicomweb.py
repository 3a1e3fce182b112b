"""DICOMweb of de-identified data: who finds and is given what, in which form, with which event."""

from __future__ import annotations

import io
from email.parser import BytesParser
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from django.test import Client
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from apps.access.actor import service
from apps.adjudication.assigning import assign_clip
from apps.audit.models import Event
from apps.keys.keyring import open_vault_file
from apps.library.domain.encapsulated_video import open_video_pixel_data
from apps.library.models import Clip
from apps.library.readers import frames_of
from apps.projects.services import create_project
from tests import builders

pytestmark = pytest.mark.django_db
BASE = "/dicomweb/projects/demo"


def get(client: Client, path: str, accept: str = "", **query: Any) -> Any:
    headers = {"Accept": accept} if accept else {}
    return client.get(path, query, headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def parts(response: Any) -> list[tuple[str, bytes]]:
    """Type and bytes of each part, by the standard library's own reader."""
    assert response.status_code == 200, body(response)
    head = b"Content-Type: " + response["Content-Type"].encode() + b"\r\n\r\n"
    message = BytesParser().parsebytes(head + body(response))
    assert message.is_multipart() and not message.defects
    return [
        (str(part["Content-Type"]), part.get_payload(decode=True)) for part in message.get_payload()
    ]


def address(clip: Clip, base: str = BASE) -> str:
    instance = clip.instance
    study = f"{base}/studies/{instance.series.study.study_instance_uid}"
    series = f"{study}/series/{instance.series.series_instance_uid}"
    return f"{series}/instances/{instance.sop_instance_uid}"


def stored(clip: Clip) -> bytes:
    with open_vault_file(clip.instance.file) as source:
        return source.read()


@pytest.fixture
def clip(project: Any) -> Clip:
    return builders.ready_clip(project, 10)


@pytest.fixture
def cine(project: Any, monkeypatch: pytest.MonkeyPatch) -> Clip:
    monkeypatch.setattr(builders, "instance_bytes", cine_bytes)
    monkeypatch.setattr(builders, "H264_HIGH", str(JPEGBaseline8Bit))
    return builders.ready_clip(project, 3)


def jpeg(number: int) -> bytes:
    out = io.BytesIO()
    picture = np.full((48, 64), 40 * number, np.uint8)
    Image.fromarray(picture).save(out, "JPEG", quality=95)
    return out.getvalue() + bytes(out.tell() % 2)


def cine_bytes(pseudonym: str, n_frames: int, study_uid: str | None = None) -> bytes:
    ds = dcmread(io.BytesIO(VIDEO_BYTES(pseudonym, 2)))
    ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.3.1", "US"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.NumberOfFrames, ds.FrameTime = 48, 64, n_frames, "40"
    ds.FrameIncrementPointer = 0x00181063
    del ds.PlanarConfiguration
    ds.PixelData = encapsulate([jpeg(n) for n in range(1, n_frames + 1)])
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


VIDEO_BYTES = builders.instance_bytes


def test_a_search_finds_studies_series_and_instances_by_the_new_uids(clip, cine, client, person):
    client.force_login(person("project_lead").user)
    found = get(client, f"{BASE}/studies")
    assert found["Content-Type"] == "application/dicom+json"
    studies = [Dataset.from_json(item) for item in found.json()]
    assert {ds.ModalitiesInStudy for ds in studies} == {"ES", "US"}
    mine = next(ds for ds in studies if ds.ModalitiesInStudy == "ES")
    assert mine.PatientID == clip.pseudonym
    assert mine.NumberOfStudyRelatedInstances == mine.NumberOfStudyRelatedSeries == 1
    assert mine.RetrieveURL == f"http://testserver{address(clip).split('/series/')[0]}"
    series = get(client, f"{BASE}/series", Modality="US").json()
    assert len(series) == 1 and series[0]["00100020"]["Value"] == [cine.pseudonym]
    inside = get(client, f"{BASE}/studies/{mine.StudyInstanceUID}/instances").json()
    instance = Dataset.from_json(inside[0])
    assert instance.SOPInstanceUID == clip.instance.sop_instance_uid
    assert instance.NumberOfFrames == 10 and instance.AvailableTransferSyntaxUID.endswith(".102")
    assert get(client, f"{BASE}/instances", SOPInstanceUID="1.2.3").json() == []


def test_a_search_goes_in_pages_and_says_when_there_is_more(clip, cine, client, person):
    client.force_login(person("project_lead").user)
    first = get(client, f"{BASE}/studies", limit=1)
    assert len(first.json()) == 1 and first["Warning"].startswith("299 ")
    second = get(client, f"{BASE}/studies", limit=1, offset=1)
    assert len(second.json()) == 1 and "Warning" not in second
    assert first.json() != second.json()
    assert get(client, f"{BASE}/studies", offset=2).json() == []
    assert "fuzzymatching" in get(client, f"{BASE}/studies", fuzzymatching="true")["Warning"]
    for wrong in ({"limit": "x"}, {"NoSuch": "x"}, {"InstanceNumber": "1"}):
        assert get(client, f"{BASE}/studies", **wrong).status_code == 400


def test_each_finds_what_they_may_see_and_nothing_of_another_project(clip, cine, client, person):
    other = create_project(service("command"), None, slug="other", name="Other", ae_title="OTHER")
    anna, stranger = person("annotator"), person("project_lead", where=other)
    builders.published_ontology(clip.project)
    assign_clip(service("command"), clip, person=anna.user)
    client.force_login(anna.user)
    uids = [item["0020000D"]["Value"][0] for item in get(client, "/dicomweb/studies").json()]
    assert uids == [clip.study.study_instance_uid]
    assert get(client, address(clip)).status_code == 200
    assert get(client, address(cine)).status_code == 404
    client.force_login(stranger.user)
    assert get(client, "/dicomweb/studies").json() == []
    assert get(client, f"{BASE}/studies").status_code == 404
    for base in (BASE, "/dicomweb", "/dicomweb/projects/other"):
        one = address(clip, base)
        for path in (one, f"{one}/metadata", f"{one}/frames/1", f"{one}/bulkdata/7fe00010"):
            assert get(client, path).status_code == 404
    assert not Event.objects.filter(action="instance.retrieve", actor=str(stranger.user.pk))
    clip.state = Clip.State.WITHDRAWN
    clip.save()
    client.force_login(anna.user)
    assert get(client, address(clip)).status_code == 404
    assert get(client, "/dicomweb/studies").json() == []


def test_instances_are_handed_out_as_stored_with_an_event(clip, client, person):
    lead = person("project_lead")
    client.force_login(lead.user)
    one = address(clip)
    for path in (one, one.rpartition("/instances")[0], one.rpartition("/series")[0]):
        ((kind, content),) = parts(get(client, path))
        assert kind == f"application/dicom; transfer-syntax={builders.H264_HIGH}"
        assert content == stored(clip)
    single = get(client, one, "application/dicom")
    assert single["Content-Type"].startswith("application/dicom;") and body(single) == stored(clip)
    assert Event.objects.filter(action="instance.retrieve", actor=str(lead.user.pk)).count() == 4
    wanted = 'multipart/related; type="application/dicom"; transfer-syntax='
    assert get(client, one, wanted + builders.H264_HIGH).status_code == 200
    refused = get(client, one, wanted + "1.2.840.10008.1.2.1")
    assert refused.status_code == 406 and builders.H264_HIGH in refused.json()["error"]["remedy"]


def test_metadata_is_the_header_with_pixel_data_by_its_address(clip, client, person):
    client.force_login(person("data_steward").user)
    (item,) = get(client, f"{address(clip)}/metadata").json()
    uri = item["7FE00010"]["BulkDataURI"]
    assert uri == f"http://testserver{address(clip)}/bulkdata/7fe00010"
    told = Dataset.from_json(item, bulk_data_uri_handler=lambda *_: b"")
    held = dcmread(io.BytesIO(stored(clip)), stop_before_pixels=True)
    del told[0x7FE00010], told[0x00083002]
    assert told == Dataset(held)
    (stream,) = parts(get(client, uri))
    assert stream[0] == f"video/mp4; transfer-syntax={builders.H264_HIGH}"
    expected = open_video_pixel_data(io.BytesIO(stored(clip))).read()
    assert stream[1] == expected
    assert body(get(client, uri, "video/mp4")) == expected
    assert get(client, uri, "image/png").status_code == 406
    assert get(client, f"{address(clip)}/bulkdata/00100010").status_code == 404


def test_frames_of_a_video_are_the_masters_own_pictures(clip, client, person):
    client.force_login(person("project_lead").user)
    with frames_of(clip) as reader:
        pictures = [reader.rgb(index).copy() for index in range(10)]
    got = parts(get(client, f"{address(clip)}/frames/1,10,3"))
    assert [content for _, content in got] == [pictures[i].tobytes() for i in (0, 9, 2)]
    assert got[0][0] == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    png = get(client, f"{address(clip)}/frames/4/rendered", "image/png")
    assert np.array_equal(np.array(Image.open(io.BytesIO(png.content))), pictures[3])
    shown = get(client, f"{address(clip)}/rendered", viewport="160,160", quality="50")
    picture = Image.open(io.BytesIO(shown.content))
    assert shown["Content-Type"] == "image/jpeg" and picture.size == (160, 120)
    assert Event.objects.filter(action="clip.open").count() == 1, "a ticket, not an event a frame"
    for path in ("frames/0", "frames/11", "frames/1,11", "frames/11/rendered"):
        assert get(client, f"{address(clip)}/{path}").status_code == 404
    for wrong in ({"quality": "0"}, {"viewport": "9"}, {"window": "1,2,linear"}):
        assert get(client, f"{address(clip)}/rendered", **wrong).status_code == 400
    assert get(client, f"{address(clip)}/frames/1,2/rendered").status_code == 400
    video = 'multipart/related; type="video/mp4"'
    assert get(client, f"{address(clip)}/frames/1", video).status_code == 406


def test_frames_of_a_cine_come_as_stored_or_decoded(cine, client, person):
    client.force_login(person("project_lead").user)
    compressed = 'multipart/related; type="image/jpeg"; transfer-syntax=*'
    got = parts(get(client, f"{address(cine)}/frames/3,1", compressed))
    assert [content for _, content in got] == [jpeg(3), jpeg(1)]
    assert got[0][0] == f"image/jpeg; transfer-syntax={JPEGBaseline8Bit}"
    decoded = parts(get(client, f"{address(cine)}/frames/2"))
    with frames_of(cine) as reader:
        assert decoded[0][1] == reader.picture(1).tobytes() and len(decoded[0][1]) == 48 * 64
    every = parts(get(client, f"{address(cine)}/bulkdata/7fe00010"))
    assert [content for _, content in every] == [jpeg(1), jpeg(2), jpeg(3)]


def test_native_pixel_data_is_given_as_it_stands(cine, client, person, monkeypatch):
    def native(pseudonym: str, n_frames: int, study_uid: str | None = None) -> bytes:
        ds = dcmread(io.BytesIO(cine_bytes(pseudonym, n_frames)))
        ds.PixelData = bytes(range(256)) * (48 * 64 * n_frames // 256)
        ds["PixelData"].is_undefined_length = False
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        out = io.BytesIO()
        dcmwrite(out, ds, enforce_file_format=True)
        return out.getvalue()

    monkeypatch.setattr(builders, "instance_bytes", native)
    clip = builders.ready_clip(cine.project, 3)
    client.force_login(person("project_lead").user)
    ((kind, whole),) = parts(get(client, f"{address(clip)}/bulkdata/7fe00010"))
    assert whole == bytes(range(256)) * 36 and kind.startswith("application/octet-stream")
    ((_, second),) = parts(get(client, f"{address(clip)}/frames/2"))
    assert sha256(second).digest() == sha256(whole[3072:6144]).digest()


def test_what_is_not_ready_or_has_been_destroyed_is_said_before_any_byte(clip, client, person):
    client.force_login(person("project_lead").user)
    Clip.objects.update(state=Clip.State.INDEXING)
    assert get(client, f"{address(clip)}/frames/1").status_code == 409
    Clip.objects.update(state=Clip.State.READY)
    subject = clip.instance.source.subject
    subject.wrapped_key = None
    subject.save()
    for path in ("", "/frames/1", "/rendered", "/bulkdata/7fe00010"):
        assert get(client, address(clip) + path).status_code == 404
