"""Every address; each leads to a verb or a query."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from clinical_annot import (
    access_report,
    corrections,
    health,
    metrics,
    pages,
    people,
    rooms,
    session,
    trail,
    withdrawals,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.my_work, name="my-work"),
    path("studies/", pages.studies, name="studies"),
    path("quarantine/progress/", rooms.progress, name="quarantine-progress"),
    path("studies/<uuid:study_id>/touched/", corrections.study, name="study-touched"),
    path("quarantine/<uuid:received_id>/withdraw/", withdrawals.withdraw, name="withdraw"),
    path("corrections/", corrections.listing, name="corrections"),
    path("corrections/merge/", corrections.merge, name="corrections-merge"),
    path("corrections/<uuid:correction_id>/", corrections.one, name="correction"),
    path("corrections/<uuid:correction_id>/settle/", corrections.settle, name="correction-settle"),
    path("projects/", pages.projects, name="projects"),
    path("projects/assign/", pages.assign, name="assign"),
    path("audit/", pages.audit, name="audit"),
    path("audit/accesses/", access_report.report, name="audit-accesses"),
    path("audit/unusual/", access_report.unusual, name="audit-unusual"),
    path("audit/verify/", pages.audit_verify, name="audit-verify"),
    path("audit/export/", pages.audit_export, name="audit-export"),
    path("audit/<uuid:event_id>/proof/", trail.proof_file, name="audit-proof"),
    path("api/v1/audit/checkpoint/", trail.CheckpointView.as_view(), name="api-checkpoint"),
    path("api/v1/audit/consistency/", trail.ConsistencyView.as_view(), name="api-consistency"),
    path("api/v1/audit/<uuid:event_id>/proof/", trail.ProofView.as_view(), name="api-proof"),
    path("people/", people.listing, name="people"),
    path("people/add/", people.add, name="people-add"),
    path("people/change/", people.change, name="people-change"),
    path("metrics", metrics.metrics, name="metrics"),
    path("healthz", health.healthz, name="healthz"),
    path("accounts/", include("clinical_annot.sign_in.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/me/", session.MeView.as_view(), name="me"),
    path("api/v1/session/", session.SessionView.as_view(), name="session"),
    path("", include("apps.access.urls")),
    path("", include("apps.keys.urls")),
    path("", include("apps.intake.urls")),
    path("", include("apps.deid.urls")),
    path("", include("apps.library.urls")),
    path("", include("apps.annotation.urls")),
    path("", include("apps.adjudication.urls")),
    path("", include("apps.release.urls")),
]
handler404 = "clinical_annot.errors.page_not_found"
handler500 = "clinical_annot.errors.server_error"
