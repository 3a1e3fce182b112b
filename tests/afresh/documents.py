"""Presentation states, segmentations, functional groups."""

from __future__ import annotations

import random
import struct

from pydicom import Dataset
from pydicom.uid import generate_uid

from .headers import EBE, ELE, ILE, Planter, identity, part10, pixels
from .judging import same, standard_holds
from .people import Person, Sample


def code(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def state(seed: int, which: int) -> Sample:
    """A presentation state: graphics with text, layers, labels, creator, LUTs with tails."""
    rng = random.Random(f"{seed} state {which}")
    sop_class = ("1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2")[which % 2]
    planter = Planter(rng, "ISO_IR 192", which % 2 == 0)
    note, lone = planter.note, [Person(rng) for _ in range(12)]
    ds = Dataset()
    identity(ds, planter, sop_class)
    ds.Modality = "PR"
    ds.ContentLabel, ds.ContentDescription = lone[0].family.upper()[:16], f"for {lone[1].family}"
    ds.ContentCreatorName = lone[2].name
    ds.PresentationCreationDate, ds.PresentationCreationTime = (
        f"{planter.dates[7]:%Y%m%d}",
        "101112",
    )
    text = Dataset()
    text.UnformattedTextValue = f"{lone[3].given} {lone[3].family}\r\n{lone[3].number}"
    text.AnchorPoint, text.AnchorPointVisibility, text.AnchorPointAnnotationUnits = (
        [1.0, 2.0],
        "Y",
        "PIXEL",
    )
    graphic = Dataset()
    graphic.GraphicAnnotationUnits, graphic.GraphicDimensions = "PIXEL", 2
    graphic.GraphicData, graphic.GraphicType, graphic.NumberOfGraphicPoints = (
        [float(ord(c)) for c in lone[4].family + "x" * (len(lone[4].family) % 2)],
        "POLYLINE",
        5,
    )
    annotation = Dataset()
    annotation.GraphicLayer, annotation.TextObjectSequence = lone[5].family.upper()[:16], [text]
    annotation.GraphicObjectSequence = [graphic]
    ds.GraphicAnnotationSequence = [annotation]
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = lone[5].family.upper()[:16], 1
    layer.GraphicLayerDescription = lone[6].family
    ds.GraphicLayerSequence = [layer]
    lut = Dataset()
    lut.LUTDescriptor = [64, 0, 16]
    lut.LUTExplanation, lut.ModalityLUTType = lone[7].family, "US"
    lut.add_new(
        0x00283006,
        "OW",
        struct.pack("<64H", *range(0, 65536, 1024)) + lone[8].family.encode().ljust(20),
    )
    ds.ModalityLUTSequence = [lut]
    lut2 = Dataset()
    lut2.LUTDescriptor = [20, 0, 8]
    lut2.add_new(0x00283006, "OW", (lone[9].family + " " + lone[9].given).encode().ljust(20)[:20])
    ds.SoftcopyVOILUTSequence = [Dataset()]
    ds.SoftcopyVOILUTSequence[0].VOILUTSequence = [lut2]
    ds.ICCProfile = icc(lone[10].family, lone[11].family)
    ds["ICCProfile"].VR = "OB"
    for kind, n in (
        ("ContentLabel", 0),
        ("ContentDescription", 1),
        ("ContentCreatorName", 2),
        ("text object", 3),
        ("layer", 5),
        ("layer's description", 6),
        ("LUT explanation", 7),
        ("LUT tail", 8),
        ("LUT that is text", 9),
        ("ICC description", 10),
        ("ICC curve's tail", 11),
    ):
        note(kind, lone[n].family[:16])
    planter.scatter(ds, 30, "root of a state")
    return Sample(
        f"state {which}",
        part10(ds, ELE, planter),
        sop_class,
        ELE,
        "research" if which % 2 == 0 else "basic",
        planter.plants,
    )


def icc(description: str, tail: str) -> bytes:
    """An ICC profile whose description names somebody, and whose curve has text behind it."""
    tags = [
        (
            b"desc",
            b"desc"
            + bytes(4)
            + struct.pack(">I", len(description) + 1)
            + description.encode()
            + bytes(90),
        ),
        (
            b"rTRC",
            b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0233) + tail.encode().ljust(26, b"\0"),
        ),
        (b"wtpt", b"XYZ " + bytes(4) + struct.pack(">3I", 62000, 65536, 54000) + tail.encode()),
        (b"chad", b"sf32" + bytes(4) + struct.pack(">9I", *[65536] * 9)),
        (b"priv", b"text" + bytes(4) + tail.encode()),
    ]
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, data in tags:
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    head = bytearray(128)
    head[0:4] = struct.pack(">I", start + len(body))
    head[36:40], head[12:16], head[16:20], head[20:24] = b"acsp", b"mntr", b"RGB ", b"XYZ "
    head[48:56] = tail.encode()[:8]
    head[100:128] = tail.encode().ljust(28)[:28]
    return bytes(head) + struct.pack(">I", len(tags)) + table + body


