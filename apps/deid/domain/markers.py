"""Attributes that say how an instance was de-identified (PS3.15 section E.1.1)."""

from __future__ import annotations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from apps.deid.domain.cleaning import PixelChange
from apps.deid.domain.codes import basic_code_item
from apps.deid.domain.elements import put
from apps.deid.domain.profile import Profile, method_codes

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
) -> None:
    """Write what was done, and only that, into a cleaned data set, in place.

    Patient Identity Removed is YES only once the pixels were decided on, or when there are none.
    """
    pixels_cleaned = has_pixels and pixels_confirmed and profile.has("clean_pixel_data")
    features_cleaned = (
        has_pixels and visual_features_confirmed and profile.has("clean_visual_features")
    )
    _write(ds, 0x00080005, "CS", "ISO_IR 192")
    _write(ds, 0x00120062, "CS", "YES" if pixels_confirmed or not has_pixels else "NO")
    method = [
        product[:64],
        f"profile {profile.name} version {profile.version}",
        profile.table,
        profile.sha256,
    ]
    _write(ds, 0x00120063, "LO", MultiValue(str, method))
    codes = method_codes(
        profile, pixels_cleaned=pixels_cleaned, visual_features_cleaned=features_cleaned
    )
    ds.DeidentificationMethodCodeSequence = Sequence(
        [basic_code_item("DCM", code, meaning) for code, meaning in codes]
    )
    _write(ds, 0x00280303, "CS", _TEMPORAL[profile.dates])
    if pixels_cleaned:
        _write(ds, 0x00280301, "CS", "NO")
    if features_cleaned:
        _write(ds, 0x00280302, "CS", "NO")
    if pixel_change is not None and has_pixels:
        _write_pixel_change(ds, pixel_change)


def _write(ds: Dataset, tag: int, vr: str, value: object) -> None:
    put(ds, DataElement(BaseTag(tag), vr, value, already_converted=True))


def _write_pixel_change(ds: Dataset, change: PixelChange) -> None:
    old = ds.get("ImageType") or []
    old = [old] if isinstance(old, str) else list(old)
    ds.ImageType = ["DERIVED", *(old[1:] or ["PRIMARY"])]
    ds.DerivationDescription = change.description[:1024]
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
