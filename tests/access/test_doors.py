"""Every address leads to a verb or a query, and none opens for a stranger."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.module_loading import import_string

from tests.access.rights import doors

# What each address leads to: the verb that it calls, or the query that it reads through.
DOORS = {
    "account": "apps.projects.queries.projects_for",
    "tokens": "apps.access.tokens.make_token",
    "token-revoke": "apps.access.tokens.revoke_token",
    "machine-add": "apps.access.tokens.add_machine",
    "my-work": "apps.adjudication.queries.assignments_for",
    "studies": "apps.library.queries.clips_for",
    "projects": "apps.projects.queries.projects_for",
    "assign": "apps.adjudication.assigning.assign_clip",
    "corrections": "apps.intake.queries.corrections_for",
    "correction": "apps.intake.queries.correction_for",
    "correction-settle": "apps.intake.corrections.settle",
    "corrections-merge": "apps.intake.corrections.merge_patients",
    "study-touched": "clinical_annot.queries.touched_by",
    "impact": "clinical_annot.queries.touched_by",
    "api-study-touched": "clinical_annot.queries.touched_by",
    "api-patient-touched": "clinical_annot.queries.touched_by",
    "study-hold": "apps.intake.corrections.report_study",
    "correction-later": "apps.intake.corrections.take_later",
    "clip-findings": "apps.library.queries.clip_for",
    "finding-take-back": "apps.library.incidental.take_back",
    "findings": "apps.library.queries.findings_for",
    "finding": "apps.library.queries.stewarded_findings",
    "finding-identity": "apps.library.incidental.identify",
    "finding-report": "apps.library.incidental.report",
    "api-findings": "apps.library.queries.findings_for",
    "api-finding": "apps.library.queries.stewarded_findings",
    "api-finding-identity": "apps.library.incidental.identify",
    "api-finding-report": "apps.library.incidental.report",
    "api-finding-close": "apps.library.incidental.close",
    "finding-close": "apps.library.incidental.close",
    "audit": "clinical_annot.queries.events_for",
    "audit-accesses": "apps.access.trail.note_report",
    "audit-unusual": "apps.access.trail.note_report",
    "audit-verify": "apps.access.trail.note_verification",
    "audit-export": "apps.access.trail.note_export",
    "audit-proof": "apps.access.trail.note_proof",
    "api-proof": "apps.access.trail.note_proof",
    "api-checkpoint": "clinical_annot.queries.events_for",
    "api-consistency": "clinical_annot.queries.events_for",
    "people": "apps.access.grants.live_rows",
    "people-add": "apps.access.people.add_person",
    "people-change": "apps.projects.services.grant_role",
    "project-manage": "apps.projects.queries.managed_projects",
    "project-create": "apps.projects.services.create_project",
    "project-members": "apps.projects.queries.managed_projects",
    "project-give": "apps.projects.services.grant_role",
    "project-take": "apps.projects.services.revoke_role",
    "project-sender": "apps.projects.services.add_sender",
    "project-ontology": "apps.ontology.services.draft_version",
    "agreement-add": "apps.projects.agreements.add_agreement",
    "agreement-change": "apps.projects.agreements.change_end",
    "session-lock": "apps.projects.queries.projects_for",
    "scim-users": "apps.access.people.deprovision",
    "scim-user": "apps.access.people.deprovision",
    "scim-config": "apps.projects.queries.projects_for",
    "emergency": "apps.projects.queries.emergencies_for",
    "emergency-begin": "apps.projects.emergency.begin",
    "emergency-one": "apps.projects.queries.emergencies_for",
    "emergency-end": "apps.projects.emergency.end",
    "emergency-review": "apps.projects.emergency.review",
    "emergency-clip": "apps.library.services.open_clip",
    "emergency-identity": "apps.library.services.identify",
    "me": "apps.projects.queries.projects_for",
    "quarantine": "apps.intake.queries.quarantine_for",
    "quarantine-search": "apps.intake.services.note_search",
    "quarantine-bulk": "apps.intake.services.reject_instance",
    "quarantine-progress": "apps.intake.queries.quarantine_for",
    "quarantine-reject": "apps.intake.services.reject_instance",
    "quarantine-retry": "apps.intake.services.retry_instance",
    "node": "apps.intake.queries.may_see_node",
    "node-echo": "apps.intake.services.note_echo",
    "dicomweb-studies": "apps.library.dicomweb.queries.instances_for",
    "dicomweb-all-series": "apps.library.dicomweb.queries.instances_for",
    "dicomweb-all-instances": "apps.library.dicomweb.queries.instances_for",
    "dicomweb-study-series": "apps.library.dicomweb.queries.instances_at",
    "dicomweb-study-instances": "apps.library.dicomweb.queries.instances_at",
    "dicomweb-series-instances": "apps.library.dicomweb.queries.instances_at",
    "dicomweb-study-metadata": "apps.library.dicomweb.queries.instances_at",
    "dicomweb-series-metadata": "apps.library.dicomweb.queries.instances_at",
    "dicomweb-instance-metadata": "apps.library.dicomweb.queries.instances_at",
    "dicomweb-study": "apps.library.services.retrieve",
    "dicomweb-series": "apps.library.services.retrieve",
    "dicomweb-instance": "apps.library.services.retrieve",
    "dicomweb-bulkdata": "apps.library.services.retrieve",
    "dicomweb-frames": "apps.library.services.open_clip",
    "dicomweb-instance-rendered": "apps.library.services.open_clip",
    "dicomweb-frame-rendered": "apps.library.services.open_clip",
    "remote-nodes": "apps.intake.pacs.queries.remote_nodes_for",
    "remote-node": "apps.intake.pacs.services.change_node",
    "remote-node-add": "apps.intake.pacs.services.add_node",
    "remote-node-remove": "apps.intake.pacs.services.remove_node",
    "remote-node-echo": "apps.intake.pacs.services.note_check",
    "remote-node-test": "apps.intake.pacs.services.note_check",
    "node-commitment": "apps.intake.pacs.committing.switch",
    "routing": "apps.intake.pacs.queries.rules_for",
    "routing-add": "apps.intake.pacs.rules.add_rule",
    "routing-rule": "apps.intake.pacs.rules.change_rule",
    "routing-try": "apps.intake.pacs.rules.note_trial",
    "routing-switch": "apps.intake.pacs.rules.switch_rule",
    "routing-remove": "apps.intake.pacs.rules.remove_rule",
    "pacs": "apps.intake.pacs.queries.pulls_for",
    "pacs-query": "apps.intake.pacs.services.ask_node",
    "pacs-pull": "apps.intake.pacs.services.start_pull",
    "pacs-pull-cancel": "apps.intake.pacs.services.cancel_pull",
    "pacs-pull-resume": "apps.intake.pacs.services.resume_pull",
    "subject-destroy-key": "apps.keys.services.destroy_subject_key",
    "retention": "apps.deid.queries.ruled_projects",
    "retention-rule": "apps.deid.retention.set_rule",
    "hold-place": "apps.projects.holds.place",
    "hold-lift": "apps.projects.holds.lift",
    "deid": "apps.deid.queries.ruled_projects",
    "deid-rules": "apps.deid.queries.ruled_project",
    "deid-choose": "apps.deid.policy.choose_profile",
    "deid-options": "apps.deid.policy.set_options",
    "deid-profile-save": "apps.deid.policy.save_profile",
    "deid-profile-decide": "apps.deid.policy.approve_profile",
    "deid-devices": "apps.deid.queries.stewarded_project",
    "deid-device-release": "apps.deid.devices.release_device",
    "deid-device-confirm": "apps.deid.services.confirm",
    "deid-mask-retire": "apps.deid.devices.retire_mask",
    "deid-report": "apps.deid.queries.report_of",
    "quarantine-remedy": "apps.deid.remedies.remove_and_retry",
    "withdraw": "apps.deid.withdrawal.withdraw_subject",
    "review-sheet": "apps.deid.queries.sheet_rows",
    "review-dry-run": "apps.deid.reporting.note_dry_run",
    "review-mask": "apps.deid.devices.save_mask",
    "review-refuse": "apps.deid.services.refuse_review",
    "review": "apps.deid.services.open_review",
    "review-api": "apps.deid.services.open_review",
    "review-frame": "apps.deid.services.open_review",
    "review-confirm": "apps.deid.services.confirm",
    "review-reject": "apps.intake.services.reject_instance",
    "review-retry": "apps.intake.services.retry_instance",
    "clips": "apps.library.queries.clips_for",
    "clip": "apps.library.queries.clip_for",
    "clip-index": "apps.library.queries.clip_for",
    "clip-frames-csv": "apps.library.services.open_clip",
    "clip-frame": "apps.library.services.open_clip",
    "clip-watched": "apps.library.services.report_watched",
    "clip-review": "apps.library.services.open_clip",
    "clip-segment": "apps.library.services.open_clip",
    "clip-segments": "apps.library.queries.clip_for",
    "clip-procedure": "apps.library.queries.procedure_of",
    "label-set": "apps.annotation.queries.label_set_for",
    "label-set-outline": "apps.annotation.queries.label_set_for",
    "label-set-keyframes": "apps.annotation.queries.label_set_for",
    "clip-examples": "apps.annotation.examples.add_example",
    "example-remove": "apps.annotation.examples.remove_example",
    "beside": "apps.library.queries.clip_for",
    "beside-outline": "apps.library.queries.clips_for",
    "beside-keyframes": "apps.library.queries.clips_for",
    "label-set-revisions": "apps.annotation.queries.label_set_for",
    "label-set-revision": "apps.annotation.queries.label_set_for",
    "label-set-changes": "apps.annotation.queries.label_set_for",
    "label-set-operations": "apps.annotation.services.save_operations",
    "propagations": "apps.annotation.propagating.begin",
    "propagation": "apps.annotation.queries.label_set_for",
    "propagation-cancel": "apps.annotation.propagating.cancel",
    "label-set-proposals": "apps.annotation.queries.label_set_for",
    "label-set-comments": "apps.annotation.comments.begin_thread",
    "label-set-time": "apps.annotation.habits.record_time",
    "clip-comments": "apps.library.queries.clip_for",
    "comment-answer": "apps.annotation.comments.answer_thread",
    "comment-settle": "apps.annotation.comments.settle_thread",
    "my-keys": "apps.annotation.habits.choose_keys",
    "label-set-submit": "apps.annotation.services.submit_label_set",
    "workspace": "apps.library.services.open_clip",
    "adjudication": "apps.adjudication.queries.adjudication_for",
    "adjudication-decide": "apps.adjudication.services.decide",
    "adjudication-take-in": "apps.adjudication.joining.take_in",
    "adjudication-accept-small": "apps.adjudication.services.accept_small",
    "adjudication-rules": "apps.adjudication.workflow.set_rules",
    "adjudication-correct": "apps.adjudication.reviewing.correct",
    "adjudication-return": "apps.adjudication.reviewing.return_reviewed",
    "assignments": "apps.projects.queries.projects_for",
    "project-assignments": "apps.projects.queries.projects_for",
    "project-plan": "apps.adjudication.planning.apply_plan",
    "clip-agreement": "apps.adjudication.reader_queries.readable_clip",
    "clip-agreement-csv": "apps.adjudication.reader_queries.readable_clip",
    "api-clip-agreement": "apps.adjudication.reader_queries.readable_clip",
    "clip-agreement-ask": "apps.adjudication.readers.ask",
    "project-agreement": "apps.adjudication.reader_queries.led_project",
    "project-agreement-csv": "apps.adjudication.reader_queries.led_project",
    "api-project-agreement": "apps.adjudication.reader_queries.led_project",
    "further-reader-rule": "apps.adjudication.further_readers.set_rule",
    "tolerances": "apps.ontology.services.draft_version",
    "further-reading-call": "apps.adjudication.further_readers.call",
    "further-reading-decline": "apps.adjudication.further_readers.decline",
    "api-further-reading": "apps.adjudication.further_readers.call",
    "plan": "apps.adjudication.planning.apply_plan",
    "calibrate": "apps.adjudication.calibrating.give_gold",
    "calibration": "apps.adjudication.queries.calibration_for",
    "assignment-reassign": "apps.adjudication.assigning.reassign",
    "assignment-return": "apps.adjudication.assigning.return_work",
    "assignment-due": "apps.adjudication.assigning.set_due",
    "own-assignments": "apps.adjudication.queries.assignments_for",
    "api-assignment-skip": "apps.adjudication.assigning.skip",
    "api-assignment-reassign": "apps.adjudication.assigning.reassign",
    "api-assignment-return": "apps.adjudication.assigning.return_work",
    "api-assignment-due": "apps.adjudication.assigning.set_due",
    "assignment-skip": "apps.adjudication.assigning.skip",
    "project-workflow": "apps.adjudication.workflow.set_workflow",
    "workflow": "apps.adjudication.workflow.set_workflow",
    "adjudication-sign": "apps.adjudication.services.sign",
    "adjudication-statement": "apps.adjudication.queries.adjudication_for",
    "adjudication-countersign": "apps.adjudication.endorsing.countersign",
    "adjudication-withdraw": "apps.adjudication.endorsing.withdraw",
    "adjudication-amend": "apps.adjudication.services.amend",
    "adjudication-amend-page": "apps.adjudication.services.amend",
    "adjudication-screen": "apps.library.services.open_clip",
    "releases": "apps.release.queries.releases_for",
    "release": "apps.release.queries.release_for",
    "release-rules": "apps.release.signed.require",
    "release-draft": "apps.release.drafts.begin_draft",
    "release-choose": "apps.release.drafts.choose",
    "release-check": "apps.release.queries.release_for",
    "release-discard": "apps.release.drafts.discard_draft",
    "release-freeze": "apps.release.services.store_freeze",
    "release-approve": "apps.release.services.record_approval",
    "release-publish": "apps.release.services.publish",
    "release-send": "apps.release.sending.send",
    "sending-cancel": "apps.release.queries.sending_for",
    "sending-resume": "apps.release.queries.sending_for",
    "destinations": "apps.release.queries.destinations_for",
    "destination-add": "apps.release.destinations.add_destination",
    "destination-check": "apps.release.queries.destination_for",
    "destination-remove": "apps.release.queries.destination_for",
    "release-withdraw": "apps.release.services.withdraw",
    "release-recall": "apps.release.recalls.recall",
    "release-recall-answer": "apps.release.recalls.answer_recall",
    "api-release-draft": "apps.release.queries.release_for",
    "api-release-freeze": "apps.release.queries.release_for",
    "api-release-discard": "apps.release.queries.release_for",
    "api-release-sendings": "apps.release.queries.release_for",
    "api-release-difference": "apps.release.queries.release_for",
    "api-release-recall": "apps.release.queries.release_for",
    "api-release-recall-answer": "apps.release.queries.notice_for",
    "labels-import": "apps.release.queries.importable_clips",
    "api-labels-import": "apps.annotation.services.import_label_set",
    "api-releases": "apps.release.queries.releases_for",
    "api-release": "apps.release.queries.release_for",
    "release-download": "apps.release.services.download",
}
# Open to anyone, for they hold nothing clinical; what is one's own; by the hand-written page.
OPEN = {door.name for door in doors() if door.asks == "(open)"}
OWN = {door.name for door in doors() if door.asks in ("(signed in)", "(again)", "token.make")}
# Of django-allauth: pages of signing in, which lead to none of our verbs.
SIGNING_IN = ("account_", "mfa_", "usersessions_", "openid_connect_", "socialaccount_")


def patterns(resolver: Any = None) -> Iterator[URLPattern]:
    for found in (resolver or get_resolver()).url_patterns:
        if isinstance(found, URLResolver):
            yield from patterns(found)
        else:
            yield found


ALL = list(patterns())
VALUES = {
    "UUIDConverter": uuid.UUID(int=7),
    "IntConverter": 987_654,
    "UidConverter": "1.2.3",
    "FramesConverter": [1],
    "TagConverter": "7fe00010",
}


def address(pattern: URLPattern) -> str:
    name = str(pattern.name)
    kinds = {key: type(kind).__name__ for key, kind in _ways(name)[3].items()}
    return reverse(
        name, kwargs={key: VALUES.get(kinds.get(key, ""), "x") for key in taken_by(name)}
    )


def _ways(name: str) -> Any:
    """How Django reverses an address: (possibilities, pattern, defaults, converters)."""
    return get_resolver().reverse_dict.getlist(name)[0]


def taken_by(name: str) -> list[str]:
    """The names of what stands in an address, with those of the addresses above it."""
    return list(_ways(name)[0][0][1])


def test_every_address_has_a_name_of_its_own():
    names = [pattern.name for pattern in ALL]
    assert None not in names and len(names) == len(set(names))


def test_every_address_leads_to_a_verb_or_a_query():
    names = {str(pattern.name) for pattern in ALL}
    ours = {name for name in names if not name.startswith(SIGNING_IN)}
    assert ours - set(DOORS) - OPEN == set(), "say in DOORS what these lead to"
    assert (set(DOORS) | OPEN) - names == set(), "these addresses are gone"


@pytest.mark.parametrize("target", sorted(set(DOORS.values())))
def test_what_an_address_leads_to_is_a_verb_or_stands_among_the_queries(target):
    function = import_string(target)
    reads = (".queries", ".reader_queries", "apps.access.grants")
    assert hasattr(function, "policy") or function.__module__.endswith(reads)


@pytest.mark.django_db
def test_asking_alone_changes_nothing(client, person):
    """A verb behind GET shows pictures, hands out a file, or asks for a reason first."""
    client.force_login(person().user)
    showing = {
        "clip-frame", "clip-frames-csv", "clip-review", "clip-segment",
        "workspace", "adjudication-screen",
        "release-download", "review", "review-api", "review-frame", "quarantine-reject",
        "dicomweb-study", "dicomweb-series", "dicomweb-instance", "dicomweb-bulkdata",
        "dicomweb-frames", "dicomweb-instance-rendered", "dicomweb-frame-rendered",
        "tokens", "my-keys", "clip-examples", "label-set-operations", "remote-node",
        "routing-rule", "withdraw", "review-dry-run",
        "audit-proof", "api-proof", "emergency-clip", "audit-accesses", "audit-unusual",
        "scim-users", "scim-user", "project-workflow", "project-plan",
    }  # fmt: skip
    changing = {name for name, to in DOORS.items() if hasattr(import_string(to), "policy")}
    for pattern in ALL:
        if pattern.name in changing - showing:
            assert client.get(address(pattern)).status_code == 405, pattern.name


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", ALL, ids=[str(p.name) for p in ALL])
def test_a_stranger_is_sent_to_sign_in_or_refused(client, pattern):
    if pattern.name in OPEN:
        return
    seen = 0
    for method in ("get", "post"):
        answer = getattr(client, method)(address(pattern))
        if answer.status_code == 405:
            continue
        seen += 1
        to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/accounts/login/")
        assert to_sign_in or answer.status_code in (401, 403, 404), (method, answer.status_code)
    assert seen


@pytest.mark.django_db
def test_a_signed_in_person_without_a_role_finds_nothing_clinical(client, person):
    client.force_login(person().user)
    # The scope that these tests name is a project, which is not there for this person.
    for pattern in ALL:
        if pattern.name in OPEN | OWN:
            continue
        answer = client.get(address(pattern))
        if answer.status_code == 405:
            answer = client.post(address(pattern))
        assert answer.status_code in (403, 404), (pattern.name, answer.status_code)
