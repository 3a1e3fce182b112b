"""Instances with identifiers planted in many kinds of place; no patient ever existed."""

from __future__ import annotations

from io import BytesIO

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

FAMILY, GIVEN = "Wolkenstein", "Adelgunde"
NAME = f"{FAMILY}^{GIVEN}^^Dr"
PATIENT_ID, ACCESSION = "MRN-4711-8852", "ACC20931177"
PHONE, STREET, HOSPITAL = "+49 30 5550 1234", "Lindenallee 77", "St Radegund Klinikum"
OPERATOR, SERIAL = "Quastenflosser^Emil", "SN-XK-88-20715"
BIRTH, STUDY_DATE = "19570312", "20240229"
UID_ROOT = "1.2.826.0.1.3680043.99.4711"

PLANTED = (FAMILY, GIVEN, "4711-8852", "20931177", "5550 1234", "Lindenallee", "Radegund",
           "Quastenflosser", "XK-88-20715", BIRTH, STUDY_DATE, UID_ROOT)  # fmt: skip

VIDEO_ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def base_instance(sop_class: str, modality: str) -> Dataset:
    """The modules that every composite object has, all filled with planted values."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{UID_ROOT}.3"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{UID_ROOT}.1", f"{UID_ROOT}.2"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = NAME, PATIENT_ID, BIRTH
    ds.PatientSex, ds.PatientAge = "F", "093Y"
    ds.PatientAddress, ds.PatientTelephoneNumbers = STREET, PHONE
    ds.OtherPatientNames = f"{GIVEN} {FAMILY}"
    ds.StudyDate, ds.StudyTime = STUDY_DATE, "235950"
    ds.SeriesDate, ds.SeriesTime = "20240301", "000110"
    ds.ContentDate, ds.ContentTime = STUDY_DATE, "235955.250000"
    ds.AcquisitionDateTime = "20240229235958.500000+0100"
    ds.StudyID, ds.AccessionNumber = "S20931177", ACCESSION
    ds.ReferringPhysicianName, ds.OperatorsName = OPERATOR, OPERATOR
    ds.InstitutionName, ds.InstitutionAddress = HOSPITAL, STREET
    ds.Manufacturer, ds.ManufacturerModelName = "Towerworks", "Tower 9"
    ds.DeviceSerialNumber, ds.SoftwareVersions = SERIAL, "4.2.1"
    ds.StationName = "ENDO-RADEGUND"
    ds.StudyDescription = f"Colonoscopy of {FAMILY}"
    ds.SeriesDescription = "Colonoscopy left colon"
    ds.PatientComments = f"call {PHONE}"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, "3", "7"
    ds.PatientOrientation = None
    ds.Laterality = None
    private = ds.private_block(0x0011, f"{HOSPITAL} DEV", create=True)
    private.add_new(0x01, "LO", f"{GIVEN} {FAMILY}")
    private.add_new(0x02, "UN", PATIENT_ID.encode() + b" ")
    private.add_new(0x03, "SQ", Sequence([code_item(PATIENT_ID, "99LOCAL", FAMILY)]))
    return ds


def _image_pixels(ds: Dataset, rows: int, columns: int, samples: int, photometric: str) -> None:
    ds.Rows, ds.Columns, ds.SamplesPerPixel = rows, columns, samples
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if samples == 3:
        ds.PlanarConfiguration = 0


def video_endoscopic() -> Dataset:
    ds = base_instance(VIDEO_ENDOSCOPIC, "ES")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    _image_pixels(ds, 720, 1280, 3, "YBR_PARTIAL_420")
    ds.NumberOfFrames, ds.FrameTime, ds.CineRate = "1500", "40", "25"
    ds.FrameIncrementPointer = 0x00181063
    ds.LossyImageCompression, ds.LossyImageCompressionRatio = "01", "84.5"
    ds.LossyImageCompressionMethod = "ISO_14496_10"
    ds.AcquisitionContextSequence = Sequence()
    ds.AnatomicRegionSequence = Sequence([code_item("71854001", "SCT", f"Colon {FAMILY}")])
    ds.BurnedInAnnotation = "YES"
    return ds


def ultrasound_cine() -> Dataset:
    ds = base_instance(US_MULTIFRAME, "US")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    _image_pixels(ds, 480, 640, 3, "RGB")
    ds.NumberOfFrames = "3"
    ds.FrameTimeVector = ["0", "33.3", "41.7"]
    ds.FrameIncrementPointer = 0x00181065
    ds.UltrasoundColorDataPresent = 0
    ds.LossyImageCompression = "00"
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 40, 30
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 600, 440
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = 3, 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.0123, 0.0124
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    return ds


def secondary_capture() -> Dataset:
    ds = base_instance(SECONDARY_CAPTURE, "OT")
    ds.ConversionType = "WSD"
    ds.ImageType = ["DERIVED", "SECONDARY", FAMILY.upper()]
    ds.SecondaryCaptureDeviceID = SERIAL
    _image_pixels(ds, 4, 4, 1, "MONOCHROME2")
    return ds


def _content(relation: str, value_type: str, name: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, value_type
    item.ConceptNameCodeSequence = Sequence([name])
    return item


def report() -> Dataset:
    ds = base_instance(COMPREHENSIVE_SR, "SR")
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ReferencedPerformedProcedureStepSequence = Sequence()
    ds.PerformedProcedureCodeSequence = Sequence()
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Sequence([code_item("126000", "DCM", FAMILY)])
    observer = _content("HAS OBS CONTEXT", "PNAME", code_item("121008", "DCM", "Observer"))
    observer.PersonName = OPERATOR
    number = _content("CONTAINS", "NUM", code_item("410668003", "SCT", "Length"))
    measured = Dataset()
    measured.NumericValue = "12.5"
    measured.MeasurementUnitsCodeSequence = Sequence([code_item("mm", "UCUM", FAMILY)])
    number.MeasuredValueSequence = Sequence([measured])
    text = _content("CONTAINS", "TEXT", code_item("121106", "DCM", "Comment"))
    text.TextValue = f"{GIVEN} {FAMILY} came on {STUDY_DATE}"
    ds.ContentSequence = Sequence([observer, number, text])
    return ds


def nested_everywhere(depth: int) -> Dataset:
    """A capture with identifiers in sequences that no table lists, `depth` levels deep."""
    ds = secondary_capture()
    item = ds
    for level in range(depth):
        inner = Dataset()
        inner.PatientName, inner.PatientID = NAME, PATIENT_ID
        inner.TextValue, inner.CodeMeaning = f"{FAMILY} {level}", GIVEN
        inner.ReferencedSOPInstanceUID = f"{UID_ROOT}.9.{level}"
        inner.add(DataElement(0x00400555, "SQ", Sequence()))
        inner.private_block(0x0019, FAMILY.upper(), create=True).add_new(1, "LT", STREET)
        for tag in (0x00081140, 0x00089215, 0x00082112)[level % 3 : level % 3 + 1]:
            item.add(DataElement(tag, "SQ", Sequence([inner])))
        item = inner
    return ds


def odd_places() -> Dataset:
    """Curves, overlays, group lengths, unknown tags and padding, each with an identifier."""
    ds = secondary_capture()
    ds.add(DataElement(0x50003000, "OW", FAMILY.encode() + b" "))
    ds.add(DataElement(0x50000022, "LO", FAMILY))
    ds.add(DataElement(0x60003000, "OW", PATIENT_ID.encode() + b" "))
    ds.add(DataElement(0x60000022, "LO", NAME))
    ds.add(DataElement(0x60001500, "LO", HOSPITAL))
    ds.add(DataElement(0x00100011, "SQ", Sequence([code_item("1", "99X", FAMILY)])))
    ds.add(DataElement(0x00100012, "LO", GIVEN))
    ds.add(DataElement(0x0040E012, "UR", f"https://example.org/{PATIENT_ID}"))
    ds.add(DataElement(0x00189ABC, "LO", FAMILY))
    ds.add(DataElement(0x00283006, "OW", b"\x01\x00\x02\x00"))
    ds.add(DataElement(0x00281201, "OW", bytes(8)))
    ds.add(DataElement(0x00700081, "LO", FAMILY))
    ds.add(DataElement(0x00420010, "ST", NAME))
    ds.add(DataElement(0xFFFCFFFC, "OB", STREET.encode()))
    ds.add(DataElement(0x00286010, "US", 3))
    return ds


def all_instances() -> list[Dataset]:
    return [
        video_endoscopic(), ultrasound_cine(), secondary_capture(), report(), odd_places(),
        *(nested_everywhere(depth) for depth in (1, 3, 7)),
    ]  # fmt: skip


def as_file(ds: Dataset, transfer_syntax: str = "1.2.840.10008.1.2.1") -> BytesIO:
    """The data set as a Part 10 file with identifiers in its preamble and file meta."""
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.SourceApplicationEntityTitle = "RADEGUND1"
    meta.ImplementationClassUID = f"{UID_ROOT}.77"
    ds.file_meta = meta
    out = BytesIO()
    ds.preamble = NAME.encode().ljust(128, b"\x00")
    ds.save_as(out, enforce_file_format=True)
    out.seek(0)
    return out
