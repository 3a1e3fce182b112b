"""Random work through the browser's store, the server and a plain model: the same labels in all."""

from __future__ import annotations

import copy
import os
import random
import uuid
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from apps.annotation import store
from apps.annotation.domain import rle
from apps.annotation.models import LabelSet
from apps.annotation.services import import_label_set
from tests import builders
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.devserver import World, serve
from tests.browser.plain_moves import KINDS, Moves

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

N_FRAMES, WIDTH_PX, HEIGHT_PX = 40, builders.WIDTH_PX, builders.HEIGHT_PX
# In full size: BAR_HISTORIES.
SEEDS, STEPS = range(1, 1 + int(os.environ.get("BAR_HISTORIES", "2"))), 80
CLASSES = {"grasper": "tip", "specimen_bag": "box", "lesion": "mask"}
EVENTS = ("bleeding", "smoke")

RUN = """async ([clip, ontology, sources, steps]) => {
  const {Store} = await import('/static/workspace/store.js');
  const {Edits} = await import('/static/workspace/edits.js');
  const {Proposals} = await import('/static/workspace/proposals.js');
  const {takeOperations} = await import('/static/workspace/propagate.js');
  const store = new Store({labels: {clips: [clip], tracks: {}, intervals: {}},
    ontology, clip, n_frames: 40, width_px: 320, height_px: 240, readOnly: false});
  const edits = new Edits(store), proposals = new Proposals(store, sources);
  // New objects get the ids that the plain model gives them.
  let ids = [];
  crypto.randomUUID = () => ids.shift();
  const carry = ({track, frame, found}) => {
    const held = store.labels.tracks[track];
    store.commit(takeOperations(held, track, frame, store.expand(held, frame).shape, found));
  };
  const move = (step) => {
    ids = [...step.ids];
    if (step.track) store.set({selectedTrack: step.track});
    if ('frame' in step) store.setFrame(step.frame);
    if (step.do === 'split') edits.splitTrack();
    else if (step.do === 'cut') edits.cutTrack();
    else if (step.do === 'merge') edits.mergeTrack();
    else if (step.do === 'carry') carry(step);
    else { proposals.current = step.proposal; proposals.decide(step.decision); }
  };
  const batches = [], after = [];
  store.onOperations = (ops) => batches.push(structuredClone(ops));
  for (const step of steps) {
    if (step === 'undo') store.undo();
    else if (step === 'redo') store.redo();
    else if (step.do) move(step);
    else store.commit(step);
    after.push(structuredClone(store.labels));
  }
  return [batches, after];
}"""


class Model:
    """What labels are, said as plainly as can be: a step back is the state before, kept whole."""

    def __init__(self, clip: str, moves: Moves) -> None:
        self.moves = moves
        self.labels: dict[str, Any] = {"clips": [clip], "tracks": {}, "intervals": {}}
        self.past: list[Any] = []
        self.future: list[Any] = []

    def do(self, step: Any) -> None:
        if step in ("undo", "redo"):
            source, other = (self.past, self.future)[:: 1 if step == "undo" else -1]
            if source:
                other.append(self.labels)
                self.labels = source.pop()
            return
        before = copy.deepcopy(self.labels)
        if isinstance(step, dict) and not self.moves.make(self.labels, step):
            return
        self.past.append(before)
        self.future = []
        if isinstance(step, dict):
            return
        for op in step:
            self._change(op)

    def _change(self, op: dict[str, Any]) -> None:
        tracks, intervals, name = self.labels["tracks"], self.labels["intervals"], op["object"]
        if op["op"] == "track.create":
            taken = [t["number"] for t in tracks.values() if t["class_id"] == op["class_id"]]
            wish = op.get("number")
            number = wish if wish and wish not in taken else max(taken, default=0) + 1
            tracks[name] = {"clip": op["clip"], "class_id": op["class_id"], "number": number,
                            "attributes": {}, "keyframes": {}}  # fmt: skip
        elif op["op"] == "track.set":
            tracks[name]["attributes"] = op["attributes"]
        elif op["op"] == "keyframe.set":
            tracks[name]["keyframes"][str(op["frame_index"])] = {
                k: op[k] for k in ("state", "shape", "attributes")
            }
        elif op["op"] == "keyframe.delete":
            del tracks[name]["keyframes"][str(op["frame_index"])]
        elif op["op"] in ("interval.set", "relation.set"):
            part = self.labels.setdefault(f"{op['op'].partition('.')[0]}s", {})
            part[name] = {k: v for k, v in op.items() if k not in ("op", "object")}
        elif op["op"] == "track.delete":
            del tracks[name]
            self._keep({k: r for k, r in self._relations().items()
                        if name not in (r["subject"], r["target"])})  # fmt: skip
        elif op["op"] == "relation.delete":
            self._keep({k: r for k, r in self._relations().items() if k != name})
        else:
            del intervals[name]

    def _relations(self) -> dict[str, Any]:
        return dict(self.labels.get("relations", {}))

    def _keep(self, relations: dict[str, Any]) -> None:
        self.labels.pop("relations", None)
        if relations:
            self.labels["relations"] = relations


