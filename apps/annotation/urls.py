"""Addresses of this room."""

from django.contrib.auth.decorators import login_required
from django.urls import path

from apps.annotation import (
    api,
    comment_api,
    example_api,
    habits_api,
    propagation_api,
    window_api,
)
from apps.annotation.procedure import ProcedureView

_SET = "api/v1/label-sets/<uuid:label_set_id>/"
_BESIDE = "api/v1/beside/<uuid:label_set_id>/"

urlpatterns = [
    path(_SET, api.LabelSetView.as_view(), name="label-set"),
    path(f"{_SET}revisions/", api.RevisionsView.as_view(), name="label-set-revisions"),
    path(f"{_SET}revisions/<int:revision>/", api.RevisionView.as_view(), name="label-set-revision"),
    path(
        f"{_SET}revisions/<int:revision>/changes/",
        api.RevisionChangesView.as_view(),
        name="label-set-changes",
    ),
    path(f"{_SET}operations/", api.OperationsView.as_view(), name="label-set-operations"),
    path(f"{_SET}proposals/", api.ProposalsView.as_view(), name="label-set-proposals"),
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
    path(f"{_SET}comments/", comment_api.CommentsView.as_view(), name="label-set-comments"),
    path(f"{_SET}time/", habits_api.TimeView.as_view(), name="label-set-time"),
    path(
        "api/v1/clips/<uuid:clip_id>/comments/",
        comment_api.ClipCommentsView.as_view(),
        name="clip-comments",
    ),
    path(
        "api/v1/comments/<uuid:thread_id>/answer/",
        comment_api.CommentAnswerView.as_view(),
        name="comment-answer",
    ),
    path(
        "api/v1/comments/<uuid:thread_id>/settle/",
        comment_api.CommentSettleView.as_view(),
        name="comment-settle",
    ),
    path("api/v1/me/keys/", habits_api.KeysView.as_view(), name="my-keys"),
    path(f"{_SET}outline/", window_api.OutlineView.as_view(), name="label-set-outline"),
    path(f"{_SET}keyframes/", window_api.KeyframesView.as_view(), name="label-set-keyframes"),
    path(
        "api/v1/clips/<uuid:clip_id>/examples/",
        example_api.ExamplesView.as_view(),
        name="clip-examples",
    ),
    path(
        "api/v1/examples/<uuid:example_id>/remove/",
        example_api.ExampleRemoveView.as_view(),
        name="example-remove",
    ),
    path("api/v1/clips/<uuid:clip_id>/beside/", window_api.ClipBesideView.as_view(), name="beside"),
    path(f"{_BESIDE}outline/", window_api.BesideOutlineView.as_view(), name="beside-outline"),
    path(f"{_BESIDE}keyframes/", window_api.BesideKeyframesView.as_view(), name="beside-keyframes"),
    path(f"{_SET}submit/", api.SubmitView.as_view(), name="label-set-submit"),
    path("api/v1/clips/<uuid:clip_id>/procedure/", ProcedureView.as_view(), name="clip-procedure"),
    path("clips/<uuid:clip_id>/work/", login_required(api.workspace), name="workspace"),
]
