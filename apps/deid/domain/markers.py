"""Attributes that say how an instance was de-identified (PS3.15 section E.1.1)."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from apps.deid.domain.cleaning import PixelChange
from apps.deid.domain.codes import basic_code_item
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
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientIdentityRemoved = "YES" if pixels_confirmed or not has_pixels else "NO"
    ds.DeidentificationMethod = [
        product[:64],
        f"profile {profile.name} version {profile.version}",
        profile.table,
        profile.sha256,
    ]
    codes = method_codes(
        profile, pixels_cleaned=pixels_cleaned, visual_features_cleaned=features_cleaned
    )
    ds.DeidentificationMethodCodeSequence = Sequence(
        [basic_code_item("DCM", code, meaning) for code, meaning in codes]
    )
    ds.LongitudinalTemporalInformationModified = _TEMPORAL[profile.dates]
    if pixels_cleaned:
        ds.BurnedInAnnotation = "NO"
    if features_cleaned:
        ds.RecognizableVisualFeatures = "NO"
    if pixel_change is not None and has_pixels:
        _write_pixel_change(ds, pixel_change)


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