class Worker:
    """Someone who works at random, on what the model says is there."""

    def __init__(self, seed: int, clip: str, moves: Moves) -> None:
        self.random, self.clip, self.moves = random.Random(seed), clip, moves
        self.model, self.done = Model(clip, moves), set[str]()

    def steps(self, n: int) -> tuple[list[Any], list[dict[str, Any]]]:
        """Steps, and the labels after each."""
        steps, after = [], []
        for _ in range(n):
            step = self._step()
            self.model.do(step)
            steps.append(step)
            after.append(copy.deepcopy(self.model.labels))
        return steps, after

    def _step(self) -> Any:
        tracks, intervals = self.model.labels["tracks"], self.model.labels["intervals"]
        what = self.random.choice(
            ["create", "keyframe", "keyframe", "keyframe", "delete keyframe", "attributes",
             "interval", "interval", "delete interval", "delete track", "undo", "undo", "redo",
             "relate", "relate", "unrelate", "move", "move", "move", "move"]
        )  # fmt: skip
        if what == "move":
            found = self.moves.pick(self.random, self.model.labels)
            if found is not None:
                self.done.add(found["do"])
                return found
            what = "keyframe"
        if what in ("undo", "redo"):
            return what
        if what == "create" or (not tracks and "interval" not in what):
            return self._create()
        if what == "interval" or (not intervals and "interval" in what):
            return [self._interval(self.random.choice([*intervals, self._new()]))]
        if what == "delete interval":
            return [{"op": "interval.delete", "object": self.random.choice(list(intervals))}]
        held = list(self.model.labels.get("relations", {}))
        if what == "unrelate" and held:
            return [{"op": "relation.delete", "object": self.random.choice(held)}]
        graspers = [n for n, t in tracks.items() if t["class_id"] == "grasper"]
        if what in ("relate", "unrelate") and graspers and len(tracks) > 1:
            return [self._relation(self.random.choice([*held, self._new()]), graspers)]
        name = self.random.choice(list(tracks))
        if what == "delete track":
            return [{"op": "track.delete", "object": name}]
        held = list(tracks[name]["keyframes"])
        if what == "delete keyframe" and held:
            index = int(self.random.choice(held))
            return [{"op": "keyframe.delete", "object": name, "frame_index": index}]
        if what == "attributes":
            fits = tracks[name]["class_id"] == "grasper" and self.random.random() < 0.7
            values = {"jaw": self.random.choice(["open", "closed"])} if fits else {}
            return [{"op": "track.set", "object": name, "attributes": values}]
        return [self._keyframe(name, tracks[name]["class_id"]) for _ in range(2)]

    def _new(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _create(self) -> list[dict[str, Any]]:
        name, class_id = self._new(), self.random.choice(list(CLASSES))
        op = {"op": "track.create", "object": name, "clip": self.clip, "class_id": class_id}
        if self.random.random() < 0.6:
            op["number"] = self.random.randint(1, 4)  # which may be another's already
        return [op, self._keyframe(name, class_id)]

    def _keyframe(self, name: str, class_id: str) -> dict[str, Any]:
        state = self.random.choice(["visible", "visible", "occluded", "absent"])
        shape = None if state == "absent" else self._shape(CLASSES[class_id])
        return {"op": "keyframe.set", "object": name, "attributes": {}, "shape": shape,
                "frame_index": self.random.randrange(N_FRAMES), "state": state}  # fmt: skip

    def _shape(self, geometry: str) -> dict[str, Any]:
        x, y = self.random.uniform(0, WIDTH_PX - 60), self.random.uniform(0, HEIGHT_PX - 60)
        if geometry == "tip":
            return {"type": "tip", "point": [x, y]}
        if geometry == "box":
            return {"type": "box", "box": [x, y, self.random.uniform(1, 50), 12]}
        pixels = np.zeros((HEIGHT_PX, WIDTH_PX), bool)
        pixels[int(y) : int(y) + 9, int(x) : int(x) + 7] = True
        return {"type": "mask", "rle": rle.encode(pixels)}

    def _relation(self, name: str, graspers: list[str]) -> dict[str, Any]:
        subject = self.random.choice(graspers)
        target = self.random.choice([n for n in self.model.labels["tracks"] if n != subject])
        start = self.random.randrange(N_FRAMES - 1)
        return {"op": "relation.set", "object": name, "clip": self.clip, "relation": "contact",
                "subject": subject, "target": target, "start_frame": start,
                "end_frame": self.random.randint(start + 1, N_FRAMES)}  # fmt: skip

    def _interval(self, name: str) -> dict[str, Any]:
        start = self.random.randrange(N_FRAMES - 1)
        held = self.model.labels["intervals"].get(name)
        class_id = held["class_id"] if held else self.random.choice(EVENTS)
        return {"op": "interval.set", "object": name, "clip": self.clip, "class_id": class_id,
                "start_frame": start, "end_frame": self.random.randint(start + 1, N_FRAMES),
                "attributes": {}}  # fmt: skip


def _assigned(project, person):
    author, clip = person("annotator"), builders.ready_clip(project, N_FRAMES)
    sets = [builders.label_set(project, author, clip)]
    draw = Worker(7, str(clip.pk), Moves({}, ("", {}), N_FRAMES))
    shapes = {
        name: {n: draw._shape(geometry) for n in (3, 9)} for name, geometry in CLASSES.items()
    }
    steps = [
        step for name in (*CLASSES, *CLASSES) for step in builders.track(clip, name, shapes[name])
    ]
    for start in (5, 20):
        steps += builders.interval(clip, "bleeding", start, start + 3)
    sets.append(
        import_label_set(
            person("project_lead"), clip, ontology=builders.published_ontology(project),
            steps=steps, source={"format": "test", "digest": "0" * 64},
        )
    )  # fmt: skip
    return author, clip, sets


@pytest.fixture(scope="module")
def assigned(kept):
    return kept.make(_assigned, kept.person)


def through_the_browser(clip: str, ontology: Any, source: Any, work: list[Any]) -> list[Any]:
    """(batches that the store sends, its labels after each step) for each list of steps."""
    world = World(n_frames=2, width=64, height=48)
    server = serve(world)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/static/workspace/README.md")
            sources = [{"id": source[0], "imported_at": "", "labels": source[1]}]
            found = [page.evaluate(RUN, [clip, ontology, sources, steps]) for steps in work]
            browser.close()
            return found
    finally:
        server.shutdown()
        server.server_close()


def differing(one: Any, two: Any, path: str = "") -> list[str]:
    """Where two JSON values differ, and in what."""
    if isinstance(one, dict) and isinstance(two, dict):
        names = sorted({*one, *two})
        return [d for n in names for d in differing(one.get(n), two.get(n), f"{path}/{n}")]
    return [] if one == two else [f"{path}: {one} is not {two}"]


def test_store_server_and_model_hold_the_same_labels_after_random_work(assigned, client):
    author, clip, (label_set, imported) = assigned
    ontology = label_set.ontology.definition
    source = (str(imported.pk), store.load(imported))
    moves = Moves({c["id"]: c for c in ontology["classes"]}, source, N_FRAMES)
    client.force_login(author.user)
    workers = [Worker(seed, str(clip.pk), moves) for seed in SEEDS]
    work = [worker.steps(STEPS) for worker in workers]
    assert set().union(*(worker.done for worker in workers)) == set(KINDS)
    steps = [steps for steps, _ in work]
    browser = through_the_browser(str(clip.pk), ontology, source, steps)
    revision = 0
    for (taken, wanted), (batches, after) in zip(work, browser, strict=True):
        for step, (model, held) in enumerate(zip(wanted, after, strict=True)):
            assert held == model, f"step {step}, {taken[step]}: {differing(held, model)}"
        assert len(batches) > STEPS / 2
        tab, seq = str(uuid.uuid4()), 0
        clearing = [
            {"op": f"{kind}.delete", "object": name}
            for kind in ("track", "interval", "proposal")
            for name in store.load(LabelSet.objects.get(pk=label_set.pk)).get(f"{kind}s", {})
        ]
        for ops in [*([clearing] if clearing else []), *batches]:
            sent = [{**op, "id": str(uuid.uuid4()), "seq": seq + k} for k, op in enumerate(ops, 1)]
            seq += len(sent)
            answer = client.post(
                f"/api/v1/label-sets/{label_set.pk}/operations/",
                {"client_id": tab, "base_revision": revision, "operations": sent},
                content_type="application/json",
            )
            assert answer.status_code == 200, answer.content
            revision = answer.json()["revision"]
        assert store.load(LabelSet.objects.get(pk=label_set.pk)) == wanted[-1]
