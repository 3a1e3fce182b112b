"""Addresses of this room."""

from django.urls import include, path

from apps.library import api

_CLIP = "api/v1/clips/<uuid:clip_id>/"

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
    path("", include("apps.library.dicomweb.urls")),
]
