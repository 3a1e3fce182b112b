import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.domain.ranges import MAX_ANSWER_BYTES, plan

ETAG = '"abc"'
SIZE = 10 << 20


def outcome(header, size=1000, if_range=None):
    made = plan(header, if_range, size, ETAG)
    return made.status, made.start, made.end


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (206, 0, 1)),
        ("bytes=0-499", (206, 0, 500)),
        ("bytes=500-", (206, 500, 1000)),
        ("bytes=-1", (206, 999, 1000)),
        ("bytes=-5000", (206, 0, 1000)),
        ("bytes=990-5000", (206, 990, 1000)),
        ("Bytes = 1 - 2", (206, 1, 3)),
        ("bytes=,1-2,", (206, 1, 3)),
    ],
)
def test_one_range_is_answered_in_part(header, expected):
    assert outcome(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1-2-3",
        "items=0-1",
        "bytes=0x1-2",
        "bytes=+1-2",
        "bytes=1-2;x",
        "bytes=٣-4",
        "bytes=" + "0-1," * 17,
        "bytes=" + "9" * 30 + "-",
    ],
)
def test_no_range_or_one_that_means_nothing_gets_the_whole(header):
    assert outcome(header) == (200, 0, 1000)


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0"])
def test_a_range_outside_is_refused_with_the_size(header):
    made = plan(header, None, 1000, ETAG)
    assert made.status == 416
    assert made.headers["Content-Range"] == "bytes */1000"


def test_an_empty_file_has_no_range():
    assert outcome("bytes=0-", size=0) == (416, 0, 0)
    assert outcome(None, size=0) == (200, 0, 0)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        (ETAG, 206),
        ('"old"', 200),
        ('W/"abc"', 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
    ],
)
def test_if_range_holds_only_for_the_same_strong_tag(if_range, status):
    assert outcome("bytes=0-1", if_range=if_range)[0] == status


def test_several_ranges_are_joined_where_they_touch_and_ignored_where_not():
    assert outcome("bytes=0-9,10-19") == (206, 0, 20)
    assert outcome("bytes=0-9,2000-") == (206, 0, 10)
    assert outcome("bytes=0-9,50-59") == (200, 0, 1000)


def test_an_answer_is_capped_and_says_how_much_it_holds():
    made = plan("bytes=100-", None, SIZE, ETAG)
    assert (made.status, made.start, made.end) == (206, 100, 100 + MAX_ANSWER_BYTES)
    assert made.headers["Content-Range"] == f"bytes 100-{99 + MAX_ANSWER_BYTES}/{SIZE}"
    assert made.headers["Content-Length"] == str(MAX_ANSWER_BYTES)
    assert plan(None, None, SIZE, ETAG).end == SIZE


@given(
    st.text(max_size=40) | st.from_regex(r"bytes=[0-9,\- ]{0,30}", fullmatch=True),
    st.integers(0, 10**7),
)
def test_no_header_gives_bytes_outside_the_file(header, size):
    made = plan(header, None, size, ETAG)
    assert made.status in (200, 206, 416)
    assert 0 <= made.start <= made.end <= size
    if made.status == 206:
        assert 0 < made.end - made.start <= MAX_ANSWER_BYTES


@given(st.integers(1, 40 << 20))
def test_a_client_that_asks_on_gets_every_byte_once(size):
    at = 0
    while at < size:
        made = plan(f"bytes={at}-", None, size, ETAG)
        assert (made.status, made.start) == (206, at)
        at = made.end
    assert at == size
