"""The ways out of the house: C-STORE, STOW-RS and S3. Each stores one file of a release at a time.

Failures are ``PeerError`` with a reason code of intake's ``peer_reasons``; what a peer writes into
its answer is never kept.
"""

from __future__ import annotations

import http.client
import json
import ssl
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from pydicom.filereader import read_file_meta_info
from pynetdicom import _config

from apps.intake.pacs.client import Context, PeerError, association
from apps.intake.pacs.models import RemoteNode
from apps.keys.keyring import unseal_for
from apps.release.models import Destination

SEALED_AS = "release-destination"
_BLOCK = 1 << 20
# To connect; for an answer; for an answer while a person waits for it.
_CONNECT_S, _ANSWER_S, _CHECK_S = 10.0, 120.0, 20.0
# S3's parts; below it an object is one request.
_PART_BYTES = 8 << 20
Told = Callable[[int], None]
_REASONS = {400: "failure_status", 401: "not_authorised", 403: "not_authorised",
            404: "wrong_address", 405: "wrong_address", 409: "failure_status",
            413: "no_room", 415: "not_supported", 507: "no_room"}  # fmt: skip


class Way(Protocol):
    """``put`` stores one file, told of every stretch of bytes; ``check`` says whether the place
    answers to who we are. Both raise PeerError."""

    def put(self, name: str, path: Path, told: Told) -> None: ...
    def check(self) -> None: ...


def way_to(place: RemoteNode | Destination, folder: str) -> Way:
    """How a place is reached; ``folder`` is a release's own name in a bucket."""
    if isinstance(place, RemoteNode):
        return _Node(place)
    if place.kind == Destination.Kind.STOW:
        return _Stow(place)
    return _Bucket(place, folder)


def secret_of(place: Destination) -> str:
    """The password, token or secret key in clear; "" where there is none."""
    if place.sealed_secret is None:
        return ""
    return unseal_for(None, bytes(place.sealed_secret), SEALED_AS).decode()


class _Node:
    """One instance in one association, in its own transfer syntax."""

    def __init__(self, node: RemoteNode) -> None:
        self._node = node

    def put(self, name: str, path: Path, told: Told) -> None:
        meta = read_file_meta_info(path)
        context = Context(meta.MediaStorageSOPClassUID, (meta.TransferSyntaxUID,))
        with association(self._node, [context]) as made, _in_chunks():
            status = made.send_c_store(path)
        code = status.get("Status") if status else None
        if code is None:
            raise PeerError("no_answer", is_transient=True)
        if code != 0 and code not in range(0xB000, 0xC000):
            raise PeerError("failure_status")

    def check(self) -> None:
        with association(self._node, [Context("1.2.840.10008.1.1", ("1.2.840.10008.1.2",))]):
            pass


@contextmanager
def _in_chunks() -> Iterator[None]:
    """pynetdicom sends a file in pieces instead of reading it whole."""
    before = _config.STORE_SEND_CHUNKED_DATASET
    _config.STORE_SEND_CHUNKED_DATASET = True
    try:
        yield
    finally:
        _config.STORE_SEND_CHUNKED_DATASET = before


