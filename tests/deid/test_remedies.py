"""A hold says what can be done about it, and each of these works from the screen."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset

from apps.access.errors import Refused
from apps.audit.models import Event
from apps.deid import remedies
from apps.deid.domain.pipeline import producing
from apps.deid.domain.reasons import Reason, Remedy, remedies_of
from apps.deid.models import Deidentification
from apps.deid.views import remedies_shown
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import Incoming, take
from apps.jobs.work import run_pending
from apps.keys.keyring import open_vault_file

pytestmark = pytest.mark.django_db
State = ReceivedInstance.State
Person = Callable[..., Any]


def arrive(command: Any, project: Any, *, uid: str = "1.2.3.4", **more: Any) -> ReceivedInstance:
    """A small still picture, kept as it is by the sender's choice."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.2.3", "1.2.3.9", "OT"
    ds.PatientName, ds.PatientID, ds.StudyID = "Zyxwood^Planted", "PID-90210", "1"
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = np.zeros((16, 16), np.uint8).tobytes()
    for name, value in more.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    incoming = Incoming()
    incoming.write(buffer.getvalue())
    return take(command, project, incoming, pixels_choice="keep")


def settled(received: ReceivedInstance) -> ReceivedInstance:
    run_pending()
    received.refresh_from_db()
    return received


def act(client: Any, received: ReceivedInstance, what: str, **more: Any) -> int:
    body = {"what": what, **more}
    return int(client.post(f"/quarantine/{received.pk}/remedy/", body).status_code)


def test_a_document_is_removed_by_the_stewards_rule_and_the_rest_is_cleared(
    command: Any, project: Any, person: Person, signed_in: Any
) -> None:
    steward = signed_in(person("data_steward"))
    held = settled(arrive(command, project, EncapsulatedDocument=b"%PDF-1.4 Zyxwood"))
    assert (held.state, held.reason) == (State.HELD, "encapsulated_document")
    page = steward.get(f"/quarantine/{held.pk}/").content.decode()
    assert "(0042,0011)" in page and "Encapsulated Document" in page
    assert act(steward, held, "remove", tag=str(0x00100010)) == 400
    assert act(steward, held, "remove") == 400
    assert act(steward, held, "encode") == 400
    assert act(steward, held, "remove", tag=str(0x00420011)) == 302
    assert settled(held).state == State.CLEARED
    deid = Deidentification.objects.get(instance=held)
    assert deid.report["removed_by_steward"] == ["(0042,0011)"]
    with open_vault_file(deid.output) as output:  # type: ignore[arg-type]
        assert b"Zyxwood" not in output.read()
    assert "(0042,0011)" in steward.get(f"/quarantine/{held.pk}/").content.decode()
    told = Event.objects.get(action="deid.remove_and_retry", outcome="done")
    assert b"encapsulated_document" in bytes(told.entry)


def test_an_identifier_left_in_an_attribute_goes_by_removing_it_from_this_instance(
    command: Any, project: Any, person: Person, signed_in: Any, monkeypatch: Any
) -> None:
    steward = signed_in(person("data_steward"))
    real = producing.deidentify_dataset

    def careless(ds: Any, context: Any) -> Any:
        made = real(ds, context)
        if 0x00081030 not in context.profile.overrides:
            made.dataset.StudyDescription = "of Zyxwood"
        return made

    monkeypatch.setattr(producing, "deidentify_dataset", careless)
    held = settled(arrive(command, project))
    assert (held.state, held.reason) == (State.HELD, "identifier_left_in_tag")
    page = steward.get(f"/quarantine/{held.pk}/").content.decode()
    assert "remedy-remove" in page and "Zyxwood" not in page
    assert act(steward, held, "remove", tag=str(0x00081030)) == 302
    assert settled(held).state == State.CLEARED


@pytest.mark.parametrize(
    ("reason", "what", "choice"),
    [
        ("identifier_left_in_stream", "encode", "encode_again"),
        ("identifier_left_in_frame", "review", "review"),
        ("burned_in_unreviewed", "review", "review"),
        ("device_mask_missing", "without_mask", "without_mask"),
    ],
)
def test_what_is_chosen_for_one_instance_stands_and_it_goes_again(
    command: Any, project: Any, person: Person, signed_in: Any, reason: str, what: str, choice: str
) -> None:
    received = settled(arrive(command, project))
    ReceivedInstance.objects.filter(pk=received.pk).update(state=State.HELD, reason=reason)
    steward = signed_in(person("data_steward"))
    assert f"remedy-{what}" in steward.get(f"/quarantine/{received.pk}/").content.decode()
    assert act(signed_in(person("project_lead")), received, what) == 404
    assert act(steward, received, what) == 302
    received.refresh_from_db()
    assert (received.state, received.reason) == (State.RECEIVED, "")
    assert received.pixels_choice == ("" if what == "review" else "keep")
    assert Deidentification.objects.get(instance=received).choices[choice] is True


