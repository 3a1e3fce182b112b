"""Addresses of this room."""

from django.contrib.auth.decorators import login_required
from django.urls import path

from apps.annotation import api, propagation_api
from apps.annotation.procedure import ProcedureView

_SET = "api/v1/label-sets/<uuid:label_set_id>/"

urlpatterns = [
    path(_SET, api.LabelSetView.as_view(), name="label-set"),
    path(f"{_SET}revisions/<int:revision>/", api.RevisionView.as_view(), name="label-set-revision"),
    path(f"{_SET}operations/", api.OperationsView.as_view(), name="label-set-operations"),
    path(f"{_SET}propagations/", propagation_api.PropagationsView.as_view(), name="propagations"),
    path(
        f"{_SET}propagations/<uuid:propagation_id>/",
        propagation_api.PropagationView.as_view(),
        name="propagation",
    ),
    path(
        f"{_SET}propagations/<uuid:propagation_id>/cancel/",
        propagation_api.PropagationCancelView.as_view(),
        name="propagation-cancel",
    ),
    path(f"{_SET}submit/", api.SubmitView.as_view(), name="label-set-submit"),
    path("api/v1/clips/<uuid:clip_id>/procedure/", ProcedureView.as_view(), name="clip-procedure"),
    path("clips/<uuid:clip_id>/work/", login_required(api.workspace), name="workspace"),
]
