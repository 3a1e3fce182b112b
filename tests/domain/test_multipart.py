"""A multipart body is read the same however it is cut on its way, and a cut one is never whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.intake.domain.multipart import BodyCut, MalformedBody, MultipartReader

BOUNDARY = "b0und"
CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=200),
        # Whatever nearly is the delimiter.
        st.text(alphabet="\r\n-b0undx \t", max_size=60).map(str.encode),
    ),
    max_size=5,
).filter(lambda parts: all(not is_delimiter_in(b"\r\n" + part) for part in parts))


def is_delimiter_in(content: bytes) -> bool:
    import re

    # Followed by the end: what comes after may make it one.
    return re.search(rb"\r\n--b0und(--|-?\Z|[ \t]*\r\n|[ \t]*\r?\Z)", content) is not None


def body(parts: list[bytes], headers: bytes = b"Content-Type: application/dicom\r\n") -> bytes:
    joined = b"".join(b"\r\n--b0und\r\n" + headers + b"\r\n" + part for part in parts)
    return joined[2:] + b"\r\n--b0und--\r\n"


def reading(data: bytes, sizes: list[int]) -> Callable[[int], bytes]:
    source, turns = io.BytesIO(data), cycle(sizes)
    return lambda size: source.read(min(size, next(turns)))


def parts_of(data: bytes, sizes: list[int]) -> list[bytes]:
    reader = MultipartReader(reading(data, sizes), BOUNDARY)
    return [b"".join(part.blocks()) for part in reader.parts()]


@given(CONTENTS.filter(bool), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_parts_come_out_as_they_went_in_however_the_body_is_cut(parts, sizes):
    assert parts_of(body(parts), sizes) == parts
    assert parts_of(b"preamble\r\n" + body(parts, headers=b"") + b"epilogue", sizes) == parts


@given(CONTENTS.filter(bool), st.data())
def test_a_body_that_ends_early_is_said_to_be_cut(parts, data):
    whole = body(parts)
    end = data.draw(st.integers(0, len(whole) - len(b"--\r\n") - 1))
    taken = []
    with pytest.raises(BodyCut):
        for part in MultipartReader(reading(whole[:end], [7, 30]), BOUNDARY).parts():
            taken.append(b"".join(part.blocks()))
    assert taken == parts[: len(taken)]


def test_a_part_that_is_not_taken_is_skipped():
    reader = MultipartReader(reading(body([b"one", b"two"]), [3]), BOUNDARY)
    assert [part.headers for part in reader.parts()] == [{"content-type": "application/dicom"}] * 2


@pytest.mark.parametrize("headers", [b"no colon\r\n", b"X: " + b"y" * 20_000 + b"\r\n"])
def test_headers_that_are_none_or_too_long_are_malformed(headers):
    with pytest.raises(MalformedBody):
        parts_of(body([b"x"], headers), [1 << 18])


def test_headers_without_end_are_not_held_for_ever():
    asked = 0

    def read(size: int) -> bytes:
        nonlocal asked
        asked += size
        return b"--b0und\r\nX: " if asked == size else b"y" * size

    with pytest.raises(MalformedBody):
        list(MultipartReader(read, BOUNDARY).parts())
    assert asked < 2 << 20


def test_a_boundary_longer_than_the_standards_seventy_is_taken():
    boundary = "-".join(2 * ["0490612a-6053-4f1c-a3e6-b96d5af227db"])
    body = io.BytesIO(f"--{boundary}\r\n\r\npart\r\n--{boundary}--\r\n".encode())
    (part,) = (b"".join(part.blocks()) for part in MultipartReader(body.read, boundary).parts())
    assert part == b"part"


@pytest.mark.parametrize("boundary", ["", "x" * 201, "ends in space ", "line\r\nbreak", "ä"])
def test_a_boundary_that_is_none_is_refused(boundary):
    with pytest.raises(ValueError, match="boundary"):
        MultipartReader(lambda _: b"", boundary)