def test_pictures_encoded_again_are_no_copy(command: Any, project: Any, tmp_path: Path) -> None:
    from apps.deid.domain.header import DeidContext
    from apps.deid.domain.profile import load_builtin
    from fixtures import broken

    context = DeidContext(load_builtin("basic"), b"k" * 32, "P-1")
    streams = []
    for encode_again in (False, True):
        out = io.BytesIO()
        with open(broken.sound(tmp_path), "rb") as source:
            made = producing.produce(source, out, context, None, copy=not encode_again)
        assert bool(made.encoder) == made.pixel_change == encode_again
        streams.append(dcmread(io.BytesIO(out.getvalue())).PixelData)
    assert streams[0] != streams[1]


def test_the_newer_of_two_is_taken_and_the_other_rejected_but_never_one_in_use(
    command: Any, project: Any, person: Person, signed_in: Any
) -> None:
    steward = signed_in(person("data_steward"))
    older = arrive(command, project)
    newer = arrive(command, project, ImageComments="other bytes")
    third = arrive(command, project, ImageComments="others again")
    assert newer.reason == "uid_clash"
    assert "remedy-take_newer" in steward.get(f"/quarantine/{newer.pk}/").content.decode()
    assert act(steward, newer, "take_newer", reason=" ") == 400
    assert act(steward, newer, "take_newer", reason="The archive says so") == 302
    rows = {row.pk: row for row in ReceivedInstance.objects.all()}
    assert (rows[newer.pk].state, rows[newer.pk].clash_with_id) == (State.RECEIVED, None)
    assert (rows[older.pk].state, rows[older.pk].clash_with_id) == (State.REJECTED, newer.pk)
    assert rows[third.pk].clash_with_id == newer.pk
    assert settled(newer).state == State.CLEARED
    assert act(steward, third, "take_newer", reason="No, this one") == 409
    newer.refresh_from_db()
    assert newer.state == State.CLEARED


def test_a_remedy_that_cannot_help_is_not_offered(command: Any, project: Any) -> None:
    row = arrive(command, project)
    row.state, row.reason = State.HELD, "encapsulated_document"
    assert str(Remedy.REMOVE) in remedies_shown(row)
    row.sop_class_uid = "1.2.840.10008.5.1.4.1.1.104.1"
    assert remedies_shown(row) == [str(Remedy.REJECT)]
    row.reason = "patient_changed"
    assert str(Remedy.TAKE_NEWER) not in remedies_shown(row)


@pytest.mark.parametrize("reason", [*map(str, Reason), "failed"])
def test_every_hold_shows_its_sentence_and_every_remedy_of_its_reason(
    command: Any, project: Any, person: Person, signed_in: Any, reason: str
) -> None:
    row = arrive(command, project)
    Deidentification.objects.create(
        instance=row, profile="basic", profile_digest="0" * 64,
        report={"place": "(0042,0011)", "findings": []},
    )  # fmt: skip
    ReceivedInstance.objects.filter(pk=row.pk).update(state=State.HELD, reason=reason)
    page = signed_in(person("data_steward")).get(f"/quarantine/{row.pk}/").content.decode()
    from apps.deid.services import reason_text

    assert reason_text(reason)[0] in page.replace("&#x27;", "'")
    for remedy in remedies_of(reason):
        shown = {"retry": 'data-testid="retry"', "reject": 'data-testid="reject"'}.get(
            remedy, f"remedy-{remedy}"
        )
        assert (shown in page) == (remedy not in ("take_newer", "release_device")), remedy


def test_only_what_a_hold_names_can_be_removed() -> None:
    report = {
        "place": "header (0040,0275).(0008,1030)",
        "findings": [
            {"place": "header (0008,103E)"}, {"place": "file meta (0002,0016)"},
            {"place": "file"}, {"place": "header (0010,0010)"},
        ],
    }  # fmt: skip
    assert remedies.removable_tags(report) == [0x00081030, 0x0008103E]


def test_a_remedy_is_refused_while_a_correction_holds_the_instance(
    command: Any, project: Any, person: Person
) -> None:
    row = arrive(command, project)
    ReceivedInstance.objects.filter(pk=row.pk).update(state=State.HELD, reason="correction")
    with pytest.raises(Refused):
        remedies.send_to_review(person("data_steward"), row)
