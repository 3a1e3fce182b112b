"""Addresses of this room."""

from django.urls import URLPattern, path

from apps.access import views

urlpatterns: list[URLPattern] = [
    path("account/", views.account, name="account"),
    path("account/tokens/", views.own_tokens, name="tokens"),
    path("account/tokens/<uuid:token_id>/revoke/", views.revoke, name="token-revoke"),
    path("people/machines/add/", views.add_machine, name="machine-add"),
]
