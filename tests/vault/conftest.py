from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.vault import master
from tests.vault.servers import STORE_CREDENTIALS, KeyServer, Store, key_server, s3_store


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyServer]:
    with key_server(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture
def transit(openbao: KeyServer, settings: Any, request: Any) -> Iterator[dict[str, str]]:
    """The transit provider chosen, with a key of this test's own."""
    name = f"k{abs(hash(request.node.nodeid)):x}"
    openbao.ask("POST", f"transit/keys/{name}", {"type": "aes256-gcm96"})
    settings.CLINICAL_ANNOT_KEY_PROVIDER = "transit"
    settings.CLINICAL_ANNOT_TRANSIT = {
        "url": openbao.url,
        "key": name,
        "mount": "transit",
        "token": openbao.token,
        "token_file": "",
        "ca_file": "",
    }
    yield settings.CLINICAL_ANNOT_TRANSIT
    # What this process remembers was wrapped in a database that is rolled back now.
    master.forget()


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STORE_CREDENTIALS.items():
            patch.setenv(name, value)
        with s3_store(tmp_path_factory.mktemp("seaweedfs")) as store:
            yield store


@pytest.fixture
def s3(seaweedfs: Store, settings: Any, request: Any) -> Store:
    """The store chosen, with a prefix of this test's own."""
    prefix = f"p{abs(hash(request.node.nodeid)):x}"
    settings.CLINICAL_ANNOT_STORAGE = f"s3://{seaweedfs.bucket}/{prefix}"
    settings.CLINICAL_ANNOT_S3_ENDPOINT = seaweedfs.endpoint
    settings.CLINICAL_ANNOT_S3_REGION = "us-east-1"
    return seaweedfs
