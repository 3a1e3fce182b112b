"""Measurements in an SR as the field's readers see them: highdicom and dciodvfy."""

from __future__ import annotations

import io
import shutil

import highdicom as hd
import pytest

from apps.annotation.domain.measures import measures
from tests.domain.format_samples import written
from tests.domain.test_release_millimetres import REGION, SHAPES, freeze
from tests.interop.test_seg_readers import dciodvfy_errors

UNCERTAINTY = ("371884006", "SCT")


def test_highdicom_reads_lengths_and_areas_in_ucum_with_their_uncertainty(tmp_path):
    data = next(iter(written("dicom-sr", freeze(REGION)).values()))
    report = hd.sr.srread(io.BytesIO(data))
    groups = report.content.get_planar_roi_measurement_groups()
    found = {}
    for group in groups:
        for one in group.get_measurements():
            (off,) = one[0].ContentSequence
            code = off.ConceptNameCodeSequence[0]
            assert (code.CodeValue, code.CodingSchemeDesignator) == UNCERTAINTY
            found.setdefault(group.finding_type.value, {})[one.name.meaning.lower()] = (
                one.value, one.unit.value, float(off.MeasuredValueSequence[0].NumericValue),
            )  # fmt: skip
    for name, shape in SHAPES.items():
        said = {m.kind: (m.value, m.unit, m.uncertainty) for m in measures(shape, [REGION])}
        assert set(found.get(name, {})) == set(said)
        for kind, (value, unit, off) in said.items():
            assert found[name][kind] == (pytest.approx(value), unit, pytest.approx(off))
    if shutil.which("dciodvfy"):
        path = tmp_path / "sr.dcm"
        path.write_bytes(data)
        assert dciodvfy_errors(path) == []
