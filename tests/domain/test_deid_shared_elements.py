"""What is made once for a study's instances is what each of them would have been given alone."""

from __future__ import annotations

import io
import random
from itertools import cycle, islice

from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from apps.deid.domain.elements import raw_items
from apps.deid.domain.encode import encode_elements
from apps.deid.domain.harvest import Harvest, harvest_identifiers
from apps.deid.domain.header import DeidContext, HeaderResult, deidentify_dataset
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.pattern_search import PatternSearch, prepare
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.reasons import Refused
from apps.deid.domain.write import write_instance
from tests.domain import deid_corpus as corpus
from tests.planted import corpus as planted

RESEARCH, BASIC = load_builtin("research"), load_builtin("basic")


def copied(harvest: Harvest) -> Harvest:
    """An equal one, of which nothing was made yet."""
    return Harvest({kind: set(found) for kind, found in harvest.values.items()})


def cleaned(data: bytes, harvest: Harvest, **given_: object) -> HeaderResult:
    settings_ = {"profile": RESEARCH, "uid_key": b"k" * 32, "date_offset_s": -8_640_123} | given_
    context = DeidContext(pseudonym="P-A", harvest=harvest, pixels_confirmed=True, **settings_)
    return deidentify_dataset(parse_instance(io.BytesIO(data)).dataset, context)


def told(result: HeaderResult, with_known: bool = True) -> tuple[object, ...]:
    out = io.BytesIO()
    known = result.as_written.of if with_known else None
    write_instance(out, result.dataset, "1.2.840.10008.1.2.1", None, known)
    return (out.getvalue(), result.actions, result.kept, result.removed, result.written)


def harvest_of(files: list[bytes]) -> Harvest:
    known = Harvest()
    for data in files:
        parsed = parse_instance(io.BytesIO(data))
        known = known.merge(harvest_identifiers(parsed.dataset, file_meta=parsed.file_meta))
    return known


def test_every_instance_comes_out_as_if_it_were_the_first_of_its_study() -> None:
    files = [corpus.as_file(ds).getvalue() for ds in corpus.all_instances()]
    files += [made.data for made in islice(planted(11, 1), 3)]
    n_shared = 0
    for data, profile in zip(files, cycle((RESEARCH, BASIC))):
        known = harvest_of([data])
        alone = told(cleaned(data, copied(known), profile=profile), with_known=False)
        cleaned(data, known, profile=profile)
        again = cleaned(data, known, profile=profile)
        n_shared += len(again.as_written.known)
        assert told(again) == alone == told(again, with_known=False)
    assert n_shared > 300


def test_what_it_is_cleaned_with_is_never_taken_from_another_run() -> None:
    data = corpus.as_file(corpus.ultrasound_cine()).getvalue()
    known = harvest_of([data])
    runs = [
        {},
        {"uid_key": b"o" * 32},
        {"date_offset_s": -9_000_000},
        {"profile": BASIC, "date_offset_s": None},
        {"profile": RESEARCH.without(frozenset({0x00186011}))},
    ]
    for run in [*runs, *reversed(runs)]:
        assert told(cleaned(data, known, **run)) == told(cleaned(data, copied(known), **run))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_an_instance_that_differs_by_a_byte_is_cleaned_by_its_own_bytes(data) -> None:
    source = corpus.as_file(corpus.ultrasound_cine()).getvalue()
    known = harvest_of([source])
    cleaned(source, known)
    changed = bytearray(source)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(140, len(source) - 1))
        changed[place] = data.draw(st.integers(32, 126))
    try:
        alone = told(cleaned(bytes(changed), copied(known)), with_known=False)
    except Refused as refusal:
        try:
            cleaned(bytes(changed), known)
        except Refused as again:
            assert (again.reason, again.place) == (refusal.reason, refusal.place)
            return
        raise AssertionError("refused alone, taken in its study") from None
    assert told(cleaned(bytes(changed), known)) == alone


def test_an_element_that_is_set_on_the_result_is_written_as_it_was_set() -> None:
    data = corpus.as_file(corpus.ultrasound_cine()).getvalue()
    known = harvest_of([data])
    for _ in range(2):
        result = cleaned(data, known)
        result.dataset.Rows, result.dataset.Modality = 77, "OT"
        new = Dataset()
        new.Rows, new.Modality = 77, "OT"
        for tag, element in raw_items(new):
            assert result.as_written.of(result.dataset[tag]) is None
            one = encode_elements(result.dataset, [tag], result.as_written.of)
            assert one == encode_elements(new, [element.tag])
    # The next instance of the study has its own again.
    assert told(cleaned(data, known)) == told(cleaned(data, copied(known)))


def test_the_search_finds_what_a_plain_search_finds_in_any_case_and_place() -> None:
    chance = random.Random(8)
    for _ in range(60):
        letters = chance.choice([b"abAB", b"aZ09\x00", bytes(range(256))])
        words = [
            bytes(chance.choices(letters, k=chance.randint(6, 12)))
            for _ in range(chance.randint(1, 30))
        ]
        exact, caseless = words[::2], [word.lower() for word in words[1::2]]
        data = bytearray(chance.choices(letters, k=chance.randint(0, 3000)))
        for word in words:
            if len(data) > len(word):
                place = chance.randrange(len(data) - len(word))
                data[place : place + len(word)] = chance.choice([word, word.upper()])
        found = set(PatternSearch([(prepare(caseless, exact), "id")]).matches(bytes(data)))
        lowered = bytes(data).lower()
        expected = {
            (at, "id", word)
            for words_, text in ((exact, bytes(data)), (caseless, lowered))
            for word in words_
            for at in range(len(data))
            if text.startswith(word, at)
        }
        assert found == expected
