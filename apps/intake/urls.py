"""Addresses of this room."""

from django.urls import path

from apps.intake import views

urlpatterns = [
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/<uuid:received_id>/reject/", views.reject, name="quarantine-reject"),
    path("quarantine/<uuid:received_id>/retry/", views.retry, name="quarantine-retry"),
    path("node/", views.node, name="node"),
    path("node/echo/", views.echo, name="node-echo"),
]
