"""What is sent when a conflict is decided, by the module that decides it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.devserver import World

pytestmark = pytest.mark.browser

RESOLVE = """async () => {
  const {Sync} = await import('/static/workspace/sync.js');
  const held = (x) => ({state: 'visible', shape: {type: 'tip', point: [x, x]}, attributes: {}});
  const track = (number, keyframes) =>
    ({clip: 'c', class_id: 'grasper', number, attributes: {}, keyframes});
  const relation = {clip: 'c', relation: 'holds', subject: 'a', target: 'b',
    start_frame: 0, end_frame: 5};
  const a = track(1, {0: held(1)});
  // Of b only the first chunk was read.
  const store = {
    labels: {tracks: {a, b: {...track(2, {5: held(5)}), missing: [3]}}, intervals: {}},
    trackName: () => '', classOf: () => undefined,
    replaceLabels(labels) { this.labels = labels; },
  };
  const sent = [], asked = [];
  const api = {
    get: async (url) => {
      asked.push(url);
      if (url.includes('/revisions/')) {
        return {labels: {tracks: {a, b: track(2, {5: held(5), 900: held(9)})}, intervals: {}}};
      }
      return {labels: {tracks: {a}, intervals: {}}, revision: 9};
    },
    post: async (url, {operations}) => {
      sent.push(...operations);
      return {revision: 10, acknowledged_seq: operations.at(-1).seq, others: []};
    },
  };
  const sync = new Sync(api, store, 'set', 5, null);
  sync.pending = [
    {op: 'relation.set', object: 'r', ...relation, id: '1', seq: 1},
    {op: 'keyframe.set', object: 'b', frame_index: 7, ...held(7), id: '2', seq: 2},
  ];
  sync.conflict = {objects: ['b'], names: [''], others: []};
  await sync.resolve(new Map([['b', 'mine']]));
  while (sync.pending.length) await new Promise((done) => setTimeout(done, 10));
  return [asked, sent.map((op) => [op.seq, op.op, op.object, op.frame_index ?? null])];
}"""


def test_what_was_removed_elsewhere_is_made_again_whole_and_before_what_names_it(
    page: Page, world: World
) -> None:
    page.goto(f"{world.base}/static/workspace/README.md")
    asked, sent = page.evaluate(RESOLVE)
    # As it stood at the revision that one's own work began from, and one's own on top.
    assert asked[1:] == ["/api/v1/label-sets/set/revisions/5/"]
    assert sent == [
        [1, "track.create", "b", None],
        [2, "keyframe.set", "b", 5],
        [3, "keyframe.set", "b", 7],
        [4, "keyframe.set", "b", 900],
        [5, "relation.set", "r", None],
    ]


# A server that keeps the protocol: what others did to an object above the base is a conflict.
SAVE_WITH_A_STROKE_IN_HAND = """async (theirs) => {
  const {Sync} = await import('/static/workspace/sync.js');
  const {ApiError} = await import('/static/workspace/api.js');
  const shown = [], bases = [];
  const store = {labels: {tracks: {}, intervals: {}}, trackName: () => '', classOf: () => undefined,
    applyRemote: (ops) => shown.push(...ops.map((op) => op.object)), replaceLabels() {}};
  let revision = 8;
  const since = (base) => theirs.filter(([, at]) => at > base).map(([object, at]) =>
    ({op: 'track.delete', object, revision: at}));
  const api = {
    post: async (url, {base_revision, operations}) => {
      bases.push(base_revision);
      const others = since(base_revision);
      const objects = operations.map((op) => op.object)
        .filter((o) => others.some((op) => op.object === o));
      if (objects.length) throw new ApiError(409, {error: {code: 'conflict', objects, others}});
      return {revision: ++revision, acknowledged_seq: operations.at(-1).seq, others};
    },
  };
  const sync = new Sync(api, store, 'set', 5, null);
  const save = async (object) => {
    sync.add([{op: 'track.set', object, attributes: {}}]);
    await sync.flush();
    return sync.conflict?.objects ?? [];
  };
  sync.inHand = () => ['b'];
  const first = await save('a');
  const taken = [...shown];
  const called = taken.length ? await save(taken.at(-1)) : [];
  sync.inHand = () => [];
  return [first, taken, called, await save('b')];
}"""


@pytest.mark.parametrize(
    ("theirs", "taken"),
    [
        ([["b", 6], ["c", 7]], []),
        ([["c", 6], ["b", 7]], ["c"]),
        ([["c", 6], ["b", 7], ["d", 7], ["e", 8]], ["c"]),
        ([["c", 6], ["d", 8]], ["c", "d"]),
    ],
)
def test_what_was_taken_over_with_a_stroke_in_hand_is_no_conflict(
    page: Page, world: World, theirs: list[list[object]], taken: list[str]
) -> None:
    page.goto(f"{world.base}/static/workspace/README.md")
    first, shown, called, own = page.evaluate(SAVE_WITH_A_STROKE_IN_HAND, theirs)
    assert (first, shown, called) == ([], taken, [])
    # The one that was in hand while others changed it is a conflict as before.
    assert own == (["b"] if any(object == "b" for object, _ in theirs) else [])


RESOLVE_RELATIONS = """async (answers) => {
  const {Sync} = await import('/static/workspace/sync.js');
  const track = (number) => ({clip: 'c', class_id: 'grasper', number, attributes: {},
    keyframes: {0: {state: 'visible', shape: {type: 'tip', point: [1, 1]}, attributes: {}}}});
  const relation = (subject, target, end_frame = 5) =>
    ({clip: 'c', relation: 'holds', subject, target, start_frame: 0, end_frame});
  // Elsewhere b, d and e were removed, r-removed by itself before that and r-longer changed.
  const store = {
    labels: {tracks: {a: track(1), b: track(2), d: track(4), e: track(5)}, intervals: {},
      relations: {'r-kept': relation('a', 'b'), 'r-removed': relation('b', 'a'),
        'r-longer': relation('a', 'b'), 'r-own': relation('a', 'b', 7),
        'r-gone': relation('b', 'd'), 'r-both': relation('b', 'e')}},
    trackName: () => '', classOf: () => undefined,
    replaceLabels(labels) { this.labels = labels; },
  };
  const sent = [];
  const api = {
    get: async () => ({labels: {tracks: {a: track(1)}, intervals: {}}, revision: 9}),
    post: async (url, {operations}) => {
      sent.push(...operations);
      return {revision: 10, acknowledged_seq: operations.at(-1).seq, others: []};
    },
  };
  const sync = new Sync(api, store, 'set', 5, null);
  const attributes = {};
  sync.pending = [
    {op: 'track.set', object: 'b', attributes, id: '1', seq: 1},
    {op: 'track.set', object: 'e', attributes, id: '2', seq: 2},
    {op: 'relation.set', object: 'r-own', ...relation('a', 'b', 7), id: '3', seq: 3},
  ];
  const others = [
    {op: 'relation.delete', object: 'r-removed'},
    {op: 'relation.set', object: 'r-longer', ...relation('a', 'b', 60)},
    ...['b', 'd', 'e'].map((object) => ({op: 'track.delete', object})),
  ];
  sync.conflict = {objects: ['b', 'e'], names: ['', ''], others};
  await sync.resolve(new Map(Object.entries(answers)));
  while (sync.pending.length) await new Promise((done) => setTimeout(done, 10));
  return sent.map((op) => [op.op, op.object, op.end_frame ?? null]);
}"""

B_AGAIN = [["track.create", "b", None], ["keyframe.set", "b", None]]
E_AGAIN = [["track.create", "e", None], ["keyframe.set", "e", None]]
KEPT = [["relation.set", "r-kept", 5], ["relation.set", "r-longer", 60]]
OWN = [["relation.set", "r-own", 7]]


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ({"b": "mine", "e": "theirs"}, [*B_AGAIN, *KEPT, *OWN]),
        (
            {"b": "mine", "e": "mine"},
            [*B_AGAIN, *E_AGAIN, *KEPT, ["relation.set", "r-both", 5], *OWN],
        ),
        # Nothing stands elsewhere beside which a copy could lie.
        ({"b": "both", "e": "theirs"}, [*B_AGAIN, *KEPT, *OWN]),
        ({"b": "theirs", "e": "theirs"}, OWN),
    ],
)
def test_relations_come_back_with_the_tracks_that_took_them_along(
    page: Page, world: World, answers: dict[str, str], wanted: list[list[object]]
) -> None:
    page.goto(f"{world.base}/static/workspace/README.md")
    assert page.evaluate(RESOLVE_RELATIONS, answers) == wanted


READ_ANEW = """async ([begun, saved]) => {
  const {Sync} = await import('/static/workspace/sync.js');
  const shown = [];
  const store = {labels: {}, replaceLabels: (labels) => shown.push(labels)};
  const sync = new Sync({}, store, 'set', 5, null);
  let isBusy = false;
  sync.reload = async () => {
    isBusy = begun;
    if (saved) sync.revision = 6;
    return {labels: 'anew', revision: 9};
  };
  return [await sync.readAnew(() => !isBusy), shown, sync.revision];
}"""


@pytest.mark.parametrize(
    ("meanwhile", "wanted"),
    [
        ([False, False], [True, ["anew"], 9]),
        # What was begun on the old labels would overwrite unseen what others did.
        ([True, False], [False, [], 5]),
        # What was read lacks what was saved.
        ([False, True], [False, [], 6]),
    ],
)
def test_labels_read_anew_are_not_taken_over_what_was_done_meanwhile(
    page: Page, world: World, meanwhile: list[bool], wanted: list[object]
) -> None:
    page.goto(f"{world.base}/static/workspace/README.md")
    assert page.evaluate(READ_ANEW, meanwhile) == wanted
