"""The vault's file format against Tink's own package, both ways, and against damage."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.vault.domain.streaming_aead import (
    SEGMENT_BYTES,
    DecryptingReader,
    EncryptingWriter,
    VaultCorruptError,
    plaintext_size_bytes,
)

KEY = bytes(range(32))
SIZES = [0, 1, 1000, SEGMENT_BYTES - 56, SEGMENT_BYTES - 55, SEGMENT_BYTES, 3 * SEGMENT_BYTES + 7]


def _data(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def _encrypt(data: bytes, chunk: int = 70_001, executor: Executor | None = None) -> bytes:
    sink = io.BytesIO()
    writer = EncryptingWriter(sink, KEY, b"file", executor)
    for at in range(0, len(data), chunk):
        writer.write(data[at : at + chunk])
    writer.close()
    return sink.getvalue()


def _tink():
    import tink
    from tink import cleartext_keyset_handle, streaming_aead
    from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        key_value=KEY,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT_BYTES,
            derived_key_size=32,
            hkdf_hash_type=common_pb2.SHA256,
        ),
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = key.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = cleartext_keyset_handle.read(tink.BinaryKeysetReader(keyset.SerializeToString()))
    return handle.primitive(streaming_aead.StreamingAead)


@pytest.mark.parametrize("size", SIZES)
def test_tink_reads_what_we_write_and_we_read_what_tink_writes(size):
    data, primitive = _data(size), _tink()
    with primitive.new_decrypting_stream(io.BytesIO(_encrypt(data)), b"file") as stream:
        assert stream.read() == data
    sink = io.BytesIO()
    sink.close = lambda: None
    with primitive.new_encrypting_stream(sink, b"file") as stream:
        stream.write(data)
    assert DecryptingReader(io.BytesIO(sink.getvalue()), KEY, b"file").read() == data


@pytest.fixture
def beside() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.mark.parametrize("size", [*SIZES, 9 * SEGMENT_BYTES])
def test_what_another_thread_seals_reads_as_it_was_written(size, beside):
    data = _data(size)
    assert (
        DecryptingReader(io.BytesIO(_encrypt(data, 1 << 17, beside)), KEY, b"file").read() == data
    )


class _Full(io.BytesIO):
    """Takes so many segments and no more."""

    def write(self, data):
        if self.tell() >= 3 * SEGMENT_BYTES:
            raise OSError(errno.ENOSPC, "full")
        return super().write(data)


@pytest.mark.parametrize("size", [4 * SEGMENT_BYTES, 9 * SEGMENT_BYTES])
def test_a_failure_in_the_other_thread_is_the_writers(size, beside):
    writer = EncryptingWriter(_Full(), KEY, b"file", beside)
    with pytest.raises(OSError, match="full"):
        writer.write(_data(size))
        writer.close()
    writer.drop()


def test_a_sink_is_done_with_once_its_file_was_dropped(beside):
    """Its descriptor may be another file's after that."""
    begun, go, ended = threading.Event(), threading.Event(), []

    class Slow(io.BytesIO):
        def write(self, data):
            if self.tell():
                begun.set()
                go.wait(10)
                ended.append(threading.current_thread())
            return super().write(data)

    writer = EncryptingWriter(Slow(), KEY, b"file", beside)
    writer.write(_data(2 * SEGMENT_BYTES + 5))
    assert begun.wait(10) and not ended
    threading.Timer(0.05, go.set).start()
    writer.drop()
    assert len(ended) == 1 and ended[0] is not threading.current_thread()
    with pytest.raises(ValueError, match="finished"):
        writer.write(b"more")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_read_from_any_place_is_the_same_as_a_slice(data):
    plain = _data(2 * SEGMENT_BYTES + 99)
    reader = DecryptingReader(io.BytesIO(_SEALED), KEY, b"file")
    start = data.draw(st.integers(0, len(plain) + 10))
    count = data.draw(st.integers(0, len(plain)))
    reader.seek(start)
    assert reader.read(count) == plain[start : start + count]


_SEALED = _encrypt(_data(2 * SEGMENT_BYTES + 99))


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s[:-1],
        lambda s: s[:SEGMENT_BYTES],
        lambda s: s[: 2 * SEGMENT_BYTES],
        lambda s: s + s[-200:],
        lambda s: (
            s[:SEGMENT_BYTES] + s[SEGMENT_BYTES : 2 * SEGMENT_BYTES] * 2 + s[2 * SEGMENT_BYTES :]
        ),
        lambda s: s[:100] + bytes([s[100] ^ 1]) + s[101:],
        lambda s: s[:10] + bytes([s[10] ^ 1]) + s[11:],
        lambda s: s[:20],
        lambda s: b"",
    ],
)
def test_damage_is_an_error_that_names_the_file(damage):
    with pytest.raises(VaultCorruptError, match="clip 7"):
        DecryptingReader(io.BytesIO(damage(_SEALED)), KEY, b"file", name="clip 7").read()


_LONG = _encrypt(_data(6 * SEGMENT_BYTES + 99))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 6 * SEGMENT_BYTES), st.integers(0, 5 * SEGMENT_BYTES))),
)
def test_buffers_that_are_used_again_never_show_another_segments_bytes(kept, reads):
    plain = _data(6 * SEGMENT_BYTES + 99)
    reader = DecryptingReader(io.BytesIO(_LONG), KEY, b"file", cache_segments=kept)
    held = []
    for start, count in reads:
        reader.seek(start)
        held.append((start, count, reader.read(count)))
    for start, count, got in held:
        assert got == plain[start : start + count]


def test_after_a_damaged_segment_the_others_are_read_as_before():
    damaged = bytearray(_LONG)
    damaged[3 * SEGMENT_BYTES + 500] ^= 1
    plain = _data(6 * SEGMENT_BYTES + 99)
    reader = DecryptingReader(io.BytesIO(damaged), KEY, b"file", cache_segments=1)
    for start in (0, 3 * SEGMENT_BYTES, 5 * SEGMENT_BYTES, 3 * SEGMENT_BYTES, 10):
        reader.seek(start)
        if start == 3 * SEGMENT_BYTES:
            with pytest.raises(VaultCorruptError, match="segment 3"):
                reader.read(2000)
        else:
            assert reader.read(2000) == plain[start : start + 2000]


def test_a_file_that_becomes_shorter_while_it_is_open_is_damaged():
    source = io.BytesIO(_LONG)
    reader = DecryptingReader(source, KEY, b"file")
    source.truncate(4 * SEGMENT_BYTES + 77)
    reader.seek(4 * SEGMENT_BYTES)
    with pytest.raises(VaultCorruptError, match="segment 4"):
        reader.read(10)


def test_a_file_does_not_open_as_another_file():
    with pytest.raises(VaultCorruptError):
        DecryptingReader(io.BytesIO(_SEALED), KEY, b"other").read()


@pytest.mark.parametrize("size", SIZES)
def test_the_plain_size_is_known_from_the_stored_size(size):
    assert plaintext_size_bytes(len(_encrypt(_data(size)))) == size
