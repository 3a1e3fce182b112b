"""Saving label sets through the API: once, in order, or a clear refusal that harms nothing."""

from __future__ import annotations

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access.actor import Actor, service
from apps.access.errors import Refused
from apps.adjudication.assigning import assign_clip
from apps.annotation import store
from apps.annotation.models import LabelSet, Operation
from apps.audit.models import Event
from apps.library.models import Clip
from apps.projects.models import Project
from tests import builders

pytestmark = pytest.mark.django_db
TAB, OTHER_TAB = str(uuid.uuid4()), str(uuid.uuid4())


class Tab:
    """One browser tab on one label set."""

    def __init__(self, client, label_set, client_id=TAB):
        self.client, self.label_set, self.client_id = client, label_set, client_id

    def url(self, end="") -> str:
        return f"/api/v1/label-sets/{self.label_set.pk}/{end}"

    def post(self, end, body):
        return self.client.post(self.url(end), body, content_type="application/json")

    def save(self, operations, base=0):
        body = {"client_id": self.client_id, "base_revision": base, "operations": operations}
        return self.post("operations/", body)

    def get(self):
        return self.client.get(self.url()).json()


def _assigned(project, person) -> tuple[LabelSet, Actor, Clip]:
    author, clip = person("annotator"), builders.ready_clip(project)
    return builders.label_set(project, author, clip), author, clip


@pytest.fixture(scope="module")
def assigned(kept) -> tuple[LabelSet, Actor, Clip]:
    return kept.make(_assigned, kept.person)


@pytest.fixture
def project(kept, db):
    return Project.objects.get(pk=kept.project.pk)


@pytest.fixture
def clip(assigned, db):
    return Clip.objects.get(pk=assigned[2].pk)


@pytest.fixture
def author(assigned) -> Actor:
    return assigned[1]


@pytest.fixture
def tab(assigned, author, client, db) -> Tab:
    client.force_login(author.user)
    return Tab(client, LabelSet.objects.get(pk=assigned[0].pk))


def code(answer) -> str:
    return answer.json()["error"]["code"]


def tip(clip, point=(10.25, 20.5)) -> list[dict]:
    return builders.track(clip, "grasper", {3: {"type": "tip", "point": list(point)}})


def held(tab) -> tuple[int, int, dict]:
    """Revision, number of operations, labels: what a refusal must leave as it was."""
    tab.label_set.refresh_from_db()
    count = Operation.objects.filter(label_set=tab.label_set).count()
    return tab.label_set.revision, count, store.load(tab.label_set)


def test_what_is_saved_is_what_is_loaded(tab, clip):
    steps = builders.numbered(builders.sample_steps(clip))
    answer = tab.save(steps).json()
    assert answer == {"revision": 1, "acknowledged_seq": len(steps), "others": []}
    shown = tab.get()
    assert (shown["state"], shown["revision"], shown["author_is_me"]) == ("in_progress", 1, True)
    assert shown["clips"] == [str(clip.pk)]
    kinds = [track["class_id"] for track in shown["labels"]["tracks"].values()]
    assert sorted(kinds) == ["grasper", "lesion", "lesion", "specimen_bag"]
    numbers = [t["number"] for t in shown["labels"]["tracks"].values() if t["class_id"] == "lesion"]
    assert sorted(numbers) == [1, 2] and len(shown["labels"]["intervals"]) == 3
    sent = {(s["object"], s["frame_index"]): s["shape"] for s in steps if "frame_index" in s}
    for (name, frame), shape in sent.items():
        assert shown["labels"]["tracks"][name]["keyframes"][str(frame)]["shape"] == shape
    saved = Event.objects.get(action="label_set.save")
    assert json.loads(bytes(saved.entry))["public"]["operations"] == len(steps)


def test_a_batch_sent_twice_changes_nothing_the_second_time(tab, clip):
    steps = builders.numbered(tip(clip))
    tab.save(steps)
    before = held(tab)
    again = tab.save(steps)
    assert again.status_code == 200 and again.json()["revision"] == 1
    assert again.json()["acknowledged_seq"] == 2
    assert held(tab) == before


