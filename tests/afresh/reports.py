"""Reports and key object notes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from pydicom import Dataset, Sequence
from pydicom.uid import generate_uid

from .documents import code
from .headers import EBE, ELE, ILE, Planter, identity, part10
from .people import Person, Sample


def item(kind: str, name: Dataset | None, **values: Any) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = "CONTAINS", kind
    if name is not None:
        made.ConceptNameCodeSequence = [name]
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def number(name: Dataset, value: str, unit: str) -> Dataset:
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = [code(unit, "UCUM", unit)]
    return item("NUM", name, MeasuredValueSequence=[measured])


def report(seed: int, which: int) -> Sample:
    """A report: observers, names, dates, texts, codes of the place's own, nested containers."""
    rng = random.Random(f"{seed} report {which}")
    sop_class = (
        "1.2.840.10008.5.1.4.1.1.88.33",
        "1.2.840.10008.5.1.4.1.1.88.11",
        "1.2.840.10008.5.1.4.1.1.88.22",
        "1.2.840.10008.5.1.4.1.1.88.59",
    )[which % 4]
    syntax = (ELE, ILE, EBE)[which % 3]
    profile = ("research", "basic")[which % 2]
    charset = ("", "ISO_IR 192", "GB18030", "ISO_IR 100")[which % 4]
    planter = Planter(rng, charset, profile == "research")
    note, other = planter.note, planter.other
    ds = Dataset()
    identity(ds, planter, sop_class)
    ds.Modality = "KO" if sop_class.endswith("59") else "SR"
    ds.ContentDate, ds.ContentTime = f"{planter.dates[9]:%Y%m%d}", "093000"
    note("ContentDate", ds.ContentDate)
    lone = [Person(rng) for _ in range(24)]
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
    ds.CompletionFlagDescription = f"by {lone[0].family}"
    verifying = Dataset()
    verifying.VerifyingObserverName = lone[1].name
    verifying.VerifyingOrganization = lone[2].family
    verifying.VerificationDateTime = f"{planter.dates[10]:%Y%m%d}101500"
    verifying.VerifyingObserverIdentificationCodeSequence = [
        code("88" + lone[1].number[:3], "99LOCAL", lone[1].family)
    ]
    ds.VerifyingObserverSequence = [verifying]
    note("verifying observer", lone[1].family, lone[2].family, f"{planter.dates[10]:%Y%m%d}")
    note("CompletionFlagDescription", lone[0].family)
    author = Dataset()
    author.ObserverType, author.PersonName = "PSN", lone[3].name
    author.PersonIdentificationCodeSequence = [code(lone[3].number[:6], "99X", lone[3].given)]
    author.InstitutionName = lone[4].family
    ds.AuthorObserverSequence = [author]
    note("author observer", lone[3].family, lone[3].given, lone[4].family)
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [code("18748-4", "LN", f"Report for {lone[5].family}")]
    note("CodeMeaning of a public code", lone[5].family)
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
    reference.ReferencedSOPInstanceUID = generate_uid("1.2.826.0.1.3680043.9.7433.")
    note("ReferencedSOPInstanceUID", str(reference.ReferencedSOPInstanceUID))
    inner = [
        item(
            "TEXT",
            code("121071", "DCM", "Finding"),
            TextValue=f"Polyp seen in {lone[6].family}, call {lone[6].phone}",
        ),
        item("PNAME", code("121008", "DCM", "Person Observer Name"), PersonName=lone[7].name),
        item(
            "DATE",
            code("121125", "DCM", "DateTime of Recording"),
            Date=f"{planter.dates[11]:%Y%m%d}",
        ),
        item(
            "UIDREF",
            code("121012", "DCM", "Device Observer UID"),
            UID="1.2.826.0.1.3680043.9.7433.99.1234567.1",
        ),
        item(
            "CODE",
            code("121071", "DCM", "Finding"),
            ConceptCodeSequence=[code("P7", "99KLINIK", lone[8].family)],
        ),
        item(
            "CODE",
            code("121071", "DCM", "Finding"),
            ConceptCodeSequence=[code("68496003", "SCT", lone[9].family)],
        ),
        item(
            "CODE",
            code("121071", "DCM", "Finding"),
            ConceptCodeSequence=[code(f"C{planter.patient.number[:7]}", "UMLS", "x")],
        ),
        item(
            "CODE",
            code("121071", "DCM", "Finding"),
            ConceptCodeSequence=[code(f"RID{planter.patient.number[:5]}", "RADLEX", "x")],
        ),
        item("TEXT", code("X1", "99KLINIK", lone[10].family), TextValue="polyp"),
        item(
            "CONTAINER",
            code("121070", "DCM", lone[11].family),
            ContinuityOfContent="SEPARATE",
            ContentSequence=[
                item("TEXT", code("121071", "DCM", "F"), TextValue=lone[12].text()[0])
            ],
        ),
        number(code("103355008", "SCT", lone[13].family), "12.5", "mm"),
        number(code("121033", "DCM", "Subject Age"), "93", "a"),
        item("IMAGE", None, ReferencedSOPSequence=[reference]),
        item(
            "DATETIME",
            code("111526", "DCM", "DateTime Started"),
            DateTime=f"{planter.dates[12]:%Y%m%d}101500.5+0200",
        ),
    ]
    for kind, n in (
        ("TEXT", 6),
        ("PNAME", 7),
        ("code of the place", 8),
        ("meaning of SNOMED", 9),
        ("concept name of the place", 10),
        ("CONTAINER meaning", 11),
        ("NUM name", 13),
    ):
        note(f"SR {kind}", lone[n].family)
    note("SR TEXT nested", *[x for x in (lone[12].family,)])
    note("SR UIDREF", "1.2.826.0.1.3680043.9.7433.99.1234567.1")
    note("SR DATE", f"{planter.dates[11]:%Y%m%d}")
    note("SR DATETIME", f"{planter.dates[12]:%Y%m%d}")
    deep = item("TEXT", code("121071", "DCM", "F"), TextValue=f"id {lone[14].number}")
    note("SR TEXT at depth 12", lone[14].number)
    for _ in range(12):
        deep = item(
            "CONTAINER",
            code("121070", "DCM", "Findings"),
            ContinuityOfContent="SEPARATE",
            ContentSequence=[deep],
        )
    inner.append(deep)
    ds.ContentSequence = Sequence(inner)
    request = Dataset()
    request.AccessionNumber, request.PlacerOrderNumberImagingServiceRequest = (
        lone[15].number,
        lone[16].number,
    )
    request.RequestingPhysician, request.RequestedProcedureDescription = (
        lone[17].name,
        lone[18].text()[0],
    )
    request.RequestedProcedureCodeSequence = [code("KOLO", "99RIS", lone[19].family)]
    ds.ReferencedRequestSequence = [request]
    note("request numbers", lone[15].number, lone[16].number)
    note("request physician", lone[17].family)
    note(
        "request description",
        lone[18].family
        if lone[18].family in request.RequestedProcedureDescription
        else lone[18].number,
    )
    note("request code", lone[19].family)
    evidence = Dataset()
    evidence.StudyInstanceUID = ds.StudyInstanceUID
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = (
        generate_uid("1.2.826.0.1.3680043.9.7433."),
        [reference],
    )
    series.RetrieveAETitle, series.StorageMediaFileSetID = other.family[:16], lone[20].family[:16]
    series.RetrieveURL = f"https://{lone[21].family}.example/wado"
    evidence.ReferencedSeriesSequence = [series]
    ds.CurrentRequestedProcedureEvidenceSequence = [evidence]
    note("evidence places", lone[20].family[:16], lone[21].family)
    planter.scatter(ds, 30, "root of a report")
    holds: dict[str, Callable[[Any, Any], bool]] = {
        "measurement": lambda old, new: (
            _values(new, "MeasuredValueSequence")[0].NumericValue == 12.5
        ),
        "finding's code": lambda old, new: any(
            c.CodeValue == "68496003" for c in _values(new, "ConceptCodeSequence")
        ),
        "one study": lambda old, new: (
            new.StudyInstanceUID
            == new.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID
        ),
        "one image": lambda old, new: (
            _values(new, "ReferencedSOPSequence")[0].ReferencedSOPInstanceUID
            == new.CurrentRequestedProcedureEvidenceSequence[0]
            .ReferencedSeriesSequence[0]
            .ReferencedSOPSequence[0]
            .ReferencedSOPInstanceUID
        ),
        "age capped": lambda old, new: all(
            m.NumericValue <= 90 for m in _values(new, "MeasuredValueSequence")
        ),
    }
    return Sample(
        f"report {which}",
        part10(ds, syntax, planter),
        sop_class,
        syntax,
        profile,
        planter.plants,
        holds,
    )


def _values(ds: Dataset, keyword: str) -> list[Dataset]:
    """Items of this keyword in content items at any depth (not in the evidence)."""
    found = []
    for one in ds.get("ContentSequence") or []:
        found += list(one.get(keyword) or [])
        found += _values(one, keyword)
    return found
