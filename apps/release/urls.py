"""Addresses of this room."""

from django.urls import path

from apps.release import api, draft_views, import_views, views

_API = "api/v1/releases/"
_ONE = "<uuid:release_id>/"

urlpatterns = [
    path("releases/", views.releases, name="releases"),
    path("releases/rules/<uuid:project_id>/", views.rules, name="release-rules"),
    path("releases/draft/", draft_views.begin, name="release-draft"),
    path(f"releases/{_ONE}choose/", draft_views.choose, name="release-choose"),
    path(f"releases/{_ONE}freeze/", draft_views.freeze, name="release-freeze"),
    path(f"releases/{_ONE}discard/", draft_views.discard, name="release-discard"),
    path(f"releases/{_ONE}check/", draft_views.check_part, name="release-check"),
    path(f"releases/{_ONE}", views.release, name="release"),
    path(f"releases/{_ONE}approve/", views.approve, name="release-approve"),
    path(f"releases/{_ONE}publish/", views.publish, name="release-publish"),
    path(f"releases/{_ONE}withdraw/", views.withdraw, name="release-withdraw"),
    path(f"releases/{_ONE}send/", views.send, name="release-send"),
    path(f"releases/{_ONE}recall/", views.recall, name="release-recall"),
    path("releases/recalls/<uuid:notice_id>/", views.answer_recall, name="release-recall-answer"),
    path("labels/import/", import_views.import_page, name="labels-import"),
    path(
        "api/v1/clips/<uuid:clip_id>/labels/import/",
        import_views.ImportView.as_view(),
        name="api-labels-import",
    ),
    path(_API, api.ReleaseListView.as_view(), name="api-releases"),
    path(f"{_API}{_ONE}", api.ReleaseView.as_view(), name="api-release"),
    path(f"{_API}{_ONE}difference", api.DifferenceView.as_view(), name="api-release-difference"),
    path(f"{_API}{_ONE}recall", api.RecallView.as_view(), name="api-release-recall"),
    path(
        f"{_API}recalls/<uuid:notice_id>/answer",
        api.RecallAnswerView.as_view(),
        name="api-release-recall-answer",
    ),
    path(f"{_API}{_ONE}download", api.DownloadView.as_view(), name="release-download"),
]
