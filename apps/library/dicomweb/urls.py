"""Addresses of DICOMweb. Storing (POST) is intake's; searching and retrieving the library's."""

from django.urls import path

from apps.intake.dicomweb.paths import STUDIES
from apps.library.dicomweb import retrieve, search

_BASE = "dicomweb<scope:scope>"
_STUDY = f"{STUDIES}/<uid:study_uid>"
_SERIES = f"{_STUDY}/series/<uid:series_uid>"
_INSTANCE = f"{_SERIES}/instances/<uid:instance_uid>"
_METADATA = retrieve.MetadataView.as_view()
_RENDERED = retrieve.RenderedView.as_view()

urlpatterns = [
    path(STUDIES, search.StudiesView.as_view(), name="dicomweb-studies"),
    path(f"{_BASE}/series", search.SeriesView.as_view(), name="dicomweb-all-series"),
    path(f"{_BASE}/instances", search.InstancesView.as_view(), name="dicomweb-all-instances"),
    path(_STUDY, retrieve.StudyView.as_view(), name="dicomweb-study"),
    path(f"{_STUDY}/metadata", _METADATA, name="dicomweb-study-metadata"),
    path(
        f"{_STUDY}/instances", search.StudyInstancesView.as_view(), name="dicomweb-study-instances"
    ),
    path(f"{_STUDY}/series", search.StudySeriesView.as_view(), name="dicomweb-study-series"),
    path(_SERIES, retrieve.OneSeriesView.as_view(), name="dicomweb-series"),
    path(f"{_SERIES}/metadata", _METADATA, name="dicomweb-series-metadata"),
    path(
        f"{_SERIES}/instances",
        search.SeriesInstancesView.as_view(),
        name="dicomweb-series-instances",
    ),
    path(_INSTANCE, retrieve.InstanceView.as_view(), name="dicomweb-instance"),
    path(f"{_INSTANCE}/metadata", _METADATA, name="dicomweb-instance-metadata"),
    path(f"{_INSTANCE}/rendered", _RENDERED, name="dicomweb-instance-rendered"),
    path(
        f"{_INSTANCE}/frames/<frames:numbers>",
        retrieve.FramesView.as_view(),
        name="dicomweb-frames",
    ),
    path(
        f"{_INSTANCE}/frames/<frames:numbers>/rendered", _RENDERED, name="dicomweb-frame-rendered"
    ),
    path(
        f"{_INSTANCE}/bulkdata/<tag:tag>", retrieve.BulkdataView.as_view(), name="dicomweb-bulkdata"
    ),
]
