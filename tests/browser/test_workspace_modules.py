"""The workspace's pure modules, run in the browser they are for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser
VECTORS = Path(__file__).resolve().parents[1] / "vectors"


@pytest.mark.parametrize("vectors", ["interpolate", "shapes"])
def test_interpolation_is_the_servers_to_the_last_bit(modules: Page, vectors: str) -> None:
    cases = json.loads((VECTORS / f"{vectors}.json").read_text())["cases"]
    assert cases
    got = modules.evaluate(
        """async (cases) => {
          const {expandTrack, expandAt} = await import('/static/workspace/interpolate.js');
          return cases.map((c) => {
            const all = expandTrack({keyframes: c.keyframes}, c.rule);
            const each = all.map((e) => expandAt({keyframes: c.keyframes}, e.frame_index, c.rule));
            return [all, JSON.stringify(all) === JSON.stringify(each)];
          });
        }""",
        cases,
    )
    for case, (expanded, one_by_one) in zip(cases, got, strict=True):
        assert expanded == case["expanded"], case["name"]
        assert one_by_one, case["name"]


def test_millimetres_are_the_servers_and_told_with_the_digits_they_bear(modules: Page) -> None:
    known = json.loads((VECTORS / "measures.json").read_text())
    got = modules.evaluate(
        """async ({cases, regions}) => {
          const {measures, inWords} = await import('/static/workspace/calibration.js');
          const words = [[12.345, 0.42], [12.345, 0.042], [1234.5, 12.3], [123.45, 2.31]]
            .map(([value, uncertainty]) =>
              inWords({kind: "area", value, uncertainty, unit: "mm2"}));
          return [cases.map((c) => measures(c.shape, regions)), words];
        }""",
        known,
    )
    for case, found in zip(known["cases"], got[0], strict=True):
        assert [(m["kind"], m["unit"]) for m in found] == [
            (m["kind"], m["unit"]) for m in case["measures"]
        ], case["name"]
        for mine, wanted in zip(found, case["measures"], strict=True):
            assert mine["value"] == pytest.approx(wanted["value"], rel=1e-9), case["name"]
            assert mine["uncertainty"] == pytest.approx(wanted["uncertainty"], rel=1e-9)
    assert got[1] == [
        "12.3 ± 0.4 mm²", "12.35 ± 0.04 mm²", "1235 ± 12 mm²", "123.5 ± 2.3 mm²",
    ]  # fmt: skip


def test_every_operation_is_taken_back_by_its_inverse(modules: Page) -> None:
    result = modules.evaluate(
        """async () => {
          const {applyOperation, inverseOf} = await import('/static/workspace/operations.js');
          const tip = {state: 'visible', shape: {type: 'tip', point: [1, 2]}, attributes: {}};
          const track = {clip: 'c', class_id: 'k', number: 2, attributes: {jaw: 'open'}};
          const absent = {op: 'keyframe.set', object: 't', state: 'absent', shape: null,
            attributes: {}};
          const span = {clip: 'c', class_id: 'p', start_frame: 1, end_frame: 4, attributes: {}};
          const wide = {op: 'interval.set', ...span, class_id: 'q', start_frame: 0, end_frame: 9};
          const labels = {tracks: {t: {...track, keyframes: {3: tip}}}, intervals: {i: span}};
          const ops = [
            {op: 'track.create', object: 'u', clip: 'c', class_id: 'k'},
            {op: 'track.delete', object: 't'},
            {op: 'track.set', object: 't', attributes: {}},
            {...absent, frame_index: 3}, {...absent, frame_index: 9},
            {op: 'keyframe.delete', object: 't', frame_index: 3},
            {...wide, object: 'i'}, {...wide, object: 'j'},
            {op: 'interval.delete', object: 'i'}];
          const before = JSON.stringify(labels);
          return ops.map((op) => {
            const now = JSON.parse(before);
            const back = inverseOf(now, op);
            applyOperation(now, op);
            const changed = JSON.stringify(now) !== before;
            back.forEach((b) => applyOperation(now, b));
            return changed && JSON.stringify(now) === before;
          });
        }"""
    )
    assert result == [True] * 9


def test_idle_time_is_no_work_and_is_reported_once(modules: Page) -> None:
    got = modules.evaluate("""async () => {
      const {Spell, IDLE_MS} = await import('/static/workspace/spell.js');
      const spell = new Spell(1000);
      const out = [spell.toReport()];
      const idle = 33000 + IDLE_MS + 1;
      for (const at of [3000, 3000, 33000, idle, idle + 2000]) spell.act(at);
      out.push(spell.active_ms, spell.toReport());
      spell.reported_ms = spell.active_ms;
      out.push(spell.toReport());
      return out;
    }""")
    assert got == [None, 34000, 34, None]


def test_relations_go_with_the_part_of_a_track_that_they_belong_to(modules: Page) -> None:
    got = modules.evaluate("""async () => {
      const {splitRelations, mergedRelations} = await import('/static/workspace/relation-edits.js');
      const span = (subject, target, start_frame, end_frame) =>
        ({clip: 'c', relation: 'holds', subject, target, start_frame, end_frame});
      const labels = {tracks: {}, intervals: {}, relations: {
        before: span('a', 'x', 0, 10), over: span('a', 'x', 5, 20), after: span('x', 'a', 12, 30),
        other: span('y', 'x', 0, 30)}};
      const name = (o) => o.object.length > 10 ? 'new' : o.object;
      const brief = (ops) => ops.map(
        (o) => [name(o), o.subject, o.target, o.start_frame, o.end_frame]);
      const split = brief(splitRelations(labels, 'a', 10, 'b'));
      labels.relations.own = span('a', 'y', 1, 2);
      return [split, brief(mergedRelations(labels, 'y', 'a'))];
    }""")
    assert got == [
        [["over", "a", "x", 5, 10], ["new", "b", "x", 10, 20], ["after", "x", "b", 12, 30]],
        [["before", "y", "x", 0, 10], ["over", "y", "x", 5, 20], ["after", "x", "y", 12, 30]],
    ]


def test_a_key_of_the_persons_own_comes_before_what_stands_there(modules: Page) -> None:
    got = modules.evaluate("""async () => {
      const {Keys} = await import('/static/workspace/keys.js');
      const key = (code) => ({code, shift: false, alt: false, ctrl: false});
      const keys = new Keys({characters: true, keys: {brush: key('KeyX'), redo: null}});
      const done = [];
      const standard = [
        ['absent', 'KeyX'], ['brush', 'KeyB'], ['redo', 'KeyY'], ['on', 'ArrowRight']];
      for (const [id, code] of standard) {
        keys.bind({id, code, label: id, group: '', run: () => done.push(id)});
      }
      const press = (code) => dispatchEvent(new KeyboardEvent('keydown', {code}));
      for (const code of ['KeyX', 'KeyB', 'KeyY', 'ArrowRight']) press(code);
      done.push('|');
      keys.apply({characters: false, keys: {}});
      for (const code of ['KeyX', 'KeyB', 'ArrowRight']) press(code);
      done.push('|');
      keys.apply({characters: true, keys: {}});
      for (const code of ['KeyX', 'KeyB', 'KeyY']) press(code);
      return [done, keys.taken({code: 'KeyX', shift: false, alt: false})];
    }""")
    assert got == [["brush", "on", "|", "on", "|", "absent", "brush", "redo"], True]


def test_chunks_that_come_as_runs_are_missing_until_they_are_read(modules: Page) -> None:
    found = modules.evaluate("""async () => {
      const {markMissing} = await import('/static/workspace/windows.js');
      const key = {state: 'visible', shape: null, attributes: {}};
      const tracks = {
        runs: {keyframes: {300: key}, chunk_runs: [[0, 2], [7, 7]]},
        list: {keyframes: {300: key}, chunks: [0, 1, 2, 7]},
        none: {keyframes: {}, chunk_runs: []},
      };
      return markMissing({tracks, intervals: {}}).tracks;
    }""")
    assert found["runs"]["missing"] == found["list"]["missing"] == [0, 2, 7]
    assert "missing" not in found["none"]
    assert not any("chunk_runs" in track for track in found.values())


def test_what_was_shown_is_told_whole_however_much_it_is(modules: Page) -> None:
    got = modules.evaluate("""async () => {
      const {Watched} = await import('/static/workspace/watched.js');
      const told = [];
      let fails = 0;
      const api = {post: async (url, {spans}) => {
        if (fails-- > 0) throw new Error('no network');
        told.push(spans.length);
        // A picture is shown while the others are told.
        watched.saw(9000 + 2 * told.length);
      }};
      const watched = new Watched(api, 'clip');
      clearInterval(watched.timer);
      // Pictures left out, as at eight times the speed.
      for (let n = 0; n < 1200; n++) watched.saw(3 * n);
      fails = 1;
      await watched.tell();
      const kept = watched.spans.length;
      await watched.tell();
      return [kept, told, watched.spans.length];
    }""")
    assert got == [1200, [500, 500, 202], 1]
