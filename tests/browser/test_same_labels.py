"""Random work through the browser's store, the server and a plain model: the same labels in all.

Every operation that the server knows and every geometry that a class may have must be drawn.
Comments are no operations: they are sent one by one and never undone.
"""

from __future__ import annotations

import json
import math
import os
import uuid
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from apps.access.actor import service
from apps.annotation import store
from apps.annotation.domain import ops as operations
from apps.annotation.models import LabelSet
from apps.annotation.services import import_label_set
from apps.ontology.domain.geometries import GEOMETRIES, INTERVALS, SHAPES
from apps.ontology.services import draft_version, publish_version
from tests import builders
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.devserver import World, serve
from tests.browser.plain_moves import KINDS, Moves
from tests.browser.random_work import CLASSES, N_FRAMES, SKELETON, SPANS, USUAL, Worker

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

# In full size: BAR_HISTORIES.
SEEDS, STEPS = range(1, 1 + int(os.environ.get("BAR_HISTORIES", "2"))), 100
# The browser and Python add up an outline's points in another order.
TOLERANCE_PX = 1e-9

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


def _ontology() -> dict[str, Any]:
    """The starter's classes, and one of each geometry that it has none of."""
    definition = json.loads(builders.STARTER.read_text(encoding="utf-8"))
    lacking = [g for g in GEOMETRIES if g not in {c["geometry"] for c in definition["classes"]}]
    for number, geometry in enumerate(lacking):
        one = {
            "id": f"some_{geometry}", "name": f"Some {geometry}", "geometry": geometry,
            "color": f"#0{number}80ff", "shortcut": None, "guideline": "Anywhere.",
            "attributes": [],
            "code": {"value": geometry, "scheme": "99CLINANNOT", "meaning": geometry},
        }  # fmt: skip
        if geometry == "keypoints":
            one["skeleton"] = SKELETON
        definition["classes"].append(one)
    assert {f"some_{g}" for g in lacking} == {c for c in {**CLASSES, **SPANS} if "some_" in c}
    return definition


def _assigned(project, person):
    draft = draft_version(service("command"), project, definition=_ontology())
    publish_version(service("command"), draft)
    author, clip = person("annotator"), builders.ready_clip(project, N_FRAMES)
    sets = [builders.label_set(project, author, clip)]
    draw = Worker(7, str(clip.pk), Moves({}, ("", {}), N_FRAMES))
    shapes = {name: {n: draw._shape(geometry) for n in (3, 9)} for name, geometry in USUAL.items()}
    steps = [step for name in (*USUAL, *USUAL) for step in builders.track(clip, name, shapes[name])]
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
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [d for n, (a, b) in enumerate(zip(one, two, strict=True))
                for d in differing(a, b, f"{path}/{n}")]  # fmt: skip
    if (
        type(one) is float
        and type(two) in (int, float)
        and math.isclose(one, two, rel_tol=0, abs_tol=TOLERANCE_PX)
    ):
        return []
    return [] if one == two else [f"{path}: {one} is not {two}"]


def drawn_in(labels: list[dict[str, Any]], classes: dict[str, Any]) -> set[str]:
    """Geometries of all that stood in these labels at one time."""
    held = [o for one in labels for part in ("tracks", "intervals") for o in one[part].values()]
    return {classes[each["class_id"]]["geometry"] for each in held}


def test_store_server_and_model_hold_the_same_labels_after_random_work(assigned, client):
    author, clip, (label_set, imported) = assigned
    ontology = label_set.ontology.definition
    source = (str(imported.pk), store.load(imported))
    moves = Moves({c["id"]: c for c in ontology["classes"]}, source, N_FRAMES)
    client.force_login(author.user)
    workers = [Worker(seed, str(clip.pk), moves) for seed in SEEDS]
    work = [worker.steps(STEPS) for worker in workers]
    assert set().union(*(worker.done for worker in workers)) == set(KINDS)
    every = [labels for _, after in work for labels in after]
    assert drawn_in(every, moves.classes) == set(SHAPES) | set(INTERVALS)
    steps = [steps for steps, _ in work]
    browser = through_the_browser(str(clip.pk), ontology, source, steps)
    sent_kinds = {op["op"] for batches, _ in browser for ops in batches for op in ops}
    assert sent_kinds == set(operations.OPERATIONS)
    revision = 0
    for (taken, wanted), (batches, after) in zip(work, browser, strict=True):
        for step, (model, held) in enumerate(zip(wanted, after, strict=True)):
            wrong = differing(held, model)
            assert wrong == [], f"step {step}, {taken[step]}: {wrong}"
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
        assert differing(store.load(LabelSet.objects.get(pk=label_set.pk)), wanted[-1]) == []
