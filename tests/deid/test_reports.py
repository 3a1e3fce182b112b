"""Reports of a study and a project, the reviewer's sheet, the dry run: who sees what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.access.errors import NotFound
from apps.audit.models import Event
from apps.deid import policy, reporting
from apps.deid.domain.profile import load_builtin
from apps.deid.models import Deidentification, ProjectSubject
from apps.intake.models import ReceivedInstance
from tests.deid.test_remedies import arrive, settled

pytestmark = pytest.mark.django_db
Person = Callable[..., Any]


@pytest.fixture
def study(command: Any, project: Any) -> list[ReceivedInstance]:
    """Two cleared instances of a study, and one held."""
    where = {"InstitutionName": "Lakeside"}
    rows = [arrive(command, project, uid=f"1.2.3.{n}", **where) for n in (4, 5)]
    rows.append(arrive(command, project, uid="1.2.3.6", EncapsulatedDocument=b"%PDF"))
    return [settled(row) for row in rows]


def test_the_sheet_and_the_reports_count_what_was_done_and_hold_no_value(
    project: Any, person: Person, signed_in: Any, study: list[ReceivedInstance]
) -> None:
    steward = signed_in(person("data_steward"))
    sheet = steward.get(f"/quarantine/{study[0].pk}/sheet/").content.decode()
    assert "3 instances of one study" in sheet and "The instance wraps a document" in sheet
    assert ProjectSubject.objects.get().pseudonym in sheet
    deid = Deidentification.objects.get(instance=study[0])
    assert deid.output is not None and deid.output.sha256[:16] in sheet
    report = steward.get(f"/deid/{project.pk}/report/").content.decode()
    for page in (sheet, report):
        assert "2 of 2 cleared instances searched and clean" in page
        assert "2 cleared" in page and "1 held" in page
        assert "A rare finding or procedure may identify by itself." in page
        assert not [v for v in ("Zyxwood", "PID-90210", "1.2.3.4", "Lakeside") if v in page]
    lead, stranger = signed_in(person("project_lead")), signed_in(person("annotator"))
    assert lead.get(f"/deid/{project.pk}/report/").status_code == 200
    assert lead.get(f"/quarantine/{study[0].pk}/sheet/").status_code == 404
    assert stranger.get(f"/deid/{project.pk}/report/").status_code == 404


def test_the_dry_run_shows_the_original_once_to_its_steward_and_says_so_in_the_trail(
    person: Person, signed_in: Any, study: list[ReceivedInstance]
) -> None:
    steward = signed_in(person("data_steward"))
    here = f"/quarantine/{study[0].pk}/dry-run/"
    asked = steward.get(here)
    assert "Zyxwood" not in asked.content.decode()
    assert not Event.objects.filter(action="deid.dry_run").exists()
    before = list(Deidentification.objects.order_by("pk").values())
    shown = steward.post(here, {"profile": load_builtin("research").sha256})
    page = shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert "Zyxwood^Planted" in page and page.count("data-trial=") == 3
    assert 'data-what="removed"' in page and 'data-what="replaced"' in page
    assert "The instance wraps a document" in page
    # What changes comes first; what is added or kept is folded behind it.
    body = page[page.index('data-trial="1"') : page.index('data-trial="2"')]
    changed, _, folded = body.partition("<details data-fold=")
    assert 'data-what="replaced"' in changed and 'data-what="removed"' in changed
    assert not [what for what in ("kept", "added") if f'data-what="{what}"' in changed]
    assert 'data-what="kept"' in folded and 'data-what="added"' in folded
    assert 'data-testid="pictures"' in body and "nothing beside the pictures" in body
    told = Event.objects.get(action="deid.dry_run", outcome="done")
    assert load_builtin("research").sha256.encode() in bytes(told.entry)
    assert b"Zyxwood" not in bytes(told.entry) + bytes(told.private)
    assert list(Deidentification.objects.order_by("pk").values()) == before
    assert steward.post(here, {"profile": "0" * 64}).status_code == 400
    assert signed_in(person("project_lead")).post(here).status_code == 404
    with pytest.raises(NotFound):
        reporting.note_dry_run(person(), study[0], profile=load_builtin("basic"), instances=1)


def test_a_proposed_profile_can_be_tried_before_it_is_approved_and_a_refused_one_cannot(
    project: Any, person: Person, signed_in: Any, study: list[ReceivedInstance]
) -> None:
    actor = person("data_steward")
    row = policy.save_profile(
        actor, project, text="name: loose\nversion: 1\noptions: [retain_uids]\n"
    )
    steward, here = signed_in(actor), f"/quarantine/{study[0].pk}/dry-run/"
    page = steward.post(here, {"profile": row.sha256}).content.decode()
    assert "1.2.3.4" in page and "loose 1" in page
    policy.refuse_profile(actor, row)
    assert steward.post(here, {"profile": row.sha256}).status_code == 400
