"""Addresses of this room."""

from django.urls import path

from apps.release import api, draft_api, draft_views, import_views, sending_views, views

_API = "api/v1/releases/"
_ONE = "<uuid:release_id>/"
_SENDING = "releases/sendings/<uuid:sending_id>/"
_PLACE = "destinations/<uuid:destination_id>/"

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
    path(f"releases/{_ONE}send/", sending_views.send, name="release-send"),
    path(f"{_SENDING}cancel/", sending_views.cancel, name="sending-cancel"),
    path(f"{_SENDING}resume/", sending_views.resume, name="sending-resume"),
    path("destinations/", sending_views.places, name="destinations"),
    path("destinations/new/", sending_views.add_place, name="destination-add"),
    path(f"{_PLACE}check/", sending_views.check_place, name="destination-check"),
    path(f"{_PLACE}remove/", sending_views.remove_place, name="destination-remove"),
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
    path(f"{_API}{_ONE}draft", draft_api.DraftView.as_view(), name="api-release-draft"),
    path(f"{_API}{_ONE}freeze", draft_api.FreezeView.as_view(), name="api-release-freeze"),
    path(f"{_API}{_ONE}discard", draft_api.DiscardView.as_view(), name="api-release-discard"),
    path(f"{_API}{_ONE}sendings", draft_api.SendingsView.as_view(), name="api-release-sendings"),
    path(f"{_API}{_ONE}difference", api.DifferenceView.as_view(), name="api-release-difference"),
    path(f"{_API}{_ONE}recall", api.RecallView.as_view(), name="api-release-recall"),
    path(
        f"{_API}recalls/<uuid:notice_id>/answer",
        api.RecallAnswerView.as_view(),
        name="api-release-recall-answer",
    ),
    path(f"{_API}{_ONE}download", api.DownloadView.as_view(), name="release-download"),
]
