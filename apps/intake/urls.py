"""Addresses of this room."""

from django.urls import path

from apps.intake import views
from apps.intake.dicomweb.paths import STUDIES
from apps.intake.dicomweb.stow import StowView

urlpatterns = [
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/<uuid:received_id>/reject/", views.reject, name="quarantine-reject"),
    path("quarantine/<uuid:received_id>/retry/", views.retry, name="quarantine-retry"),
    path("node/", views.node, name="node"),
    path("node/echo/", views.echo, name="node-echo"),
    path(STUDIES, StowView.as_view(), name="dicomweb-studies"),
    path(f"{STUDIES}/<uid:study_uid>", StowView.as_view(), name="dicomweb-study"),
]
