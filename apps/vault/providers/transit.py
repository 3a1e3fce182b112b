"""Keys that never leave a key server: the transit engine of OpenBao or HashiCorp Vault, by HTTP.

The server's key must be of an AEAD type (``aes256-gcm96``, ``chacha20-poly1305``): a wrapped key is
bound to its purpose by ``associated_data``. The token needs ``update`` on ``encrypt/<key>`` and
``decrypt/<key>`` and ``read`` on ``keys/<key>``; for rotation also ``update`` on
``keys/<key>/rotate``, for retiring on ``keys/<key>/config``.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

from apps.vault.domain.sealed import SealBrokenError
from apps.vault.providers import KeyProviderError

TIMEOUT_S = 5.0
# An unwrapped key is kept so long: each opened file would ask the server otherwise. What is
# destroyed is not asked for any more, because its row is read first.
KEPT_S = 300.0
_KEPT = 512


class Transit:
    """``url`` of the server, ``mount`` of the engine, ``key``'s name; the token from a file that is
    read each time (an agent renews it), or given; ``ca_file`` where the system does not know the
    server's authority."""

    name, makes_keys = "transit", True

    def __init__(
        self, url: str, key: str, mount: str, token: str, token_file: str, ca_file: str
    ) -> None:
        self._at, self._mount, self._key = urlsplit(url), mount.strip("/"), key
        self._token, self._token_file, self._ca_file = token, token_file, ca_file
        self._kept: OrderedDict[tuple[bytes, str], tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()

    def key_id(self) -> str:
        return self._id(int(self._ask("GET", f"keys/{quote(self._key)}")["latest_version"]))

    def _id(self, version: int) -> str:
        return f"transit:{self._mount}/{self._key}/{version}"

    def owns(self, key_id: str) -> bool:
        return key_id.startswith("transit:")

    def wrap(self, key: bytes, purpose: str) -> tuple[str, bytes]:
        asked = {"plaintext": _b64(key), "associated_data": _b64(purpose.encode())}
        told = str(self._ask("POST", f"encrypt/{quote(self._key)}", asked)["ciphertext"])
        return self._id(int(told.split(":")[1].removeprefix("v"))), told.encode("ascii")

    def unwrap(self, key_id: str, wrapped: bytes, purpose: str) -> bytes:
        now = time.monotonic()
        with self._lock:
            until, key = self._kept.get((wrapped, purpose), (0.0, b""))
            if until > now:
                return key
        # The name stands in the id: a site may go on with another key beside the older one.
        mount, _, rest = key_id.removeprefix("transit:").rpartition("/")[0].rpartition("/")
        asked = {"ciphertext": wrapped.decode("ascii"), "associated_data": _b64(purpose.encode())}
        told = self._ask("POST", f"decrypt/{quote(rest)}", asked, mount=mount)
        key = base64.b64decode(told["plaintext"])
        with self._lock:
            self._kept[(wrapped, purpose)] = now + KEPT_S, key
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return key

    def rotate(self) -> str:
        self._ask("POST", f"keys/{quote(self._key)}/rotate", {})
        return self.key_id()

    def retire(self, keep: set[str]) -> None:
        versions = [
            int(key_id.rpartition("/")[2])
            for key_id in {*keep, self.key_id()}
            if key_id.rpartition("/")[0] == self._id(0).rpartition("/")[0]
        ]
        lowest = {"min_decryption_version": min(versions)}
        self._ask("POST", f"keys/{quote(self._key)}/config", lowest)

    def root(self) -> None:
        return None

    def _bearer(self) -> str:
        if not self._token_file:
            return self._token
        try:
            return Path(self._token_file).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise KeyProviderError(
                "CLINICAL_ANNOT_TRANSIT_TOKEN_FILE cannot be read by this process"
            ) from None

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._at.hostname or "", self._at.port
        if self._at.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
        except OSError:
            raise KeyProviderError(
                "CLINICAL_ANNOT_TRANSIT_CA_FILE does not hold certificates"
            ) from None
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, mount: str = ""
    ) -> dict[str, Any]:
        """The answer's ``data``. Raises KeyProviderError, or SealBrokenError for a ciphertext that
        the server does not take."""
        where = f"{self._at.path.rstrip('/')}/v1/{quote(mount or self._mount)}/{path}"
        headers = {"X-Vault-Token": self._bearer(), "Content-Type": "application/json"}
        line = self._connection()
        try:
            line.request(method, where, None if body is None else json.dumps(body), headers)
            answer = line.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise KeyProviderError(
                f"CLINICAL_ANNOT_TRANSIT_URL: the key server does not answer "
                f"({type(error).__name__})"
            ) from None
        finally:
            line.close()
        if answer.status == 400 and path.startswith("decrypt/"):
            raise SealBrokenError("the key server cannot unwrap this key")
        if answer.status not in (200, 204):
            raise KeyProviderError(
                f"CLINICAL_ANNOT_TRANSIT_URL: the key server answers {answer.status} to "
                f"{method} {path.partition('/')[0]}; check CLINICAL_ANNOT_TRANSIT_KEY, the token "
                "and its policy"
            )
        try:
            told = json.loads(raw)["data"] if raw else {}
        except (ValueError, KeyError, TypeError):
            raise KeyProviderError(
                "CLINICAL_ANNOT_TRANSIT_URL: the answer is none of a transit engine"
            ) from None
        return dict(told or {})


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
