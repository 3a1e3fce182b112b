"""Every address; each leads to a verb or a query."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.intake.urls")),
    path("", include("apps.deid.urls")),
    path("", include("apps.library.urls")),
    path("", include("apps.annotation.urls")),
    path("", include("apps.adjudication.urls")),
    path("", include("apps.release.urls")),
]
handler404 = "clinical_annot.errors.page_not_found"
handler500 = "clinical_annot.errors.server_error"