def test_a_batch_that_overlaps_the_last_applies_only_what_is_new(tab, clip):
    steps = builders.numbered([*tip(clip), *tip(clip)])
    tab.save(steps[:2])
    assert tab.save(steps, base=1).json()["acknowledged_seq"] == 4
    assert held(tab)[:2] == (2, 4)


def test_a_keyframe_far_along_lies_in_a_chunk_of_its_own_and_is_deleted_again(project, tab):
    clip = builders.ready_clip(project, n_frames=300)
    mine = assign_clip(service("command"), clip, person=tab.label_set.author).label_set
    tab = Tab(tab.client, mine)
    first = builders.track(
        clip, "grasper", {f: {"type": "tip", "point": [f / 2, 9.5]} for f in (0, 255, 256, 299)}
    )
    name = first[0]["object"]
    tab.save(builders.numbered(first))
    assert list(tab.get()["labels"]["tracks"][name]["keyframes"]) == ["0", "255", "256", "299"]
    drop = [{"op": "keyframe.delete", "object": name, "frame_index": 256}]
    tab.save(builders.numbered(drop, 6), base=1)
    assert list(tab.get()["labels"]["tracks"][name]["keyframes"]) == ["0", "255", "299"]
    tab.save(builders.numbered([{"op": "track.delete", "object": name}], 7), base=2)
    assert tab.get()["labels"]["tracks"] == {}
    # Undo of the deletion: the same object again, with its keyframes.
    tab.save(builders.numbered(first, 8), base=3)
    assert list(tab.get()["labels"]["tracks"][name]["keyframes"]) == ["0", "255", "256", "299"]


def test_a_track_made_again_in_one_batch_holds_only_what_it_was_given(project, tab):
    long = builders.ready_clip(project, 300)
    label_set = builders.label_set(project, Actor(tab.label_set.author), long)
    far = Tab(tab.client, label_set)
    shape = {"type": "tip", "point": [1.5, 2.5]}
    steps = builders.track(long, "grasper", {0: shape, 280: shape})
    assert far.save(builders.numbered(steps)).status_code == 200
    again = [{"op": "track.delete", "object": steps[0]["object"]}, *steps[:2]]
    assert far.save(builders.numbered(again, 4), base=1).status_code == 200
    (track,) = far.get()["labels"]["tracks"].values()
    assert list(track["keyframes"]) == ["0"]


def test_every_older_revision_can_be_read(tab, clip):
    name = None
    states = [held(tab)[2]]
    seq = 1
    for steps in (tip(clip), builders.interval(clip, "bleeding", 1, 5)):
        name = name or steps[0]["object"]
        tab.save(builders.numbered(steps, seq), base=len(states) - 1)
        states.append(held(tab)[2])
        seq += len(steps)
    move = [{"op": "keyframe.set", "object": name, "frame_index": 3, "state": "occluded",
             "shape": {"type": "tip", "point": [1.5, 1.5]}, "attributes": {}}]  # fmt: skip
    tab.save(builders.numbered(move, seq), base=2)
    tab.save(builders.numbered([{"op": "track.delete", "object": name}], seq + 1), base=3)
    for revision, labels in enumerate(states):
        answer = tab.client.get(tab.url(f"revisions/{revision}/"))
        assert answer.json()["labels"] == labels
    assert tab.client.get(tab.url("revisions/9/")).status_code == 404
    assert tab.client.get(tab.url("revisions/9/changes/")).status_code == 404
    said = tab.client.get(tab.url("revisions/")).json()
    assert [one["revision"] for one in said["revisions"]] == [4, 3, 2, 1]
    assert said["before"] is None and said["revisions"][0]["at"]
    assert not any("shape" in op for one in said["revisions"] for op in one["operations"])
    earlier = tab.client.get(tab.url("revisions/"), {"before": 3}).json()["revisions"]
    assert [one["revision"] for one in earlier] == [2, 1]
    assert tab.client.get(tab.url("revisions/"), {"before": "x"}).status_code == 400
    # Any two are compared, in either order.
    pair = tab.client.get(tab.url("revisions/1/changes/"), {"to": 2}).json()
    assert (pair["from"], pair["to"]) == (1, 2) and pair["changes"]
    back = tab.client.get(tab.url("revisions/2/changes/"), {"to": 1}).json()["changes"]
    assert [row["object"] for row in back] == [row["object"] for row in pair["changes"]]
    assert tab.client.get(tab.url("revisions/2/changes/"), {"to": 9}).status_code == 404
    told = tab.client.get(tab.url("revisions/1/changes/")).json()
    assert (told["from"], told["to"]) == (1, 4)
    assert {(row["what"], row["kind"]) for row in told["changes"]} == {
        ("removed", "track"), ("added", "interval"),
    }  # fmt: skip
    now = tab.client.get(tab.url("revisions/4/changes/")).json()
    assert now["changes"] == []