def surface(seed: int, which: int) -> Sample:
    """A surface segmentation: points and indices that must stay, one list of text that must not."""
    rng = random.Random(f"{seed} surface {which}")
    planter = Planter(rng, "", False)
    sop_class = "1.2.840.10008.5.1.4.1.1.66.5"
    ds = Dataset()
    identity(ds, planter, sop_class)
    ds.Modality, ds.ContentLabel = "SEG", "LESION"
    ds.NumberOfSurfaces = 1
    points = Dataset()
    points.NumberOfSurfacePoints = 30
    points.PointCoordinatesData = struct.pack("<90f", *[rng.uniform(-150, 150) for _ in range(90)])
    one = Dataset()
    one.SurfaceNumber, one.SurfacePointsSequence = 1, [points]
    lone = Person(rng)
    triangles = Dataset()
    triangles.LongTrianglePointIndexList = struct.pack(
        "<30I", *[rng.randrange(1, 31) for _ in range(30)]
    )
    one.SurfaceMeshPrimitivesSequence = [triangles]
    one.SurfaceComments, one.SurfaceProcessingDescription = lone.family, lone.given
    planter.note("surface comments", lone.family, lone.given)
    normals = Dataset()
    normals.NumberOfVectors, normals.VectorDimensionality = 6, 3
    text = (lone.number + lone.family).encode().ljust(72)
    normals.VectorCoordinateData = text
    planter.note("surface normals that are text", lone.family)
    one.SurfacePointsNormalsSequence = [normals]
    ds.SurfaceSequence = [one]
    planter.scatter(ds, 40, "root of a surface")
    where = ("SurfaceSequence", 0, "SurfacePointsSequence", 0, "PointCoordinatesData")
    mesh = ("SurfaceSequence", 0, "SurfaceMeshPrimitivesSequence", 0, "LongTrianglePointIndexList")
    return Sample(
        f"surface {which}",
        part10(ds, (ELE, ILE)[which % 2], planter),
        sop_class,
        (ELE, ILE)[which % 2],
        "basic",
        planter.plants,
        {"points": same(*where), "triangles": same(*mesh)},
    )


def groups(seed: int, which: int) -> Sample:
    """An enhanced image of many frames: functional groups with dates, comments and geometry."""
    rng = random.Random(f"{seed} groups {which}")
    planter = Planter(rng, "ISO_IR 100", which % 2 == 0)
    note = planter.note
    sop_class = (
        "1.2.840.10008.5.1.4.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.4.1",
        "1.2.840.10008.5.1.4.1.1.6.2",
    )[which % 3]
    syntax = (ELE, EBE, ILE)[which % 3]
    ds = Dataset()
    identity(ds, planter, sop_class)
    ds.Modality = "CT"
    frames = 20
    pixels(ds, rng, frames, 8)
    per_frame = []
    for n in range(frames):
        who = Person(rng)
        content = Dataset()
        content.FrameAcquisitionDateTime = f"{planter.dates[n]:%Y%m%d}120000.{n:06d}"
        content.FrameComments, content.FrameLabel = who.text()[0], who.family
        content.StackID, content.InStackPositionNumber = "1", n + 1
        content.DimensionIndexValues = [1, n + 1]
        note("FrameAcquisitionDateTime", f"{planter.dates[n]:%Y%m%d}")
        note("FrameLabel", who.family)
        place = Dataset()
        place.ImagePositionPatient = [f"{rng.uniform(-200, 200):.10f}"[:16] for _ in range(3)]
        source = Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = (
            sop_class,
            generate_uid("1.2.826.0.1.3680043.9.7433."),
        )
        note("source image of a frame", str(source.ReferencedSOPInstanceUID))
        derivation = Dataset()
        derivation.DerivationDescription, derivation.SourceImageSequence = who.given, [source]
        note("frame's derivation", who.given)
        group = Dataset()
        group.FrameContentSequence, group.PlanePositionSequence = [content], [place]
        group.DerivationImageSequence = [derivation]
        group.add_new(0x00091001, "LO", who.family)
        per_frame.append(group)
    ds.PerFrameFunctionalGroupsSequence = per_frame
    shared = Dataset()
    spacing = Dataset()
    spacing.PixelSpacing, spacing.SliceThickness = ["0.5", "0.5"], "1"
    shared.PixelMeasuresSequence = [spacing]
    ds.SharedFunctionalGroupsSequence = [shared]
    organization = Dataset()
    organization.DimensionOrganizationUID = generate_uid("1.2.826.0.1.3680043.9.7433.")
    ds.DimensionOrganizationSequence = [organization]
    index = Dataset()
    index.DimensionOrganizationUID, index.DimensionIndexPointer = (
        organization.DimensionOrganizationUID,
        0x00209057,
    )
    index.DimensionDescriptionLabel = planter.other.family
    ds.DimensionIndexSequence = [index]
    holds = {
        k: v
        for k, v in standard_holds("basic").items()
        if k in ("Rows", "pixels", "NumberOfFrames", "Modality")
    }
    holds["spacing"] = same(
        "SharedFunctionalGroupsSequence", 0, "PixelMeasuresSequence", 0, "PixelSpacing"
    )
    for n in range(frames):
        holds[f"position {n}"] = same(
            "PerFrameFunctionalGroupsSequence",
            n,
            "PlanePositionSequence",
            0,
            "ImagePositionPatient",
        )
        holds[f"index {n}"] = same(
            "PerFrameFunctionalGroupsSequence", n, "FrameContentSequence", 0, "DimensionIndexValues"
        )
    holds["index pointer"] = same("DimensionIndexSequence", 0, "DimensionIndexPointer")
    holds["one organization"] = lambda old, new: (
        new.DimensionIndexSequence[0].DimensionOrganizationUID
        == new.DimensionOrganizationSequence[0].DimensionOrganizationUID
    )
    return Sample(
        f"groups {which}",
        part10(ds, syntax, planter),
        sop_class,
        syntax,
        "research" if which % 2 == 0 else "basic",
        planter.plants,
        holds,
        picture="native",
    )