class _Stow:
    """One instance a request (PS3.18 section 10.5), its bytes from the file as they are sent."""

    def __init__(self, place: Destination) -> None:
        self._at, self._headers = urlsplit(place.url), {"Accept": "application/dicom+json"}
        self._ca = place.ca_certificate
        secret = secret_of(place)
        if place.account:
            pair = b64encode(f"{place.account}:{secret}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"
        elif secret:
            self._headers["Authorization"] = f"Bearer {secret}"

    def put(self, name: str, path: Path, told: Told) -> None:
        uid = str(read_file_meta_info(path).MediaStorageSOPInstanceUID)
        border = uuid.uuid4().hex
        head = f"--{border}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{border}--\r\n".encode()
        headers = {
            **self._headers,
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={border}',
            "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        }
        with path.open("rb") as file:
            status, answer = self._ask("POST", "/studies", headers, _body(head, file, tail, told))
        if status not in (200, 202):
            raise _http_error(status)
        _check_stored(answer, uid)

    def check(self) -> None:
        """A search that finds nothing: whoever may store may ask."""
        status, _ = self._ask("GET", "/studies?limit=1&PatientID=CLINICALANNOT-TEST", self._headers)
        if status not in (200, 204):
            raise _http_error(status)

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: Iterator[bytes] | None = None
    ) -> tuple[int, bytes]:
        host, port = self._at.hostname or "", self._at.port
        made: http.client.HTTPConnection
        if self._at.scheme == "https":
            trusted = ssl.create_default_context(cadata=self._ca or None)
            trusted.minimum_version = ssl.TLSVersion.TLSv1_2
            made = http.client.HTTPSConnection(host, port, timeout=_CONNECT_S, context=trusted)
        else:
            made = http.client.HTTPConnection(host, port, timeout=_CONNECT_S)
        try:
            made.connect()
        except ssl.SSLError:
            raise PeerError("tls_failed") from None
        except OSError:
            raise PeerError("unreachable", is_transient=True) from None
        made.sock.settimeout(_CHECK_S if body is None else _ANSWER_S)
        try:
            # A peer that refuses early answers and closes: what it said is still there.
            with suppress(OSError):
                made.request(method, self._at.path.rstrip("/") + path, body, headers)
            said = made.getresponse()
            return said.status, said.read(_BLOCK)
        except (OSError, http.client.HTTPException):
            raise PeerError("no_answer", is_transient=True) from None
        finally:
            made.close()


def _body(head: bytes, file: BinaryIO, tail: bytes, told: Told) -> Iterator[bytes]:
    yield head
    while block := file.read(_BLOCK):
        yield block
        told(len(block))
    yield tail


def _check_stored(answer: bytes, uid: str) -> None:
    """Only an instance that the answer names is taken (PS3.18 table 10.5.3-2)."""
    try:
        said = json.loads(answer)
        said = said[0] if isinstance(said, list) else said
        rows = said.get("00081199", {}).get("Value", [])
        taken = [row["00081155"]["Value"][0] for row in rows]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise PeerError("failure_status") from None
    if uid not in taken:
        raise PeerError("failure_status")


def _http_error(status: int) -> PeerError:
    if status in (429, 500, 502, 503, 504):
        return PeerError("no_answer", is_transient=True)
    return PeerError(_REASONS.get(status, "failure_status"))


class _Bucket:
    """Every file of the release as an object under ``prefix/project-version/``."""

    def __init__(self, place: Destination, folder: str) -> None:
        import boto3
        from botocore.config import Config

        self._bucket = place.bucket
        self._under = "/".join(part for part in (place.prefix.strip("/"), folder) if part)
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=place.url or None,
            region_name=place.region or "us-east-1",
            aws_access_key_id=place.account,
            aws_secret_access_key=secret_of(place),
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 3},
                s3={"addressing_style": "path" if place.url else "auto"},
            ),
        )

    def put(self, name: str, path: Path, told: Told) -> None:
        from boto3.s3.transfer import TransferConfig

        where = {"Bucket": self._bucket, "Key": f"{self._under}/{name}"}
        # In this thread, so that what is told may stop it.
        how = TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False
        )
        with _asking(), path.open("rb") as file:
            # boto3 sends a CRC-32 with every part, by which the store refuses what came altered.
            self._client.upload_fileobj(file, **where, Config=how, Callback=told)

    def check(self) -> None:
        with _asking():
            self._client.head_bucket(Bucket=self._bucket)


@contextmanager
def _asking() -> Iterator[None]:
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError, SSLError

    try:
        yield
    except (ClientError, S3UploadFailedError) as error:
        inner = error if isinstance(error, ClientError) else error.__context__
        said = getattr(inner, "response", {}).get("ResponseMetadata", {})
        raise _http_error(int(said.get("HTTPStatusCode", 500))) from None
    except SSLError:
        raise PeerError("tls_failed") from None
    except BotoCoreError:
        raise PeerError("unreachable", is_transient=True) from None
