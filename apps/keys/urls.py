"""Addresses of this room."""

from django.urls import URLPattern, path

from apps.keys import api

urlpatterns: list[URLPattern] = [
    path(
        "api/v1/subjects/<uuid:subject_id>/destroy-key/",
        api.DestroyKeyView.as_view(),
        name="subject-destroy-key",
    ),
]
