"""``/metrics``: figures of all processes, read from the database; who may ask; no name in them."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from apps.access.actor import service
from apps.audit import tree
from apps.intake.services import note_association, note_refusal
from apps.jobs import work
from apps.jobs.models import Job
from tests.intake.test_quarantine_page import arrive

pytestmark = pytest.mark.django_db


def figures(client: Any, **headers: str) -> dict[tuple[str, ...], float]:
    """Sample name and label values (in the order of label names) to value."""
    answer = client.get("/metrics", **headers)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_what_every_process_did_is_counted_once_in_the_order_of_the_log(
    client: Any, command: Any, project: Any
) -> None:
    before = figures(client)
    row = arrive(command, project)
    arrive(command, project)
    node = service("node")
    told = {"calling_ae": "TOWER1", "called_ae": "CLINANNOT", "peer": "10.1.2.3"}
    note_association(node, project, outcome="done", stored=2, **told)
    note_association(node, project, outcome="refused", reason="unknown_calling_ae", **told)
    note_refusal(node, project, reason="cannot_understand", calling_ae="TOWER1", peer="10.1.2.3")
    waiting = figures(client)
    assert waiting["clinicalannot_log_waiting_entries",] >= 5
    assert waiting["clinicalannot_log_lag_seconds",] >= 0
    tree.sequence()
    tree.make_checkpoint()
    # Asked twice: what was counted is not counted again.
    for _ in range(2):
        after = figures(client)
        grown = {key: value - before.get(key, 0) for key, value in after.items()}
        assert grown["clinicalannot_instances_total", "received", ""] == 1
        assert grown["clinicalannot_instances_total", "repeated", ""] == 1
        assert grown["clinicalannot_instances_total", "refused", "cannot_understand"] == 1
        assert grown["clinicalannot_associations_total", "done", ""] == 1
        assert grown["clinicalannot_associations_total", "refused", "unknown_calling_ae"] == 1
        assert grown["clinicalannot_received_bytes_total",] == row.size_bytes
        assert after["clinicalannot_quarantine_instances", "", "received"] == 1
        assert after["clinicalannot_log_waiting_entries",] == 0
        assert after["clinicalannot_log_checkpoint_age_seconds",] >= 0
        assert after["clinicalannot_vault_files",] == 1
        assert after["clinicalannot_vault_free_bytes",] > 0


def test_the_queue_is_shown_by_kind_with_the_age_of_its_oldest(client: Any) -> None:
    work.enqueue("deid.examine", "1")
    work.enqueue("deid.examine", "2")
    Job.objects.filter(object_id="2").update(state=Job.State.PARKED)
    told = figures(client)
    assert told["clinicalannot_jobs", "deid.examine", "queued"] == 1
    assert told["clinicalannot_jobs", "deid.examine", "parked"] == 1
    assert told["clinicalannot_queue_age_seconds", "deid.examine"] >= 0


def test_no_label_holds_what_a_sender_or_a_person_wrote(
    client: Any, command: Any, project: Any
) -> None:
    row = arrive(command, project)
    row.reason, row.state = "Mueller^Anna 1.2.3", "held"
    row.save()
    note_refusal(
        service("node"), project, reason="PAT-4711 unreadable", calling_ae="WARD7", peer="10.9.9.9"
    )
    tree.sequence()
    text = client.get("/metrics").content.decode()
    for name in ("Mueller", "PAT-4711", "WARD7", "10.9.9.9", "demo", "1.2.3"):
        assert name not in text
    assert 'reason="other"' in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "10.0.0.8"}, 404),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.0.0.8"}, 404),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_PROTO": "https"}, 404),
    ],
)
def test_without_a_token_only_the_same_machine_may_ask_and_not_through_a_proxy(
    client: Any, headers: dict[str, str], status: int
) -> None:
    assert client.get("/metrics", **headers).status_code == status


def test_with_a_token_it_is_the_token_that_counts(client: Any, settings: Any) -> None:
    settings.CLINICAL_ANNOT_METRICS_TOKEN = "a-long-token"
    assert client.get("/metrics").status_code == 404
    for value in ("Bearer another", "a-long-token", "Bearer ä"):
        assert client.get("/metrics", HTTP_AUTHORIZATION=value).status_code == 404
    asked = {"REMOTE_ADDR": "10.0.0.8", "HTTP_AUTHORIZATION": "Bearer a-long-token"}
    assert client.get("/metrics", **asked).status_code == 200
