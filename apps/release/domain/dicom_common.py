"""Modules that SEG and SR share: patient, study, series, equipment, SOP common, references."""

from __future__ import annotations

from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from apps.release.domain.freeze import HEADER_KEYWORDS, ClipFreeze, Freeze

MANUFACTURER = "ClinicalAnnot"


def moment(rfc3339: str) -> tuple[str, str]:
    """(DA, TM) of a UTC RFC 3339 time."""
    at = datetime.fromisoformat(rfc3339.replace("Z", "+00:00"))
    return at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")


def header_values(instance: Dataset) -> dict[str, str]:
    """The freeze's `header` of a de-identified instance: `HEADER_KEYWORDS` as text, several
    values joined by a backslash; what is absent or empty is left out."""
    values = {}
    for keyword in HEADER_KEYWORDS:
        value = instance.get(keyword)
        if value is None or value == "":
            continue
        several = value if isinstance(value, MultiValue) else [value]
        values[keyword] = "\\".join(str(v) for v in several)
    return values


def common_modules(
    freeze: Freeze, clip: ClipFreeze, *, sop_class_uid: str, sop_instance_uid: str,
    series_uid: str, modality: str, series_number: int, instance_number: int, description: str,
) -> Dataset:  # fmt: skip
    """Patient, General Study, Series, Equipment and SOP Common of a derived instance.

    Patient and study attributes repeat the de-identified instance's (freeze `header`).
    """
    header = clip.header
    result = Dataset()
    result.SpecificCharacterSet = "ISO_IR 192"
    result.SOPClassUID = sop_class_uid
    result.SOPInstanceUID = sop_instance_uid
    date, time = moment(freeze.frozen_at)
    result.InstanceCreationDate, result.InstanceCreationTime = date, time

    result.PatientID = header.get("PatientID") or clip.pseudonym
    result.PatientName = header.get("PatientName") or clip.pseudonym
    for keyword in ("PatientBirthDate", "PatientSex"):
        setattr(result, keyword, header.get(keyword, ""))
    result.StudyInstanceUID = clip.study_uid
    for keyword in ("StudyDate", "StudyTime", "StudyID", "AccessionNumber"):
        setattr(result, keyword, header.get(keyword, ""))
    result.ReferringPhysicianName = header.get("ReferringPhysicianName", "")
    for keyword in ("PatientAge", "StudyDescription", "PatientIdentityRemoved",
                    "LongitudinalTemporalInformationModified"):  # fmt: skip
        if header.get(keyword):
            setattr(result, keyword, header[keyword])
    result.PatientIdentityRemoved = header.get("PatientIdentityRemoved") or "YES"
    result.DeidentificationMethod = (
        header.get("DeidentificationMethod")
        or f"ClinicalAnnot profile {freeze.profile.get('name', '')}"[:64]
    )

    result.Modality = modality
    result.SeriesInstanceUID = series_uid
    result.SeriesNumber = series_number
    result.SeriesDescription = description
    result.SeriesDate, result.SeriesTime = date, time
    result.InstanceNumber = instance_number
    result.ContentDate, result.ContentTime = date, time

    result.Manufacturer = MANUFACTURER
    result.ManufacturerModelName = freeze.software["name"]
    result.DeviceSerialNumber = freeze.uids["device"]
    result.SoftwareVersions = freeze.software["version"]
    return result


def source_reference(clip: ClipFreeze) -> Dataset:
    """A Referenced SOP item for the clip's de-identified instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = clip.sop_class_uid
    item.ReferencedSOPInstanceUID = clip.sop_instance_uid
    return item
