"""Addresses of this room."""

from django.contrib.auth.decorators import login_required
from django.urls import path

from apps.annotation import api

_SET = "api/v1/label-sets/<uuid:label_set_id>/"

urlpatterns = [
    path(_SET, api.LabelSetView.as_view(), name="label-set"),
    path(f"{_SET}revisions/<int:revision>/", api.RevisionView.as_view(), name="label-set-revision"),
    path(f"{_SET}operations/", api.OperationsView.as_view(), name="label-set-operations"),
    path(f"{_SET}submit/", api.SubmitView.as_view(), name="label-set-submit"),
    path("clips/<uuid:clip_id>/work/", login_required(api.workspace), name="workspace"),
]
