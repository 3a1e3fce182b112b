"""Encrypted files in an S3-compatible store: multipart while they arrive, ranged reads.

An object appears whole or not at all: a small one is one PUT, a larger one a multipart upload that
is completed by ``commit()``. Beside each object ``<prefix>/<2 letters>/<name>`` there may be marks
of no bytes, ``<prefix>/in-use/<name>`` and ``<prefix>/unnamed/<name>``, by which ``touch`` and
the sweep see each other (the store must show a write to the next read, as S3 does since 2020).
"""

from __future__ import annotations

import errno
import io
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# The smallest part that S3 takes but for the last one; 10,000 parts are the most.
PART_BYTES = 5 << 20
_GROWS_AFTER = 5_000
_LARGE_PART_BYTES = 64 << 20
_FIRST_READ_BYTES = 1 << 16
_IN_USE, _UNNAMED = "in-use", "unnamed"


class StoreError(OSError):
    """The store does not answer, or refuses. Names the operation, never a key or an address."""


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turns the store's errors into FileNotFoundError and OSError (ENOSPC where it is full)."""
    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # A bucket that is not there says so with the same status.
        if status == 404 and told in ("NoSuchKey", "404", "NotFound"):
            raise FileNotFoundError(errno.ENOENT, "no such object") from None
        number = errno.ENOSPC if status == 507 else errno.EIO
        raise StoreError(number, f"the S3 store refuses {what} ({told or status})") from None
    except BotoCoreError as error:
        name = type(error).__name__
        raise StoreError(errno.EIO, f"the S3 store does not answer {what} ({name})") from None


