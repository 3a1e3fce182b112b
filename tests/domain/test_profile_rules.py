"""What a profile may say, and where it is looser than the basic one."""

from __future__ import annotations

import pytest

from apps.deid.domain.profile import OPTION_CODES, ProfileError, load_builtin, load_profile
from apps.deid.domain.strictness import attributes_retained, relaxations

HEAD = "name: ours\nversion: 1\n"
CLEAN = "options: [clean_pixel_data, clean_visual_features, clean_descriptors]\n"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("options: [retain_full_dates, retain_modified_dates]", "options"),
        ("options: clean_pixel_data", "options"),
        ("options: [retain_safe_private]", "private.keep_safe_list"),
        ("private: {keep_safe_list: true}", "private.keep_safe_list"),
        ("private: {keep_all: true}", "private"),
        ("dates: {method: shift, range_days: [-90, -30]}", "dates"),
        ("options: [retain_modified_dates]\ndates: {method: jitter}", "dates.method"),
        ("options: [retain_modified_dates]\ndates: {range_days: [-3, 3]}", "dates.range_days"),
        ("options: [retain_modified_dates]\ndates: {range_days: soon}", "dates.range_days"),
        ("ages: {cap: 60}", "ages.cap"),
        ("options: [retain_patient_characteristics]\nages: {cap: 120}", "ages.cap"),
        (CLEAN + "pixels: {ocr: required, out_of_body: keep}", "pixels.out_of_body"),
        (CLEAN + "pixels: {out_of_body: blank}", "pixels.ocr"),
        ("pixels: {ocr: off}", "pixels.ocr"),
        ("pixels: {review: 3}", "pixels.review"),
        ("streams: {audio: keep}", "streams.audio"),
        ("reject: [everything]", "reject"),
        ('overrides: [{tag: "(0008,103E)", action: keep, with: phrases}]', "overrides"),
        ('overrides: [{tag: "(0010,0010)", action: remove}]', "overrides (0010,0010)"),
        ('overrides: [{tag: "(0010,1005)", action: keep}]', "overrides (0010,1005)"),
        ('overrides: [{tag: "(0020,000D)", action: keep}]', "overrides (0020,000D)"),
        ('overrides: [{tag: "(0008,0020)", action: keep}]', "overrides (0008,0020)"),
        ('overrides: [{tag: "(0009,1001)", action: keep}]', "overrides (0009,1001)"),
        ('overrides: [{tag: "(0042,0011)", action: keep}]', "overrides (0042,0011)"),
    ],
)
def test_what_contradicts_itself_is_refused_and_the_field_is_named(text: str, field: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(HEAD + text)
    assert str(caught.value).startswith(f"{field}: ") and "; " in str(caught.value)


def test_basic_is_no_looser_than_itself_and_research_says_in_what_it_is() -> None:
    assert relaxations(load_builtin("basic")) == ()
    said = " ".join(relaxations(load_builtin("research")))
    assert "shifted" in said and "age" in said and "device" in said
    more = set(attributes_retained(load_builtin("research")))
    assert {"StudyDate", "PatientAge", "DeviceSerialNumber"} <= more
    assert not {"StudyDate", "PatientAge"} & set(attributes_retained(load_builtin("basic")))


@pytest.mark.parametrize("option", [one for one in OPTION_CODES if one.startswith("retain")])
def test_every_option_that_keeps_something_needs_a_second_approver(option: str) -> None:
    private = "private: {keep_safe_list: true}\n" if option == "retain_safe_private" else ""
    assert relaxations(load_profile(f"{HEAD}{private}options: [{option}]"))


def test_a_stricter_override_is_free_and_a_looser_one_is_said() -> None:
    strict = load_profile(
        HEAD + 'overrides: [{tag: "(0008,103E)", action: remove}, '
        '{tag: "(0018,1030)", action: empty}, {tag: "(0042,0011)", action: remove}]'
    )
    assert not relaxations(strict)
    loose = load_profile(HEAD + 'overrides: [{tag: "(0008,1030)", action: keep}]')
    assert relaxations(loose) == ("StudyDescription (0008,1030): keep",)
    cleaned = load_profile(HEAD + 'overrides: [{tag: "(0008,1030)", action: clean}]')
    assert relaxations(cleaned)


def test_a_choice_for_one_instance_only_takes_away_and_leaves_the_digest() -> None:
    basic = load_builtin("basic")
    less = basic.without(frozenset({0x00080060}))
    assert less.sha256 == basic.sha256 and less.overrides == {0x00080060: "remove"}
    assert basic.overrides == {}
