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
