"""Bare AES-256-GCM over 1 MiB segments in memory: what any encrypted read costs at least.

python -m bench.baselines.aes_gcm
"""

from __future__ import annotations

import io
import os
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEGMENT_BYTES = 1 << 20


def prepare(n_segments: int) -> tuple[AESGCM, io.BytesIO]:
    """A key and ``n_segments`` ciphertexts of 1 MiB each, one after the other."""
    key = AESGCM(os.urandom(32))
    stored = io.BytesIO()
    for number in range(n_segments):
        plain = os.urandom(SEGMENT_BYTES - 16)
        stored.write(key.encrypt(number.to_bytes(12, "big"), plain, None))
    return key, stored


def read(key: AESGCM, stored: io.BytesIO) -> int:
    """Read and decrypt all of them in order; bytes of plaintext."""
    stored.seek(0)
    number = size_bytes = 0
    while segment := stored.read(SEGMENT_BYTES):
        size_bytes += len(key.decrypt(number.to_bytes(12, "big"), segment, None))
        number += 1
    return size_bytes


def read_one(key: AESGCM, stored: io.BytesIO, number: int) -> int:
    """Read and decrypt one of them; bytes of plaintext."""
    stored.seek(number * SEGMENT_BYTES)
    segment = stored.read(SEGMENT_BYTES)
    return len(key.decrypt(number.to_bytes(12, "big"), segment, None))


if __name__ == "__main__":
    prepared = prepare(64)
    began = time.perf_counter()
    size_bytes = read(*prepared)
    print(f"{size_bytes / (time.perf_counter() - began) / 1e6:.0f} MB/s")
