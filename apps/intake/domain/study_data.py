"""What a steward types about a study that comes as plain video files. All of it identifies: it goes
into the instances' headers and nowhere else."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any


class InvalidStudyData(ValueError):
    """A field is not as it must be; the message names the field, never its value."""


@dataclass(frozen=True, repr=False)
class StudyData:
    """Dates are YYYYMMDD, times HHMMSS, sex M, F or O; texts have at most 64 characters."""

    patient_id: str
    study_date: str
    study_time: str = ""
    patient_name: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    study_id: str = ""
    study_description: str = ""

    def study_key(self) -> str:
        """The same typed data is the same study, whenever its parts come."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(named, sort_keys=True)

    def uid(self, what: str) -> str:
        """A UID that the same data and ``what`` always give."""
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{what}/{self.study_key()}').int}"


FIELDS = tuple(field.name for field in fields(StudyData))
_LENGTHS = {"accession_number": 16, "study_id": 16}


def study_data(typed: Mapping[str, Any]) -> StudyData:
    """Check what was typed. Raises InvalidStudyData."""
    unknown = set(typed) - set(FIELDS)
    if unknown:
        raise InvalidStudyData(f"study data has these fields: {', '.join(FIELDS)}")
    held = {}
    for name in FIELDS:
        value = typed.get(name) or ""
        if not isinstance(value, str):
            raise InvalidStudyData(f"{name}: a text is expected")
        held[name] = _checked(name, value.strip())
    for name in ("patient_id", "study_date"):
        if not held[name]:
            raise InvalidStudyData(f"{name}: must be given, so that parts belong together")
    return StudyData(**held)


def _checked(name: str, value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f\\]", value) or len(value) > _LENGTHS.get(name, 64):
        raise InvalidStudyData(f"{name}: too long, or a character that DICOM does not take there")
    if not value:
        return ""
    if name.endswith("_date"):
        return _parsed(name, value.replace("-", ""), "%Y%m%d", "YYYY-MM-DD")
    if name.endswith("_time"):
        return _parsed(name, value.replace(":", "").ljust(6, "0"), "%H%M%S", "HH:MM:SS")
    if name == "patient_sex" and value not in ("M", "F", "O"):
        raise InvalidStudyData("patient_sex: M, F or O is expected")
    return value


def _parsed(name: str, value: str, form: str, said: str) -> str:
    try:
        if len(value) != len(datetime(2000, 1, 1).strftime(form)):
            raise ValueError
        return datetime.strptime(value, form).strftime(form)
    except ValueError:
        raise InvalidStudyData(f"{name}: {said} is expected") from None


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that puts ``part2`` before ``part10``, without regard to case."""
    pieces = re.split(r"([0-9]+)", name.casefold())
    return [(1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in pieces]