def test_a_stale_base_is_told_what_others_did_and_a_conflict_applies_nothing(tab, clip):
    first = tip(clip)
    name = first[0]["object"]
    tab.save(builders.numbered(first))
    other = Tab(tab.client, tab.label_set, OTHER_TAB)
    elsewhere = other.save(builders.numbered(tip(clip, (50, 50))), base=0)
    assert elsewhere.status_code == 200
    assert [op["object"] for op in elsewhere.json()["others"]] == [name, name]
    assert {op["revision"] for op in elsewhere.json()["others"]} == {1}
    before = held(tab)
    move = [{"op": "keyframe.set", "object": name, "frame_index": 3, "state": "visible",
             "shape": {"type": "tip", "point": [1, 1]}, "attributes": {}}]  # fmt: skip
    third = Tab(tab.client, tab.label_set, str(uuid.uuid4()))
    answer = third.save(builders.numbered(move), base=0)
    assert answer.status_code == 409 and code(answer) == "conflict"
    error = answer.json()["error"]
    assert error["objects"] == [name] and error["revision"] == 2 and len(error["others"]) == 4
    assert held(tab) == before
    assert third.save(builders.numbered(move), base=2).status_code == 200


def test_a_gap_names_the_sequence_that_is_expected(tab, clip):
    steps = builders.numbered(tip(clip))
    before = held(tab)
    answer = tab.save(steps[1:])
    assert (answer.status_code, code(answer)) == (409, "gap")
    assert answer.json()["error"]["expected_seq"] == 1
    assert held(tab) == before


def test_two_tabs_under_one_identity_are_told_to_part(tab, clip):
    tab.save(builders.numbered(tip(clip)))
    before = held(tab)
    answer = tab.save(builders.numbered(tip(clip)))
    assert (answer.status_code, code(answer)) == (409, "forked")
    assert held(tab) == before


