"""Coded concepts of SEG and SR: the ontology's own codes, and the standard's around them."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from apps.release.domain.dicom_bytes import Code
from apps.release.domain.freeze import Freeze

PRIVATE_SCHEME = {
    "designator": "99CLINANNOT",
    "name": "ClinicalAnnot",
    "uid": "2.25.318749025611408857226104490817632097156",
}
KNOWN_SCHEMES = {
    "DCM": ("1.2.840.10008.2.16.4", "DICOM Controlled Terminology"),
    "SCT": ("2.16.840.1.113883.6.96", "SNOMED CT"),
}

MORPHOLOGY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
PHYSICAL_OBJECT = Code("260787004", "SCT", "Physical object")
ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
SPATIAL = Code("309825002", "SCT", "Spatial and Relational Concept")

# Segmentation property category (CID 7150) by the concept's own SNOMED CT code.
CATEGORY_BY_CODE = {
    **dict.fromkeys(("52988006", "108369006", "68496003", "56208002"), MORPHOLOGY),
    **dict.fromkeys(("57134006", "77720000", "79068005", "27065002"), PHYSICAL_OBJECT),
    **dict.fromkeys(
        ("28231008", "32713005", "34516001", "34402009", "60184004", "32849002", "69695003",
         "38848004", "87878005"),
        ANATOMY,
    ),
}  # fmt: skip

# Procedure reported (TID 1500 row 4) by modality.
PROCEDURE_BY_MODALITY = {
    "ES": Code("310030000", "SCT", "Endoscopy"),
    "US": Code("310169008", "SCT", "Ultrasonography"),
}
ANY_PROCEDURE = Code("71388002", "SCT", "Procedure")


def class_code(label_class: dict[str, Any]) -> Code:
    """The coded concept of an ontology class."""
    code = label_class["code"]
    return Code(str(code["value"]), str(code["scheme"]), str(code["meaning"]))


def category_code(label_class: dict[str, Any]) -> Code:
    """Segmented Property Category: the class's own `category` code, else by its concept."""
    own = label_class.get("category")
    if own:
        return Code(str(own["value"]), str(own["scheme"]), str(own["meaning"]))
    code = class_code(label_class)
    if code.scheme == "SCT" and code.value in CATEGORY_BY_CODE:
        return CATEGORY_BY_CODE[code.value]
    return SPATIAL


def own_code(value: str, meaning: str) -> Code:
    """A concept of this product's own scheme."""
    return Code(value, PRIVATE_SCHEME["designator"], meaning)


def coding_schemes(freeze: Freeze, used: set[str]) -> list[Dataset]:
    """Coding Scheme Identification Sequence items (PS3.3 C.12.1) for the designators used."""
    described = {PRIVATE_SCHEME["designator"]: PRIVATE_SCHEME}
    described.update({s["designator"]: s for s in freeze.ontology.get("schemes") or []})
    items = []
    for designator in sorted(used):
        each = Dataset()
        each.CodingSchemeDesignator = designator
        if designator in KNOWN_SCHEMES:
            each.CodingSchemeRegistry = "HL7"
            each.CodingSchemeUID, each.CodingSchemeName = KNOWN_SCHEMES[designator]
        elif designator in described:
            scheme = described[designator]
            if scheme.get("uid"):
                each.CodingSchemeUID = scheme["uid"]
            each.CodingSchemeName = scheme["name"]
            each.CodingSchemeResponsibleOrganization = scheme["name"]
        items.append(each)
    return items
