"""Addresses of this room."""

from django.urls import URLPattern, path

from apps.deid import api, views

_API = "api/v1/quarantine/<uuid:received_id>"

urlpatterns: list[URLPattern] = [
    path("quarantine/<uuid:received_id>/", views.review, name="review"),
    path(f"{_API}/", api.ReviewView.as_view(), name="review-api"),
    path(
        f"{_API}/frames/<int:frame_index>.png", api.ReviewFrameView.as_view(), name="review-frame"
    ),
    path(f"{_API}/confirm/", api.ConfirmView.as_view(), name="review-confirm"),
    path(f"{_API}/reject/", api.RejectView.as_view(), name="review-reject"),
    path(f"{_API}/retry/", api.RetryView.as_view(), name="review-retry"),
]