def test_a_tab_is_told_what_others_did_above_its_revision(tab, clip, monkeypatch):
    tab.save(builders.numbered(tip(clip)))
    other = Tab(tab.client, tab.label_set, OTHER_TAB)
    other.save(builders.numbered(tip(clip, (1, 2))), base=1)

    def told(after, client=TAB):
        return tab.client.get(tab.url("operations/"), {"after": after, "client": client})

    heard = told(1).json()
    assert (heard["revision"], heard["state"]) == (2, "in_progress")
    assert [(op["op"], op["revision"]) for op in heard["operations"]] == [
        ("track.create", 2), ("keyframe.set", 2),
    ]  # fmt: skip
    assert heard["operations"][1]["shape"] == {"type": "tip", "point": [1, 2]}
    # One's own are not told, nor what one holds already.
    assert [op["revision"] for op in told(0, OTHER_TAB).json()["operations"]] == [1, 1]
    assert told(2).json()["operations"] == []
    for after, client in (("-1", TAB), ("", TAB), ("1", "tab")):
        assert (told(after, client).status_code, code(told(after, client))) == (
            400,
            "invalid_query",
        )
    # Too many to take one by one: the page reads the set anew.
    monkeypatch.setattr("apps.annotation.queries.MOST_TOLD", 1)
    assert told(1).json()["operations"] is None
    # As many bytes as they are kept as are told, one less are not, and then none is read.
    monkeypatch.setattr("apps.annotation.queries.MOST_TOLD", 2)
    kept = sum(len(bytes(op.body)) for op in Operation.objects.filter(client_id=OTHER_TAB))
    monkeypatch.setattr("apps.annotation.queries.MOST_TOLD_BYTES", kept)
    assert len(told(1).json()["operations"]) == 2
    monkeypatch.setattr("apps.annotation.queries.MOST_TOLD_BYTES", kept - 1)
    with CaptureQueriesContext(connection) as asked:
        assert told(1).json()["operations"] is None
    log = [q["sql"] for q in asked if Operation._meta.db_table in q["sql"]]
    assert log
    assert all("LENGTH(" in sql for sql in log)
    tab.post("submit/", {"revision": 2})
    assert told(2).json()["state"] == "submitted"


def test_a_page_that_is_ahead_of_the_server_is_told_to_reload(tab, clip):
    answer = tab.save(builders.numbered(tip(clip)), base=5)
    assert (answer.status_code, code(answer)) == (409, "ahead_of_server")


def _wrong(clip):
    name = str(uuid.uuid4())
    made = {"op": "track.create", "object": name, "clip": str(clip.pk), "class_id": "grasper"}
    key = {"op": "keyframe.set", "object": name, "state": "visible", "attributes": {}}
    span = builders.interval(clip, "preparation", 0, 10)[0]
    return {
        "outside the picture": [
            made, {**key, "frame_index": 3, "shape": {"type": "tip", "point": [321, 5]}}],
        "outside the clip": [
            made, {**key, "frame_index": 40, "shape": {"type": "tip", "point": [1, 5]}}],
        "before the clip": [
            made, {**key, "frame_index": -1, "shape": {"type": "tip", "point": [1, 5]}}],
        "interval past the end": [{**span, "end_frame": 41}],
        "interval of nothing": [{**span, "end_frame": 0}],
        "unknown class": [{**made, "class_id": "tumour"}],
        "another clip": [{**made, "clip": str(uuid.uuid4())}],
        "wrong shape": [
            made, {**key, "frame_index": 3, "shape": {"type": "box", "box": [1, 1, 2, 2]}}],
        "mask of another size": [
            {**made, "class_id": "lesion"},
            {**key, "frame_index": 3, "shape": {"type": "mask", "rle": {"size": [2, 2],
                                                                        "counts": "04"}}}],
        "unknown operation": [{**made, "op": "track.paint"}],
        "unknown field": [{**made, "colour": "red"}],
        "no such track": [{**key, "frame_index": 3, "shape": None, "state": "absent"}],
        "not an object": ["drop table"],
        "overlapping phases": [span, {**span, "object": str(uuid.uuid4()),
                                      "class_id": "clipping_cutting", "start_frame": 5}],
    }  # fmt: skip


@pytest.mark.parametrize("name", list(_wrong(type("Clip", (), {"pk": 1})())))
def test_a_wrong_operation_is_refused_and_the_whole_batch_with_it(tab, clip, name):
    good = builders.numbered(tip(clip))
    wrong = _wrong(clip)[name]
    if isinstance(wrong[0], dict):
        wrong = builders.numbered(wrong, 3)
    before = held(tab)
    answer = tab.save([*good, *wrong])
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["code"] in ("invalid_operation", "phase_overlap")
    assert error["field"] and error["remedy"] and error["index"] >= 2
    assert held(tab) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [({"client_id": "me"}, "client_id"), ({"client_id": None}, "client_id"),
     ({"base_revision": "1"}, "base_revision"), ({"base_revision": -1}, "base_revision"),
     ({"base_revision": True}, "base_revision"), ({"operations": []}, "operations"),
     ({"operations": {}}, "operations")],
)  # fmt: skip
def test_a_malformed_request_names_its_field(tab, clip, change, field):
    body = {"client_id": TAB, "base_revision": 0, "operations": builders.numbered(tip(clip))}
    answer = tab.post("operations/", {**body, **change})
    assert answer.status_code == 400 and answer.json()["error"]["field"] == field


