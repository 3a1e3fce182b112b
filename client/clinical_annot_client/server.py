"""A ClinicalAnnot server as a researcher's program meets it."""

from __future__ import annotations

import hashlib
import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

from clinical_annot_client.release import Release

_BLOCK = 1 << 20
_ATTEMPTS = 5
Progress = Callable[[int, int], None]


class ServerError(Exception):
    """The server refused: ``status`` of HTTP (0 when it was not reached), code, what to do.

    ``report``: of refused labels, what is wrong by file and line.
    """

    def __init__(self, status: int, code: str, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.status, self.code, self.report = status, code, report


class Server:
    """``Server("https://annot.example.org", token="ca_…")``; the token is your API token."""

    def __init__(self, url: str, token: str, timeout_s: float = 60.0) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("url: begins with https:// or http://")
        self.url, self._token, self._timeout_s = url.rstrip("/"), token, timeout_s

    def releases(self) -> list[dict[str, Any]]:
        """The releases that you may see, newest first, as the API says them."""
        found: list[dict[str, Any]] = self._json("/api/v1/releases/")["releases"]
        return found

    def recalls(self) -> list[dict[str, Any]]:
        """Recalls of what you downloaded: destroy every copy, then `answer_recall`."""
        found: list[dict[str, Any]] = self._json("/api/v1/releases/")["recalls"]
        return found

    def answer_recall(self, notice_id: str, answer: str) -> dict[str, Any]:
        """Say what became of your copies of a recalled release."""
        return self._json(
            f"/api/v1/releases/recalls/{notice_id}/answer",
            data=json.dumps({"answer": answer}).encode(),
            headers={"Content-Type": "application/json"},
        )

    def release(self, project: str, version: str | None = None) -> dict[str, Any]:
        """A published release: that of ``version``, else the newest. Raises LookupError."""
        for each in self.releases():
            is_it = version is None or each["version"] == version
            if each["project"] == project and each["state"] == "published" and is_it:
                return each
        raise LookupError(f"no published release {project} {version or ''}".rstrip())

    def difference(self, release_id: str) -> dict[str, Any]:
        """What a release changed against the one it supersedes: clips, tracks, frames."""
        return self._json(f"/api/v1/releases/{release_id}/difference")

    def download(
        self,
        release: dict[str, Any],
        folder: str | Path,
        key: str | None = None,
        progress: Progress | None = None,
    ) -> Release:
        """Download, check and unpack a release below ``folder``; gives the verified release.

        A download that was interrupted goes on where it ended. ``progress(bytes, of)``. Raises
        ServerError; VerificationError when what came is not what was published.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        wanted = release["archive"]
        if wanted is None:
            raise ServerError(409, "being_prepared", "The archive is still being written.")
        name = f"{release['project']}-{release['version']}"
        part = place / f"{name}.zip.part"
        digest = self._fetch(release["download_url"], part, wanted["size_bytes"], progress)
        if digest != wanted["sha256"]:
            part.unlink()
            raise ServerError(0, "altered", "The archive came altered; download it again.")
        found = _unpack(part, place, name)
        found.verify(key, pictures=False)
        part.unlink()
        return found

    def _fetch(self, url: str, part: Path, size_bytes: int, progress: Progress | None) -> str:
        failed = 0
        while (reached := part.stat().st_size if part.exists() else 0) < size_bytes:
            try:
                answer = self._open(url, headers={"Range": f"bytes={reached}-"})
                with answer, part.open("ab" if answer.status == 206 else "wb") as out:
                    while block := answer.read(_BLOCK):
                        out.write(block)
                        if progress:
                            progress(out.tell(), size_bytes)
            except (OSError, HTTPException) as error:
                failed += 1
                if failed == _ATTEMPTS:
                    raise ServerError(0, "interrupted", "The connection broke again.") from error
            except ServerError as error:
                failed += 1
                if error.status != 0 or failed == _ATTEMPTS:
                    raise
            else:
                # A server that ends early without an error must not be asked for ever.
                failed = failed + 1 if part.stat().st_size <= reached else 0
                if failed == _ATTEMPTS:
                    raise ServerError(0, "interrupted", "The server sends no more.")
        with part.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def upload_labels(
        self, clip_id: str, format_name: str, files: Iterable[str | Path], stride: int = 1
    ) -> dict[str, Any]:
        """Send pre-labels for a clip in one of the server's formats; gives the report by line.

        Folders are sent with what they hold. Raises ServerError with ``report`` when a line does
        not hold: then nothing is kept.
        """
        boundary = uuid.uuid4().hex
        fields = [("format", format_name), ("stride", str(stride))]
        parts: list[bytes] = []
        sent = [row for path in files for row in _walk(Path(path))]
        for key, value in [*fields, *(("paths", name) for name, _ in sent)]:
            parts.append(_part(boundary, f'name="{key}"', value.encode()))
        for name, content in sent:
            plain = PurePosixPath(name).name.replace('"', "_")
            parts.append(_part(boundary, f'name="files"; filename="{plain}"', content))
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self._json(
            f"/api/v1/clips/{clip_id}/labels/import/",
            data=body,
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )

    def _json(self, path: str, **more: Any) -> dict[str, Any]:
        with self._open(path, **more) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def _open(
        self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            f"{self.url}{path}",
            data=data,
            headers={"Authorization": f"Bearer {self._token}", **(headers or {})},
        )
        try:
            return urllib.request.urlopen(request, timeout=self._timeout_s)  # noqa: S310
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except urllib.error.URLError as error:
            raise ServerError(0, "unreachable", f"not reached: {error.reason}") from None


def _refusal(error: urllib.error.HTTPError) -> ServerError:
    try:
        told = json.loads(error.read())["error"]
        words = f"{told['message']} {told.get('remedy', '')}".strip()
        return ServerError(error.code, told["code"], words, told.get("report"))
    except (ValueError, KeyError, TypeError):
        return ServerError(error.code, "http", f"HTTP {error.code}")


def _part(boundary: str, disposition: str, content: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def _walk(path: Path) -> list[tuple[str, bytes]]:
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file())
        return [(p.relative_to(path).as_posix(), p.read_bytes()) for p in inside]
    return [(path.name, path.read_bytes())]


def _unpack(archive: Path, place: Path, name: str) -> Release:
    """Unpack beside the place and move there when it is whole. Raises ServerError for a name that
    would leave the folder."""
    half = place / f"{name}.half"
    shutil.rmtree(half, ignore_errors=True)
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            parts = PurePosixPath(entry.filename).parts
            if parts[0] != name or ".." in parts or len(parts) < 2:
                raise ServerError(0, "altered", "The archive holds a file of another place.")
        packed.extractall(half)
    target = place / name
    shutil.rmtree(target, ignore_errors=True)
    (half / name).rename(target)
    half.rmdir()
    return Release(target)
