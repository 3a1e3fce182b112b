"""QIDO-RS (PS3.18 section 10.6): studies, series and instances by their attributes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.errors import Refused
from apps.intake.dicomweb.doors import DicomwebView
from apps.intake.dicomweb.stow import StowView
from apps.library.dicomweb import queries
from apps.library.domain.attribute_matching import InvalidQuery, parse

# An array, each in the DICOM JSON model (PS3.18 Annex F).
_LIST = {"type": "array", "items": {"type": "object"}}
_ANSWERS = {200: _LIST, **dict.fromkeys((400, 404), OpenApiTypes.OBJECT)}


def base_of(request: Any, scope: str) -> str:
    """The address of DICOMweb as this client calls it."""
    return str(request.build_absolute_uri("/dicomweb" + (f"/projects/{scope}" if scope else "")))


def _found(request: Any, scope: str, level: str, levels: tuple[str, ...], **where: str) -> Response:
    parameters = [(name, value) for name, values in request.GET.lists() for value in values]
    try:
        query = parse(parameters, level)
    except InvalidQuery as error:
        raise Refused("invalid_query", f"{str(error).capitalize()}.", "See PS3.18 8.3.4.") from None
    visible = queries.instances_for(request.user, scope)
    if where:
        visible = queries.instances_at(request.user, scope, **where)
    page, has_more = queries.search(visible, query, level, levels, base_of(request, scope))
    response = Response(page)
    if has_more:
        response["Warning"] = (
            '299 ClinicalAnnot "There are additional results that can be requested"'
        )
    elif query.ignored:
        response["Warning"] = (
            '299 ClinicalAnnot "The fuzzymatching parameter is not supported. '
            'Only literal matching has been performed."'
        )
    return response


class StudiesView(StowView):
    @extend_schema(operation_id="dicomweb_search_studies", responses=_ANSWERS)
    def get(self, request: Any, scope: str) -> Response:
        """Search studies that you may see (QIDO-RS)"""
        return _found(request, scope, "study", ("study",))


class SeriesView(DicomwebView):
    @extend_schema(operation_id="dicomweb_search_series", responses=_ANSWERS)
    def get(self, request: Any, scope: str) -> Response:
        """Search series that you may see (QIDO-RS)"""
        return _found(request, scope, "series", ("study", "series"))


class StudySeriesView(DicomwebView):
    @extend_schema(operation_id="dicomweb_search_series_of_study", responses=_ANSWERS)
    def get(self, request: Any, scope: str, study_uid: str) -> Response:
        """Search the series of a study (QIDO-RS)"""
        return _found(request, scope, "series", ("series",), study_uid=study_uid)


class InstancesView(DicomwebView):
    @extend_schema(operation_id="dicomweb_search_instances", responses=_ANSWERS)
    def get(self, request: Any, scope: str) -> Response:
        """Search instances that you may see (QIDO-RS)"""
        return _found(request, scope, "instance", ("study", "series", "instance"))


class StudyInstancesView(DicomwebView):
    @extend_schema(operation_id="dicomweb_search_instances_of_study", responses=_ANSWERS)
    def get(self, request: Any, scope: str, study_uid: str) -> Response:
        """Search the instances of a study (QIDO-RS)"""
        return _found(request, scope, "instance", ("series", "instance"), study_uid=study_uid)


class SeriesInstancesView(DicomwebView):
    @extend_schema(operation_id="dicomweb_search_instances_of_series", responses=_ANSWERS)
    def get(self, request: Any, scope: str, study_uid: str, series_uid: str) -> Response:
        """Search the instances of a series (QIDO-RS)"""
        return _found(
            request, scope, "instance", ("instance",), study_uid=study_uid, series_uid=series_uid
        )
