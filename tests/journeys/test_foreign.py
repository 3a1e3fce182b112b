"""Studies that this project did not make, and files that nobody should have sent."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time

import pytest
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from apps.deid.domain.reasons import REASON_TEXTS, Reason
from fixtures import broken, foreign
from tests.intake.peers import SUCCESS
from tests.journeys.screen import Person, chromium
from tests.journeys.served import Served, Steward, ready_clips, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

SENDERS = (
    ("video", lambda folder: foreign.video_endoscopic(folder, seed=61), "-xn", foreign.N_FRAMES),
    ("still", foreign.vl_endoscopic, "-xy", 1),
)
# File, and where it ends with which reason.
REFUSED = (
    (broken.truncated, "held", "stream_truncated"),
    (broken.not_dicom, "rejected", "not_dicom"),
    (broken.undecodable, "held", "decode_failed"),
    (broken.undecodable_pictures, "held", "decode_failed"),
    (broken.hevc_as_h264, "held", "transfer_syntax_mismatch"),
    (broken.mpeg2_as_h264, "held", "transfer_syntax_mismatch"),
    (broken.two_video_streams, "held", "second_video_stream"),
)


def storescu(served: Served, path, *options: str, calling="OR3_TOWER", called="CLINANNOT"):
    return subprocess.run(
        ["/usr/bin/storescu", "-v", "-R", *options, "-aet", calling, "-aec", called,
         "127.0.0.1", served.stack.port, str(path)],
        env={**os.environ, "TCP_NODELAY": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "make", "syntax", "n_frames"), SENDERS, ids=lambda v: str(v)[:8])
def test_a_foreign_study_is_in_quarantine_within_ten_seconds_and_playable_once_cleared(
    served, tmp_path, name, make, syntax, n_frames
):
    path = make(tmp_path)
    steward, lead = Steward(served.stack), served.client("project_lead")
    before, had = set(steward.arrived()), set(ready_clips(lead))
    began = time.monotonic()
    sent = storescu(served, path, syntax)
    assert SUCCESS in sent.stderr, sent.stderr
    received = until(lambda: set(steward.arrived()) - before, 60, "the row in quarantine").pop()
    assert time.monotonic() - began < 10
    steward.clear(received)
    clip = until(lambda: set(ready_clips(lead)) - had, 120, "the clip").pop()
    facts = lead(f"/api/v1/clips/{clip}/").json
    assert (facts["n_frames"], facts["width_px"], facts["height_px"]) == (n_frames, 320, 240)
    with chromium() as browser:
        person = Person(browser, served.stack.url, served.stack.login("annotator"))
        until(lambda: person.api(f"/clips/{clip}/work/").status == 200, 60, "the assignment")
        person.go(f"/clips/{clip}/work/")
        person.page.wait_for_selector("#app[data-ready=true]")
        shown = set()
        for frame in {0, n_frames - 1}:
            person.frame(frame)
            shown.add(
                person.page.evaluate(
                    "() => document.querySelector('[data-testid=picture]').toDataURL()"
                )
            )
        assert len(shown) == min(n_frames, 2) and all(len(url) > 5000 for url in shown)
        if n_frames > 1:
            person.frame(0)
            person.page.keyboard.press("Space")
            person.shows(n_frames - 1)
        assert person.errors == []
        person.close()


def test_an_unknown_peer_or_address_is_turned_away_with_its_reason(served, tmp_path):
    path = broken.sound(tmp_path)
    refused = storescu(served, path, "-xn", called="NOWHERE")
    assert refused.returncode != 0 and "Called AE Title Not Recognized" in refused.stderr
    made = served.stack.manage(
        "shell", "-v", "0", "-c",
        "from apps.access.actor import service\n"
        "from apps.projects.services import create_project\n"
        "p = create_project(service('command'), None, slug='listed', name='Listed',"
        " ae_title='LISTED')\n"
        "p.calling_ae_titles = ['OR9_TOWER']\n"
        "p.save()",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    refused = storescu(served, path, "-xn", calling="STRANGER", called="LISTED")
    assert refused.returncode != 0 and "Calling AE Title Not Recognized" in refused.stderr
    taken = storescu(served, path, "-xn", calling="OR9_TOWER", called="LISTED")
    assert SUCCESS in taken.stderr
    done = served.stack.manage("ingest", str(path), "--project", "nowhere", "--json")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.strip() == "--project: there is no such project"
    # Each refusal is in the trail, and on the page of the node.
    pages = served.stack.manage("list_instances", "--project", "listed", "--json")
    assert len(pages.stdout.splitlines()) == 1


@pytest.fixture(scope="module")
def bad(served, tmp_path_factory):
    """All bad files and a sound one in one folder, taken at once: exit code, line by file name, and
    what a clip that was there answers before and after."""
    clip, truth = served.sample("ultrasound")
    client = served.client("annotator")

    def look() -> tuple[bytes, bytes]:
        rows = client(f"/api/v1/clips/{clip}/frames.csv")
        picture = client(f"/api/v1/clips/{clip}/frames/3.png")
        assert rows.status == picture.status == 200
        return rows.body, picture.body

    folder = tmp_path_factory.mktemp("bad")
    names = sorted(make(folder).name for make in (*broken.ALL, broken.sound))
    steward = Steward(served.stack)
    had, before = set(steward.arrived()), look()
    assert len(before[0].splitlines()) == len(truth["pts"]) + 1
    done = served.stack.manage("ingest", str(folder), "--project", "demo", "--wait", "--json")
    assert "Traceback" not in done.stderr
    lines = dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))
    held = [steward.facts(one) for one in set(steward.arrived()) - had]
    return done.returncode, lines, held, steward.page(), (before, look())


@pytest.mark.parametrize(
    ("make", "state", "reason"), REFUSED, ids=lambda v: getattr(v, "__name__", "")
)
def test_bad_input_ends_in_a_clear_state_with_reason_sentence_and_remedy(bad, make, state, reason):
    code, lines, held, page, _ = bad
    line = lines[f"{make.__name__}.dcm"]
    assert (code, line["state"], line["reason"], line["clips"]) == (1, state, reason, [])
    text = REASON_TEXTS[Reason(reason)]
    found = [facts for facts in held if facts["reason"] == reason]
    if state == "rejected":
        assert found == []
        return
    assert {(facts["state"], facts["sentence"], facts["remedy"]) for facts in found} == {
        ("held", text.sentence, text.remedy)
    }
    assert text.sentence in page and text.remedy in page


def test_nothing_else_is_harmed_by_bad_input(served, bad):
    _, lines, _, _, (before, after) = bad
    assert lines["sound.dcm"]["state"] == "pixel_review"
    assert after == before
    served.holds()


def test_a_cut_data_set_over_dicom_is_answered_and_the_node_takes_the_next(served, tmp_path):
    path = broken.truncated(tmp_path)
    steward = Steward(served.stack)
    had = set(steward.arrived())
    meta = read_file_meta_info(path)
    ae = AE("OR3_TOWER")
    ae.add_requested_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
    association = ae.associate("127.0.0.1", int(served.stack.port), ae_title="CLINANNOT")
    assert association.is_established
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = meta.MediaStorageSOPClassUID
    # Another instance than the file's own, so that the node hears something new and contradictory.
    request.AffectedSOPInstanceUID = f"{meta.MediaStorageSOPInstanceUID}.9"
    # The bytes as they are, behind preamble, prefix and file meta: dcmtk would not send them.
    start = 132 + 12 + meta.FileMetaInformationGroupLength
    request.DataSet = io.BytesIO(path.read_bytes()[start:])
    # As send_c_store does, so that the association's own thread does not take the answer.
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    assert answer.Status == 0xA900
    assert set(steward.arrived()) == had
    taken = storescu(served, foreign.video_endoscopic(tmp_path, seed=62), "-xn")
    assert SUCCESS in taken.stderr
    until(lambda: set(steward.arrived()) - had, 60, "the next instance")
