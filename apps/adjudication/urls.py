"""Addresses of this room."""

from django.urls import path

from apps.adjudication import api, assignment_api, assignment_pages, planning_api, reader_api

_ONE = "api/v1/adjudications/<uuid:adjudication_id>/"
_GIVEN = "assignments/<uuid:assignment_id>/"
_API = f"api/v1/{_GIVEN}"

urlpatterns = [
    path(_ONE, api.AdjudicationView.as_view(), name="adjudication"),
    path(f"{_ONE}decide/", api.DecideView.as_view(), name="adjudication-decide"),
    path(f"{_ONE}accept-small/", api.AcceptSmallView.as_view(), name="adjudication-accept-small"),
    path(f"{_ONE}take-in/", api.TakeInView.as_view(), name="adjudication-take-in"),
    path(f"{_ONE}correct/", api.CorrectView.as_view(), name="adjudication-correct"),
    path(f"{_ONE}return/", api.ReturnView.as_view(), name="adjudication-return"),
    path(f"{_ONE}sign/", api.SignView.as_view(), name="adjudication-sign"),
    path(f"{_ONE}statement/", api.StatementView.as_view(), name="adjudication-statement"),
    path(f"{_ONE}countersign/", api.CountersignView.as_view(), name="adjudication-countersign"),
    path(f"{_ONE}withdraw/", api.WithdrawView.as_view(), name="adjudication-withdraw"),
    path(f"{_ONE}amend/", api.AmendView.as_view(), name="adjudication-amend"),
    path("adjudications/<uuid:adjudication_id>/amend/", api.amend, name="adjudication-amend-page"),
    path("projects/<uuid:project_id>/adjudication-rules/", api.rules, name="adjudication-rules"),
    path(
        "api/v1/projects/<uuid:project_id>/workflow/",
        planning_api.WorkflowView.as_view(),
        name="project-workflow",
    ),
    path(
        "api/v1/projects/<uuid:project_id>/assignments/",
        planning_api.AssignmentsView.as_view(),
        name="project-assignments",
    ),
    path(
        "api/v1/projects/<uuid:project_id>/plan/",
        planning_api.PlanView.as_view(),
        name="project-plan",
    ),
    path("projects/<uuid:project_id>/assignments/", assignment_pages.matrix, name="assignments"),
    path("projects/<uuid:project_id>/plan/", assignment_pages.plan, name="plan"),
    path("projects/<uuid:project_id>/calibrations/", assignment_pages.calibrate, name="calibrate"),
    path("calibrations/<uuid:assignment_id>/", assignment_pages.calibration, name="calibration"),
    path(
        "api/v1/me/assignments/",
        assignment_api.OwnAssignmentsView.as_view(),
        name="own-assignments",
    ),
    path(f"{_API}skip/", assignment_api.SkipView.as_view(), name="api-assignment-skip"),
    path(f"{_API}reassign/", assignment_api.ReassignView.as_view(), name="api-assignment-reassign"),
    path(f"{_API}return/", assignment_api.ReturnView.as_view(), name="api-assignment-return"),
    path(f"{_API}due/", assignment_api.DueView.as_view(), name="api-assignment-due"),
    path(f"{_GIVEN}reassign/", assignment_pages.reassign, name="assignment-reassign"),
    path(f"{_GIVEN}return/", assignment_pages.return_work, name="assignment-return"),
    path(f"{_GIVEN}due/", assignment_pages.set_due, name="assignment-due"),
    path(f"{_GIVEN}skip/", assignment_pages.skip, name="assignment-skip"),
    path("projects/<uuid:project_id>/workflow/", planning_api.workflow_page, name="workflow"),
    path("adjudications/<uuid:adjudication_id>/", api.screen, name="adjudication-screen"),
    path(
        "api/v1/clips/<uuid:clip_id>/agreement/",
        reader_api.ClipAgreementView.as_view(),
        name="api-clip-agreement",
    ),
    path(
        "api/v1/projects/<uuid:project_id>/agreement/",
        reader_api.ProjectAgreementView.as_view(),
        name="api-project-agreement",
    ),
    path(
        "api/v1/further-readings/<uuid:reading_id>/assign/",
        reader_api.FurtherReadingView.as_view(),
        name="api-further-reading",
    ),
    path("clips/<uuid:clip_id>/agreement/", reader_api.clip_page, name="clip-agreement"),
    path("clips/<uuid:clip_id>/agreement/ask/", reader_api.ask, name="clip-agreement-ask"),
    path("clips/<uuid:clip_id>/agreement.csv", reader_api.clip_csv, name="clip-agreement-csv"),
    path(
        "projects/<uuid:project_id>/agreement/", reader_api.project_page, name="project-agreement"
    ),
    path(
        "projects/<uuid:project_id>/agreement.csv",
        reader_api.project_csv,
        name="project-agreement-csv",
    ),
    path("projects/<uuid:project_id>/further-reader/", reader_api.rule, name="further-reader-rule"),
    path("projects/<uuid:project_id>/tolerances/", reader_api.tolerances, name="tolerances"),
    path("further-readings/<uuid:reading_id>/", reader_api.call, name="further-reading-call"),
    path(
        "further-readings/<uuid:reading_id>/decline/",
        reader_api.decline,
        name="further-reading-decline",
    ),
]
