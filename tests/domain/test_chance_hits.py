"""Digits that equal an identifier by chance stop nothing, and nothing hides behind them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from apps.deid.domain import pipeline
from apps.deid.domain.chance import is_part_of_a_number, runs_of_digits
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.header import DeidContext
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.scan import Finding
from tests.domain import deid_corpus as corpus

RESEARCH = load_builtin("research")
BIRTH = "19610427"
KNOWN = Harvest({"date": {BIRTH}, "id": {"MRN-20741885", "83001992"}, "name": {"Zyxwood^Anna"}})


def produced(ds: Dataset, known: Harvest = KNOWN, offset_s: int = -8_640_123) -> tuple:
    """(new data set, findings in places) of an instance whose subject's harvest is ``known``."""
    context = DeidContext(
        profile=RESEARCH, uid_key=b"k" * 32, pseudonym="P-A", date_offset_s=offset_s,
        harvest=known, pixels_confirmed=True, visual_features_confirmed=True,
    )  # fmt: skip
    out = io.BytesIO()
    made = pipeline.produce(corpus.as_file(ds), out, context, {"boxes": [], "spans": []})
    known = made.header.harvest
    checked = pipeline.check(
        out, known, RESEARCH, made.header, None, None, look_for_text=False
    )  # fmt: skip
    return parse_instance(out).dataset, checked.findings


def cine(pixels: np.ndarray | None = None) -> Dataset:
    ds = corpus.ultrasound_cine()
    if pixels is not None:
        ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape[:3]
        ds.FrameTimeVector = ["0", *["33"] * (len(pixels) - 1)]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        del ds.PlanarConfiguration
        region = ds.SequenceOfUltrasoundRegions[0]
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = ds.Columns - 1, ds.Rows - 1
        ds.PixelData = pixels.astype(np.uint8).tobytes()
        ds["PixelData"].VR = "OB"
    return ds


@pytest.mark.parametrize(
    "number", ["0.119610427", "-7.196104273E-3", "219610427.5", "1.2074188599", "583001992"]
)
def test_a_longer_number_that_holds_an_identifiers_digits_is_kept_and_stops_nothing(
    number: str,
) -> None:
    ds = cine()
    ds.HeartRate, ds.FrameDelay = "71", number
    ds.SequenceOfUltrasoundRegions[0].add_new(0x00181110, "DS", ["1.5", number])
    kept, findings = produced(ds)
    assert findings == ()
    assert str(kept.FrameDelay.original_string) == number
    region = kept.SequenceOfUltrasoundRegions[0]
    assert region[0x00181110].value[1].original_string == number


@pytest.mark.parametrize(
    "number", [BIRTH, f"00{BIRTH}", f"{BIRTH}.0", f"0.{BIRTH}", f"{BIRTH}000", f"1.{BIRTH}0",
               "-20741885", "83001992.25", "0.830019920"],
)  # fmt: skip
def test_a_number_that_is_an_identifier_goes_and_stops_nothing(number: str) -> None:
    ds = cine()
    ds.FrameDelay = number
    ds.SequenceOfUltrasoundRegions[0].add_new(0x00181110, "DS", ["1.5", number])
    kept, findings = produced(ds)
    assert findings == ()
    assert "FrameDelay" not in kept
    assert 0x00181110 not in kept.SequenceOfUltrasoundRegions[0]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.text("0123456789", min_size=1, max_size=13), min_size=1, max_size=6),
    st.integers(0, 5),
    st.integers(0, 8),
)
def test_no_number_stops_an_instance_whatever_digits_it_has(
    digits: list[str], which: int, place: int
) -> None:
    one = digits[which % len(digits)]
    digits[which % len(digits)] = (one[:place] + BIRTH + one[place:])[:13]
    numbers = [f"{text[:3]}.{text[3:]}" if len(text) > 5 else text for text in digits]
    ds = cine()
    ds.SequenceOfUltrasoundRegions[0].add_new(0x00181110, "DS", numbers)
    kept, findings = produced(ds)
    assert findings == ()
    left = kept.SequenceOfUltrasoundRegions[0].get(0x00181110)
    for number in left.value if left is not None and len(numbers) > 1 else ():
        # What stayed is more than the identifier and zeros.
        assert BIRTH not in runs_of_digits(number.original_string)


def test_a_moved_moment_may_hold_an_identifiers_digits() -> None:
    # Moved by nothing but a day, so that its middle reads as another date: 1204 19 31.
    ds = cine()
    ds.AcquisitionDateTime = "20211205193107"
    known = Harvest({"date": {"19311204"}, "name": {"Zyxwood^Anna"}})
    kept, findings = produced(ds, known, offset_s=-86_400)
    assert kept.AcquisitionDateTime == "20211204193107"
    assert findings == ()


def test_what_was_put_behind_the_rules_is_found_in_every_place() -> None:
    """The same digits where nobody vouches for them."""
    from apps.deid.domain.header import deidentify_dataset
    from apps.deid.domain.write import write_instance

    context = DeidContext(
        profile=RESEARCH, uid_key=b"k" * 32, pseudonym="P-A", date_offset_s=-8_640_123,
        harvest=KNOWN, pixels_confirmed=True,
    )  # fmt: skip
    header = deidentify_dataset(parse_instance(corpus.as_file(cine())).dataset, context)
    del header.dataset[0x00280008]
    for tag, vr, value in (
        (0x00181110, "DS", BIRTH), (0x00181110, "DS", f"0.{BIRTH}"), (0x00181110, "IS", "83001992"),
        (0x00181030, "LO", f"7{BIRTH}7"), (0x0008002A, "DT", f"{BIRTH}120000"),
        (0x00120063, "LO", f"ab{BIRTH}"), (0x00280034, "IS", ["1", "20741885"]),
    ):  # fmt: skip
        ds = Dataset()
        ds.update(header.dataset)
        ds.add_new(tag, vr, value)
        out = io.BytesIO()
        write_instance(out, ds, "1.2.840.10008.1.2.1")  # type: ignore[arg-type]
        checked = pipeline.check(
            out, header.harvest, RESEARCH, header, None, None, look_for_text=False
        )  # fmt: skip
        assert "file" in {found.place for found in checked.findings}, (tag, value)


def test_samples_that_read_as_digits_by_chance_stop_nothing_but_text_among_samples_does() -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(48, 58, (4, 256, 512))
    noise[1, 100, 40:48] = list(BIRTH.encode())
    _, findings = produced(cine(noise))
    assert findings == ()
    tissue = rng.normal(120, 6, (4, 256, 512)).clip(0, 255)
    for text in (f"MRN {BIRTH}", "ZYXWOOD^ANNA", "Zyxwood"):
        planted = tissue.copy()
        planted[2, 9, 30 : 30 + len(text)] = list(text.encode())
        _, findings = produced(cine(planted))
        assert {found.place for found in findings} == {"file"}, text
    # Written again and again is no chance, in whatever samples.
    for row in range(0, 256, 16):
        noise[2, row, 7:15] = list(BIRTH.encode())
    _, findings = produced(cine(noise))
    assert findings == (Finding("file", "date"),)


def test_digits_are_part_of_a_number_only_beside_other_digits() -> None:
    assert is_part_of_a_number(b"219610427", 1, 9)
    assert is_part_of_a_number(b"1961042701", 0, 8)
    for text, start in ((b"00019610427", 3), (b"19610427000", 0), (b"5.19610427", 2)):
        assert not is_part_of_a_number(text, start, start + 8)
    assert runs_of_digits("00120.1234567800") == ["12345678", "123456780", "1234567800"]
