"""Addresses of this room."""

from django.urls import include, path

from apps.library import api, finding_api, finding_views

_CLIP = "api/v1/clips/<uuid:clip_id>/"
_FINDING = "api/v1/findings/<uuid:finding_id>/"

urlpatterns = [
    path("api/v1/clips/", api.ClipListView.as_view(), name="clips"),
    path(_CLIP, api.ClipView.as_view(), name="clip"),
    path(f"{_CLIP}index.json", api.ClipIndexView.as_view(), name="clip-index"),
    path(f"{_CLIP}frames.csv", api.FramesCsvView.as_view(), name="clip-frames-csv"),
    path(f"{_CLIP}frames/<int:frame_index>.png", api.FrameView.as_view(), name="clip-frame"),
    path(f"{_CLIP}segments/", api.SegmentsView.as_view(), name="clip-segments"),
    path(f"{_CLIP}watched/", api.WatchedView.as_view(), name="clip-watched"),
    path("clips/<uuid:clip_id>/segments/<int:start_frame>.mp4", api.segment, name="clip-segment"),
    path("clips/<uuid:clip_id>/review.mp4", api.review, name="clip-review"),
    path(f"{_CLIP}findings/", finding_api.ClipFindingsView.as_view(), name="clip-findings"),
    path(
        "api/v1/findings/<uuid:finding_id>/take-back/",
        finding_api.TakeBackView.as_view(),
        name="finding-take-back",
    ),
    path("api/v1/findings/", finding_api.FindingListView.as_view(), name="api-findings"),
    path(_FINDING, finding_api.FindingView.as_view(), name="api-finding"),
    path(f"{_FINDING}who/", finding_api.FindingIdentityView.as_view(), name="api-finding-identity"),
    path(f"{_FINDING}report/", finding_api.FindingReportView.as_view(), name="api-finding-report"),
    path(f"{_FINDING}close/", finding_api.FindingCloseView.as_view(), name="api-finding-close"),
    path("findings/", finding_views.listing, name="findings"),
    path("findings/<uuid:finding_id>/", finding_views.one, name="finding"),
    path("findings/<uuid:finding_id>/who/", finding_views.identity, name="finding-identity"),
    path("findings/<uuid:finding_id>/report/", finding_views.report, name="finding-report"),
    path("findings/<uuid:finding_id>/close/", finding_views.close, name="finding-close"),
    path("", include("apps.library.dicomweb.urls")),
]
