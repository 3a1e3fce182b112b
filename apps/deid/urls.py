"""Addresses of this room."""

from django.urls import URLPattern, path

from apps.deid import api, device_views, policy_views, report_views, retention_views, views

_API = "api/v1/quarantine/<uuid:received_id>"

urlpatterns: list[URLPattern] = [
    path("deid/", policy_views.listing, name="deid"),
    path("deid/<uuid:project_id>/", policy_views.one, name="deid-rules"),
    path("deid/<uuid:project_id>/choose/", policy_views.choose, name="deid-choose"),
    path("deid/<uuid:project_id>/options/", policy_views.options, name="deid-options"),
    path("deid/<uuid:project_id>/profiles/", policy_views.save, name="deid-profile-save"),
    path("deid/<uuid:project_id>/report/", report_views.project, name="deid-report"),
    path("quarantine/<uuid:received_id>/sheet/", report_views.sheet, name="review-sheet"),
    path("quarantine/<uuid:received_id>/dry-run/", report_views.dry_run, name="review-dry-run"),
    path("deid/profiles/<uuid:profile_id>/", policy_views.decide, name="deid-profile-decide"),
    path("deid/<uuid:project_id>/devices/", device_views.listing, name="deid-devices"),
    path("deid/devices/<uuid:device_id>/", device_views.release, name="deid-device-release"),
    path(
        "deid/devices/<uuid:device_id>/confirm/", device_views.confirm, name="deid-device-confirm"
    ),
    path("deid/masks/<uuid:mask_id>/retire/", device_views.retire, name="deid-mask-retire"),
    path("quarantine/<uuid:received_id>/", views.review, name="review"),
    path("quarantine/<uuid:received_id>/remedy/", views.remedy, name="quarantine-remedy"),
    path("retention/", retention_views.page, name="retention"),
    path("retention/<uuid:project_id>/rule/", retention_views.set_rule, name="retention-rule"),
    path("retention/<uuid:project_id>/hold/", retention_views.place, name="hold-place"),
    path("retention/holds/<uuid:hold_id>/lift/", retention_views.lift, name="hold-lift"),
    path(f"{_API}/", api.ReviewView.as_view(), name="review-api"),
    path(
        f"{_API}/frames/<int:frame_index>.png", api.ReviewFrameView.as_view(), name="review-frame"
    ),
    path(f"{_API}/confirm/", api.ConfirmView.as_view(), name="review-confirm"),
    path(f"{_API}/mask/", api.MaskView.as_view(), name="review-mask"),
    path(f"{_API}/refuse/", api.RefuseView.as_view(), name="review-refuse"),
    path(f"{_API}/reject/", api.RejectView.as_view(), name="review-reject"),
    path(f"{_API}/retry/", api.RetryView.as_view(), name="review-retry"),
]
