"""Pieces of DICOMweb addresses. The base is ``/dicomweb`` (whatever the caller may reach) or
``/dicomweb/projects/<slug>`` (one project)."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class ScopeConverter(StringConverter):
    """Nothing, or ``/projects/<slug>``: the slug, or an empty string."""

    regex = r"(?:/projects/[-a-zA-Z0-9_]+)?"

    def to_python(self, value: str) -> str:
        return value.rpartition("/")[2]

    def to_url(self, value: str) -> str:
        return f"/projects/{value}" if value else ""


class UidConverter(StringConverter):
    """A DICOM UID (PS3.5 section 9.1), loosely."""

    regex = r"[0-9.]{1,64}"


class FramesConverter:
    """Frame numbers from 1, separated by commas."""

    regex = r"[0-9]{1,9}(?:,[0-9]{1,9})*"

    def to_python(self, value: str) -> list[int]:
        return [int(number) for number in value.split(",")]

    def to_url(self, value: list[int]) -> str:
        return ",".join(map(str, value))


class TagConverter(StringConverter):
    """An attribute's tag as eight hexadecimal digits."""

    regex = r"[0-9a-fA-F]{8}"


register_converter(ScopeConverter, "scope")
register_converter(UidConverter, "uid")
register_converter(FramesConverter, "frames")
register_converter(TagConverter, "tag")
STUDIES = "dicomweb<scope:scope>/studies"
