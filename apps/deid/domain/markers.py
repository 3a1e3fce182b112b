"""Attributes that say how an instance was de-identified (PS3.15 section E.1.1)."""

from __future__ import annotations

from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from apps.deid.domain.cleaning import PixelChange
from apps.deid.domain.codes import basic_code_item
from apps.deid.domain.elements import put_text
from apps.deid.domain.encode import encode_element
from apps.deid.domain.profile import Profile, method_codes
from apps.deid.domain.quick_read import same_tag
from apps.deid.domain.shared_elements import AsWritten

_TEMPORAL = {"remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED"}


def write_markers(
    ds: Dataset,
    profile: Profile,
    *,
    product: str,
    has_pixels: bool,
    pixels_confirmed: bool,
    visual_features_confirmed: bool,
    pixel_change: PixelChange | None,
    as_written: AsWritten,
) -> None:
    """Write what was done, and only that, into a cleaned data set, in place.

    Patient Identity Removed is YES only once the pixels were decided on, or when there are none.
    """
    pixels_cleaned = has_pixels and pixels_confirmed and profile.has("clean_pixel_data")
    features_cleaned = (
        has_pixels and visual_features_confirmed and profile.has("clean_visual_features")
    )
    put_text(ds, 0x00080005, "CS", "ISO_IR 192")
    put_text(ds, 0x00120062, "CS", "YES" if pixels_confirmed or not has_pixels else "NO")
    method = [
        product[:64],
        f"profile {profile.name} version {profile.version}",
        profile.table,
        profile.sha256,
    ]
    put_text(ds, 0x00120063, "LO", MultiValue(str, method))
    codes = method_codes(
        profile, pixels_cleaned=pixels_cleaned, visual_features_cleaned=features_cleaned
    )
    made, data = _method_items(tuple(codes))
    put_text(ds, 0x00120064, "SQ", made)
    if data is not None:
        as_written.note(ds._dict[same_tag(0x00120064)], data)  # type: ignore[arg-type]
    put_text(ds, 0x00280303, "CS", _TEMPORAL[profile.dates])
    if pixels_cleaned:
        put_text(ds, 0x00280301, "CS", "NO")
    if features_cleaned:
        put_text(ds, 0x00280302, "CS", "NO")
    if pixel_change is not None and has_pixels:
        _write_pixel_change(ds, pixel_change)


@lru_cache(64)
def _method_items(codes: tuple[tuple[str, str], ...]) -> tuple[Sequence, bytes | None]:
    """Items of De-identification Method Code Sequence, and the sequence as it is written."""
    items = Sequence([basic_code_item("DCM", code, meaning) for code, meaning in codes])
    element = DataElement(same_tag(0x00120064), "SQ", items, already_converted=True)
    return items, encode_element(element)


def _write_pixel_change(ds: Dataset, change: PixelChange) -> None:
    old = ds.get("ImageType") or []
    old = [old] if isinstance(old, str) else list(old)
    put_text(ds, 0x00080008, "CS", MultiValue(str, ["DERIVED", *(old[1:] or ["PRIMARY"])]))
    put_text(ds, 0x00082111, "ST", change.description[:1024])
    if change.method is None:
        return
    ds.LossyImageCompression = "01"
    ratios, methods = ds.get("LossyImageCompressionRatio"), ds.get("LossyImageCompressionMethod")
    old_ratios = [] if ratios in (None, "") else ratios if _is_list(ratios) else [ratios]
    old_methods = [] if methods in (None, "") else methods if _is_list(methods) else [methods]
    if change.ratio is not None:
        ds.LossyImageCompressionRatio = [*map(str, old_ratios), f"{change.ratio:.3f}"]
    ds.LossyImageCompressionMethod = [*map(str, old_methods), change.method]


def _is_list(value: object) -> bool:
    return not isinstance(value, (str, float, int)) and hasattr(value, "__iter__")
