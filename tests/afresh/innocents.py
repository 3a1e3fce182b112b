"""Instances with values that look like somebody's by chance: each must be taken, and keep what a
researcher needs."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from pydicom import Dataset

from .documents import code
from .headers import EBE, ELE, ILE, Planter, identity, needed, part10, pixels
from .judging import same, standard_holds
from .people import Sample


def innocents(seed: int, which: int) -> Sample:
    """An instance with values that look like another's identifier by chance."""
    rng = random.Random(f"{seed} innocent {which}")
    profile = ("research", "basic")[which % 2]
    planter = Planter(rng, "ISO_IR 192", profile == "research")
    ds = Dataset()
    identity(ds, planter, "1.2.840.10008.5.1.4.1.1.77.1.1")
    ds.Modality = "ES"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    pixels(ds, rng, 1)
    needed(ds, rng)
    planter.plants.clear()
    extra: dict[str, Callable[[Any, Any], bool]] = {}

    def keep(name: str, *path: Any) -> None:
        extra[name] = same(*path)

    way = which % 16
    if way == 0:  # A name that our own marks hold: Bašić is as frequent there as Smith elsewhere.
        ds.PatientName = rng.choice(
            ["Bašić^Ana", "Research^Subject", "Option^Clean", "Private^Patient"]
        )
    elif way == 1:  # Colón, and its organ.
        ds.PatientName = "Colón^Rafael"
    elif way == 2:  # Short numbers that are sizes and counts as well.
        ds.PatientID, ds.AccessionNumber, ds.StudyID = "24", "1", "1"
    elif way == 3:
        ds.PatientID = "7500"
    elif way == 4:  # Its digits stand in a public code.
        ds.PatientID = "185400"
    elif way == 5:  # Its digits stand within a longer fraction.
        ds.PatientID = "19831204"
        ds.PixelSpacing = ["0.419831204", "0.419831204"]
        keep("spacing", "PixelSpacing")
    elif way == 6:  # An eponym.
        ds.PatientName = "Crohn^Lena"
        ds.AnatomicRegionSequence = [code("34000006", "SCT", "Crohn's disease")]
    elif way == 7:
        ds.PatientName = "Long^Little"
        ds.SeriesDescription = "colonoscopy right colon"
    elif way == 8:
        ds.PatientID = "1012"
        ds.ReferringPhysicianName = "Li^Bo"
    elif way == 9:  # Nothing is known.
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = "", "", ""
        ds.StudyDate, ds.StudyTime = f"{planter.dates[0]:%Y%m%d}", "101500"
    elif way == 10:
        ds.PatientName, ds.PatientID = "Anonymous", "0000"
        ds.PatientBirthDate = "19000101"
    elif way == 11:  # Impossible dates and times, two decimal commas.
        ds.add_new(0x00080023, "DA", "00000000")
        ds.add_new(0x00080033, "TM", "999999")
        ds.add_new(0x00180050, "DS", "1.25")
    elif way == 12:  # The station is called as the modality.
        ds.StationName, ds.AccessionNumber = "ES", "CV190"
    elif way == 13:
        ds.InstitutionName = "Endoscopy"
        ds.InstitutionalDepartmentName = "Colonoscopy right colon"
    elif way == 14:
        ds.PatientName = "Willis^Ann"
        ds.AnatomicRegionSequence = [code("11279006", "SCT", "Circle of Willis")]
        ds.OperatorsName = "Data^Entry"
    else:  # A patient's number is a UID below the standard's own.
        ds.PatientID = "2.25"
        ds.StudyID = "SCT"
    syntax = (ELE, ILE, EBE)[which % 3]
    holds = standard_holds(profile)
    if way == 1:
        # Whether "colon" is the organ or the patient there nobody can tell.
        holds.pop("SeriesDescription")
    return Sample(
        f"innocent {way}",
        part10(ds, syntax),
        str(ds.SOPClassUID),
        syntax,
        profile,
        planter.plants,
        {**holds, **extra},
        picture="native",
    )
