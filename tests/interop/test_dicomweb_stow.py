"""The dicomweb-client package, and broken peers, store into the running web server."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from requests.exceptions import HTTPError

from tests.intake import peers
from tests.journeys.served import until

pytestmark = pytest.mark.browser
TYPE = 'multipart/related; type="application/dicom"; boundary="b0und"'
# What is large is no picture, or the worker that all share would look for text in it for minutes.
JPEG = "1.2.840.10008.1.2.4.50"
HEAD = b"--b0und\r\nContent-Type: application/dicom\r\n\r\n"


@pytest.fixture(scope="module")
def token(served: Any) -> str:
    made = served.stack.manage("add_sender", "interop-gateway", "--project", "demo")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture
def session(token: str) -> requests.Session:
    made = requests.Session()
    made.headers["Authorization"] = f"Bearer {token}"
    return made


def test_the_client_stores_instances_and_reads_the_answer(served, session):
    files = [peers.instance(), peers.instance(size_bytes=3 << 20, syntax=JPEG)]
    sent = [dcmread(io.BytesIO(file)) for file in files]
    # Over a megabyte the client sends in chunks, without a length.
    client = DICOMwebClient(served.stack.url + "/dicomweb", session=session)
    said = client.store_instances(sent)
    assert [item.ReferencedSOPInstanceUID for item in said.ReferencedSOPSequence] == [
        ds.SOPInstanceUID for ds in sent
    ]
    assert "FailedSOPSequence" not in said
    project = DICOMwebClient(served.stack.url + "/dicomweb/projects/demo", session=session)
    again = project.store_instances(sent[:1], study_instance_uid=sent[0].StudyInstanceUID)
    assert len(again.ReferencedSOPSequence) == 1
    with pytest.raises(HTTPError) as refused:
        project.store_instances(sent[1:], study_instance_uid=sent[0].StudyInstanceUID)
    assert refused.value.response.status_code == 409


def test_a_long_instance_costs_no_memory_and_is_kept_as_sent(served, session):
    content = peers.instance(size_bytes=64 << 20, syntax=JPEG)

    def chunks() -> Iterator[bytes]:
        yield HEAD
        for start in range(0, len(content), 1 << 20):
            yield content[start : start + (1 << 20)]
        yield b"\r\n--b0und--\r\n"

    url = served.stack.url + "/dicomweb/studies"
    web = [psutil.Process(pid) for pid in served.stack.processes("granian")]
    session.post(
        url, HEAD + peers.instance() + b"\r\n--b0und--\r\n", headers={"Content-Type": TYPE}
    )
    before = sum(process.memory_info().rss for process in web)
    said = session.post(url, chunks(), headers={"Content-Type": TYPE})
    assert said.status_code == 200, said.text
    grown = sum(process.memory_info().rss for process in web) - before
    assert grown < 32 << 20, "the body was held"
    held = {row["sop_instance_uid"]: row["sha256"] for row in served.instances()}
    assert held[peers.uid_of(content)] == peers.digest_of_data_set(content)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl missing")
def test_a_body_of_http_2_needs_no_length(served, token, tmp_path):
    (tmp_path / "body").write_bytes(HEAD + peers.instance() + b"\r\n--b0und--\r\n")
    with open(tmp_path / "body", "rb") as body:
        said = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
             "--http2-prior-knowledge", "-X", "POST", "-T", "-", "-H", f"Content-Type: {TYPE}",
             "-H", f"Authorization: Bearer {token}", served.stack.url + "/dicomweb/studies"],
            stdin=body, capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert said.stdout == "2 200"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_connection_that_breaks_in_the_middle_leaves_nothing(served, token, is_chunked):
    vault = served.stack.data_dir / "vault"
    before = set(vault.rglob("*"))
    address = urlsplit(served.stack.url)
    sent = HEAD + peers.instance(size_bytes=3 << 20)[: 2 << 20]
    length = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: 9000000"
    framed = b"%x\r\n%b\r\n" % (len(sent), sent) if is_chunked else sent
    with socket.create_connection((address.hostname, address.port)) as peer:
        peer.sendall(
            b"POST /dicomweb/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %b\r\n"
            b"Authorization: Bearer %b\r\n%b\r\n\r\n" % (TYPE.encode(), token.encode(), length)
        )
        peer.sendall(framed)
        until(lambda: list((vault / "incoming").iterdir()), what="the beginning of the instance")
    until(lambda: not list((vault / "incoming").iterdir()), what="the tidying up")
    assert {path for path in vault.rglob("*") if path.is_file()} <= before