def test_a_body_that_is_no_json_object_is_refused(tab):
    for raw in (b"", b"[]", b"{", b"null", b"\xff"):
        answer = tab.client.post(tab.url("operations/"), raw, content_type="application/json")
        assert answer.status_code == 400, raw
        assert answer.json()["error"]["code"]


def test_ten_megabytes_are_too_many(tab, clip):
    before = held(tab)
    raw = json.dumps({"client_id": TAB, "base_revision": 0, "operations": ["x" * 10_000_000]})
    answer = tab.client.post(tab.url("operations/"), raw, content_type="application/json")
    assert (answer.status_code, code(answer)) == (413, "too_large")
    assert held(tab) == before


def test_a_submitted_set_is_locked(tab, clip):
    tab.save(builders.numbered(tip(clip)))
    answer = tab.post("submit/", {"revision": 0})
    assert (answer.status_code, code(answer)) == (409, "stale_revision")
    assert tab.post("submit/", {"revision": "1"}).status_code == 400
    assert tab.post("submit/", {"revision": 1}).json()["state"] == "submitted"
    before = held(tab)
    answer = tab.save(builders.numbered(tip(clip), 3), base=1)
    assert (answer.status_code, code(answer)) == (423, "locked")
    assert tab.post("submit/", {"revision": 1}).status_code == 423
    assert held(tab) == before and tab.get()["state"] == "submitted"


def test_another_s_label_set_does_not_exist(tab, person, clip):
    for other in (person("annotator"), person("adjudicator"), person("project_lead"), person()):
        tab.client.force_login(other.user)
        assert tab.client.get(tab.url()).status_code == 404
        assert tab.save(builders.numbered(tip(clip))).status_code == 404
        assert tab.post("submit/", {"revision": 0}).status_code == 404
    assert held(tab)[0] == 0


def test_without_a_session_the_answer_is_signed_out(tab, clip):
    tab.client.logout()
    answer = tab.save(builders.numbered(tip(clip)))
    assert (answer.status_code, code(answer)) == (401, "signed_out")


def test_a_person_who_lost_the_role_finds_nothing(tab, project, clip):
    from apps.projects.services import revoke_role

    revoke_role(service("command"), project, tab.label_set.author, "annotator")
    assert tab.client.get(tab.url()).status_code == 404
    assert tab.save(builders.numbered(tip(clip))).status_code == 404


def test_the_workspace_opens_on_one_s_own_set_alone(tab, person, clip):
    url = f"/clips/{clip.pk}/work/"
    assert tab.client.get(url).status_code == 200
    assert Event.objects.filter(action="clip.open").count() == 1
    tab.client.force_login(person("annotator").user)
    assert tab.client.get(url).status_code == 404


def test_a_returned_set_can_be_worked_on_and_handed_in_again(project, person, tab, clip):
    from apps.annotation.closing import return_label_set

    tab.save(builders.numbered(tip(clip)))
    tab.post("submit/", {"revision": 1})
    tab.label_set.refresh_from_db()
    for remark in (" ", "A" * 401):
        with pytest.raises(Refused):
            return_label_set(person("project_lead"), tab.label_set, remark=remark)
    return_label_set(person("project_lead"), tab.label_set, remark="Look at frame 3 again.")
    assert tab.save(builders.numbered(tip(clip), 3), base=1).status_code == 200
    assert tab.post("submit/", {"revision": 2}).json()["state"] == "submitted"
    assert LabelSet.objects.get(pk=tab.label_set.pk).revision == 2
