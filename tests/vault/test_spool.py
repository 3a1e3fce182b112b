"""What waits for the rest of its file waits encrypted, and takes no memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apps.vault.domain.spool import SealedSpool


def test_what_was_written_is_read_back_from_any_place() -> None:
    data = os.urandom(6 << 20)
    with SealedSpool() as spool:
        for start in range(0, len(data), 700_001):
            spool.write(data[start : start + 700_001])
        reader = spool.reader()
        assert spool.size_bytes == len(data) and reader.read() == data
        for place in (0, 4_999_999, 1 << 20, 6_291_400):
            reader.seek(place)
            assert reader.read(100) == data[place : place + 100]
        with pytest.raises(ValueError, match="finished"):
            spool.write(b"more")


def test_no_name_and_no_plaintext_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with SealedSpool() as spool:
        for _ in range(6):
            spool.write(b"MORGAN-LEVY^ANA " * (1 << 16))
        assert list(tmp_path.iterdir()) == []
        opened = [
            Path(f"/proc/self/fd/{number}")
            for number in os.listdir("/proc/self/fd")
            if os.path.realpath(f"/proc/self/fd/{number}").startswith(str(tmp_path))
        ]
        stored = b"".join(path.read_bytes() for path in opened)
        assert len(stored) > 4 << 20
        assert b"MORGAN" not in stored