class _S3Pending:
    """Parts go out in a thread of their own, one at a time: the next is filled meanwhile."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client, self._where = client, {"Bucket": bucket, "Key": key}
        self._buffer = bytearray()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._sending: Future[dict[str, Any]] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._ended = False

    def write(self, data: bytes | memoryview) -> int:
        self._buffer += data
        size = PART_BYTES if len(self._parts) < _GROWS_AFTER else _LARGE_PART_BYTES
        while len(self._buffer) >= size:
            part = bytes(memoryview(self._buffer)[:size])
            del self._buffer[:size]
            self._send(part)
        return len(data)

    def _send(self, part: bytes) -> None:
        self._wait()
        if self._upload is None:
            with _asking("a new upload"):
                begun = self._client.create_multipart_upload(**self._where)
            self._upload = begun["UploadId"]
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="vault-part")
        assert self._thread is not None
        self._sending = self._thread.submit(self._put_part, len(self._parts) + 1, part)

    def _put_part(self, number: int, part: bytes) -> dict[str, Any]:
        with _asking("a part"):
            told = self._client.upload_part(
                **self._where, UploadId=self._upload, PartNumber=number, Body=part
            )
        kept = {key: told[key] for key in ("ETag", "ChecksumCRC32") if key in told}
        return {**kept, "PartNumber": number}

    def _wait(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            self._parts.append(sending.result())

    def commit(self) -> None:
        if self._upload is None:
            with _asking("an object"):
                self._client.put_object(**self._where, Body=bytes(self._buffer))
        else:
            if self._buffer:
                self._send(bytes(self._buffer))
            self._wait()
            with _asking("the end of an upload"):
                self._client.complete_multipart_upload(
                    **self._where, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
                )
        self._end()

    def abort(self) -> None:
        """Nothing stays; what the store cannot be told now, the sweep removes."""
        if self._ended:
            return
        with suppress(OSError):
            self._wait()
        if self._upload is not None:
            with suppress(OSError), _asking("the end of an upload"):
                self._client.abort_multipart_upload(**self._where, UploadId=self._upload)
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._buffer = bytearray()
        if self._thread is not None:
            self._thread.shutdown(wait=False)


class _S3Object(io.RawIOBase):
    """A seekable reader: what is asked for is fetched, and nothing more."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        super().__init__()
        self._client, self._where = client, {"Bucket": bucket, "Key": key}
        self._position = 0
        # One request gives header and size.
        with _asking("a read"):
            told = client.get_object(**self._where, Range=f"bytes=0-{_FIRST_READ_BYTES - 1}")
            self._first = told["Body"].read()
        self.size_bytes = int(told["ContentRange"].rpartition("/")[2])
        self._etag = told["ETag"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.size_bytes - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        start, end = self._position, self._position + wanted
        if not wanted:
            return b""
        data = self._first[start:end] if end <= len(self._first) else self._fetch(start, end)
        self._position = end
        return data

    def _fetch(self, start: int, end: int) -> bytes:
        with _asking("a read"):
            told = self._client.get_object(
                **self._where, Range=f"bytes={start}-{end - 1}", IfMatch=self._etag
            )
            data: bytes = told["Body"].read()
        if len(data) != end - start:
            raise StoreError(errno.EIO, "the S3 store gave another length than asked for")
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class S3Storage:
    """A bucket, or what lies under a prefix in it. Credentials come by boto3's own ways."""

    def __init__(self, bucket: str, prefix: str, endpoint: str = "", region: str = "") -> None:
        self._bucket, self._prefix = bucket, f"{prefix.strip('/')}/".lstrip("/")
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=region or None,
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=32,
                # Names like bucket.host need wildcard certificates, which few own stores have.
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )

    def _key(self, name: str) -> str:
        if not name.isalnum():
            raise ValueError("a vault name is letters and digits")
        return f"{self._prefix}{name[:2]}/{name}"

    def _mark(self, kind: str, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{kind}/{name}"}

    def create(self, name: str) -> _S3Pending:
        return _S3Pending(self._client, self._bucket, self._key(name))

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, _S3Object(self._client, self._bucket, self._key(name)))

    def exists(self, name: str) -> bool:
        return self._changed({"Bucket": self._bucket, "Key": self._key(name)}) is not None

    def _changed(self, where: dict[str, str]) -> float | None:
        """Time of change (seconds since the epoch), None for what is not there."""
        try:
            with _asking("a look"):
                return float(self._client.head_object(**where)["LastModified"].timestamp())
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        for where in ({"Bucket": self._bucket, "Key": self._key(name)}, self._mark(_IN_USE, name)):
            with _asking("a removal"):
                self._client.delete_object(**where)

    def touch(self, name: str) -> None:
        """Say that a file is in use now. Raises FileNotFoundError when it is gone, or going.

        The mark is set before the sweep's is looked for, and the sweep does it the other way
        round: at least one of the two sees the other.
        """
        with _asking("a mark"):
            self._client.put_object(**self._mark(_IN_USE, name), Body=b"")
        if self._changed(self._mark(_UNNAMED, name)) is None and self.exists(name):
            return
        with _asking("a removal"):
            self._client.delete_object(**self._mark(_IN_USE, name))
        raise FileNotFoundError(errno.ENOENT, "no such object")

    def delete_older(self, name: str, limit: float) -> bool:
        """Remove a file unless it was changed or touched at or after ``limit``."""
        with _asking("a mark"):
            self._client.put_object(**self._mark(_UNNAMED, name), Body=b"")
        try:
            changed = self._changed({"Bucket": self._bucket, "Key": self._key(name)})
            touched = self._changed(self._mark(_IN_USE, name))
            if changed is None or max(changed, touched or 0.0) >= limit:
                return False
            self.delete(name)
            return True
        finally:
            with suppress(OSError), _asking("a removal"):
                self._client.delete_object(**self._mark(_UNNAMED, name))

    def free_bytes(self) -> int:
        """More than any limit: a store says only by refusing that it is full."""
        return 1 << 62

    def check(self) -> None:
        """Raises StoreError, or FileNotFoundError where there is no such bucket."""
        with _asking("a look at its bucket"):
            self._client.head_bucket(Bucket=self._bucket)

    def _listed(self, prefix: str) -> Iterator[tuple[str, float]]:
        pages = self._client.get_paginator("list_objects_v2")
        with _asking("a list"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    yield found["Key"].removeprefix(prefix), found["LastModified"].timestamp()

    def names(self) -> Iterator[tuple[str, float]]:
        """Every complete file with its time of change (seconds since the epoch)."""
        for place, changed in self._listed(self._prefix):
            folder, _, name = place.partition("/")
            if folder == name[:2] and name.isalnum():
                yield name, changed

    def sweep_incoming(self, older_than_s: float) -> int:
        """End uploads that nobody can be writing any more; how many. Old marks go, too."""
        limit, ended = time.time() - older_than_s, 0
        pages = self._client.get_paginator("list_multipart_uploads")
        with _asking("a list"):
            uploads = [
                found
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix)
                for found in page.get("Uploads", [])
            ]
        for found in uploads:
            if found["Initiated"].timestamp() < limit:
                with suppress(FileNotFoundError), _asking("the end of an upload"):
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=found["Key"], UploadId=found["UploadId"]
                    )
                    ended += 1
        for kind in (_IN_USE, _UNNAMED):
            for name, changed in list(self._listed(f"{self._prefix}{kind}/")):
                if changed < limit:
                    with _asking("a removal"):
                        self._client.delete_object(**self._mark(kind, name))
        return ended
