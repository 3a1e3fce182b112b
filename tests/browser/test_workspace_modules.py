"""The workspace's pure modules, run in the browser they are for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page
from pycocotools import mask as coco

from tests.browser.devserver import World

pytestmark = pytest.mark.browser
VECTORS = Path(__file__).resolve().parents[1] / "vectors"


@pytest.fixture
def modules(page: Page, world: World) -> Page:
    page.goto(f"{world.base}/static/workspace/README.md")
    return page


def masks() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[0:90, 0:130]
    out = [np.zeros((90, 130)), np.ones((90, 130)), np.hypot(xx - 60, yy - 40) < 31]
    out += [
        rng.random((h, w)) < p for h, w, p in ((1, 1, 1), (7, 3, 0.5), (64, 48, 0.1), (33, 90, 0.9))
    ]
    one = np.zeros((90, 130))
    one[0, 0] = one[-1, -1] = 1
    return [m.astype(np.uint8) for m in [*out, one]]


def test_run_lengths_are_pycocotools_byte_for_byte(modules: Page) -> None:
    for mask in masks():
        height, width = mask.shape
        wanted = coco.encode(np.asfortranarray(mask))["counts"].decode()
        got = modules.evaluate(
            """async ([flat, h, w, text]) => {
              const {encodeRle, decodeRle} = await import('/static/workspace/canvas/rle.js');
              const rle = encodeRle(Uint8Array.from(flat), h, w);
              return [rle.counts, Array.from(decodeRle({size: [h, w], counts: text}))];
            }""",
            [mask.T.ravel().tolist(), height, width, wanted],
        )
        assert got[0] == wanted
        assert np.array_equal(np.array(got[1], np.uint8).reshape(width, height).T, mask)


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


def test_a_brush_stroke_takes_the_pixels_whose_centre_it_covers(modules: Page) -> None:
    got = modules.evaluate(
        """async () => {
          const {MaskBuffer, outlineRings} = await import('/static/workspace/canvas/mask.js');
          const m = new MaskBuffer(60, 40);
          m.capsule(10.25, 8.5, 40.75, 30, 4.5, 1);
          const p = new MaskBuffer(60, 40);
          p.polygon([[5, 5], [45.5, 8.2], [30, 35.7]], 1);
          const rings = outlineRings(m, m.bounds());
          return [Array.from(m.data), Array.from(p.data), rings];
        }"""
    )
    brush = np.array(got[0]).reshape(60, 40).T.astype(bool)
    yy, xx = np.mgrid[0:40, 0:60] + 0.5
    d = np.array([30.5, 21.5])
    t = np.clip(((xx - 10.25) * d[0] + (yy - 8.5) * d[1]) / (d @ d), 0, 1)
    wanted = np.hypot(xx - 10.25 - t * d[0], yy - 8.5 - t * d[1]) <= 4.5
    assert np.array_equal(brush, wanted)
    polygon = np.array(got[1]).reshape(60, 40).T.astype(bool)
    corners = np.array([[5, 5], [45.5, 8.2], [30, 35.7]])
    sides = [
        (b[0] - a[0]) * (yy - a[1]) - (b[1] - a[1]) * (xx - a[0]) > 0
        for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)
    ]
    assert np.array_equal(polygon, np.logical_and.reduce(sides))
    area = sum(
        (x0 * y1 - x1 * y0) / 2
        for ring in got[2]
        for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True)
    )
    assert area == wanted.sum()


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


def test_a_way_along_an_edge_keeps_to_it_and_a_flat_picture_is_crossed_straight(
    modules: Page,
) -> None:
    got = modules.evaluate("""async () => {
      const {follow, REACH_PX} = await import('/static/workspace/canvas/livewire.js');
      const w = 400, h = 300;
      const read = (inside) => (x0, y0, width, height) => {
        const data = new Uint8ClampedArray(width * height * 4);
        for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
          const bright = inside(x + x0 + 0.5, y + y0 + 0.5) ? 170 : 90;
          // Tissue is never even: a fixed pattern of up to 20 over it.
          const at = (y * width + x) * 4;
          data.fill(bright + ((x + x0) * 7 + (y + y0) * 13) % 20, at, at + 3);
        }
        return {data, width, height};
      };
      const disc = read((x, y) => Math.hypot(x - 150, y - 150) < 80);
      const arc = follow([230, 150], [150, 70], w, h, disc);
      const away = arc.map(([x, y]) => Math.abs(Math.hypot(x - 150, y - 150) - 80));
      const flat = follow([10, 10], [60, 10], w, h, read(() => false));
      const across = follow([0, 0], [399.9, 299.9], w, h, disc);
      return [Math.max(...away), arc.at(-1), flat.length,
        follow([0, 0], [REACH_PX + 1, 5], w, h, disc), across.length,
        follow([5, 5], [5.2, 5.1], w, h, disc)];
    }""")
    off_edge, last, flat, far, too_far, same = got
    assert off_edge < 2.5 and last == [150, 70]
    assert 48 <= flat <= 60
    assert far == [[321, 5]] and too_far == 1 and same == [[5.2, 5.1]]


def test_lines_drawn_into_an_image_look_as_strokes_do(modules: Page) -> None:
    got = modules.evaluate(
        """async () => {
          const {Lines} = await import('/static/workspace/canvas/lines.js');
          const turns = Array.from({length: 24}, (_, k) => k / 24 * 2 * Math.PI);
          const ring = turns.map((t) => [60 + 31.3 * Math.cos(t), 50 + 27.8 * Math.sin(t)]);
          const other = [[20.2, 20.7], [110.4, 33.1], [64, 95.5]];
          const [own, wanted] = [0, 1].map(() => {
            const canvas = document.createElement('canvas');
            Object.assign(canvas, {width: 128, height: 100});
            return canvas.getContext('2d');
          });
          const lines = new Lines();
          // The second frame stands on an image that was used.
          for (const shift of [9, 0]) {
            lines.begin(128, 100);
            for (const points of [ring, other]) {
              lines.add(points.flatMap(([x, y], m) => {
                const [x2, y2] = points[(m + 1) % points.length];
                return [x + shift, y, x2 + shift, y2];
              }), [255, 216, 63], 1.6, 4);
            }
          }
          lines.put(own);
          for (const points of [ring, other]) {
            wanted.lineJoin = 'round';
            wanted.beginPath();
            points.forEach(([x, y], m) => (m ? wanted.lineTo(x, y) : wanted.moveTo(x, y)));
            wanted.closePath();
            for (const [width, style] of [[4, 'rgba(6, 8, 12, 0.85)'], [1.6, '#ffd83f']]) {
              wanted.lineWidth = width;
              wanted.strokeStyle = style;
              wanted.stroke();
            }
          }
          lines.begin(2000, 2000);
          const large = lines.add([5, 5, 900, 900], [255, 0, 0], 1.6, 4);
          const data = (c) => Array.from(c.getImageData(0, 0, 128, 100).data);
          return [data(own), data(wanted), large];
        }"""
    )
    own, wanted = (np.array(each).reshape(100, 128, 4).astype(float) for each in got[:2])
    assert wanted[..., 3].astype(bool).sum() > 1000
    for each in (own, wanted):
        each[..., :3] *= each[..., 3:] / 255
    away = np.abs(own - wanted)
    assert away.max() < 100 and away[wanted[..., 3] > 0].mean() < 8
    # What is too large for the image is left to a stroke.
    assert got[2] is False


def test_the_stroke_under_way_is_shown_pixel_for_pixel(modules: Page) -> None:
    got = modules.evaluate(
        """async () => {
          const {MaskBuffer} = await import('/static/workspace/canvas/mask.js');
          const {LiveLayer, LiveMask} = await import('/static/workspace/canvas/live.js');
          const below = document.createElement('canvas');
          Object.assign(below, {width: 100, height: 70});
          document.body.replaceChildren(below);
          const view = {
            box: {left: 5, top: 5, width: 90, height: 60}, width_px: 60, height_px: 40, scale: 1.5,
            apply: (c) => c.setTransform(1.5, 0, 0, 1.5, 5, 5),
          };
          const layer = new LiveLayer(below, view);
          const alpha = () => {
            const d = layer.context.getImageData(0, 0, 100, 70).data;
            return Array.from({length: 7000}, (_, n) => d[4 * n + 3]);
          };
          const ring = ([x, y]) => [[(c) => c.fillRect(x - 3, y - 3, 6, 6)], [x, y, 3]];
          const mask = new MaskBuffer(60, 40);
          mask.capsule(10, 10, 10, 10, 4, 1);
          const live = new LiveMask(mask, '#ffd83f');
          const way = [[10, 10], [30, 12], [45, 30], [2, 38], [58, 2]];
          for (let m = 1; m < way.length; m++) {
            layer.paint(live, ...ring(way[m]));
            mask.capsule(...way[m - 1], ...way[m], 4, m === 3 ? 0 : 1);
          }
          layer.paint(live, [], [0, 0, 0]);
          const shown = alpha();
          layer.paint(null, [], [0, 0, 0]);
          return [shown, Array.from(mask.data), alpha().some(Boolean)];
        }"""
    )
    shown = np.array(got[0]).reshape(70, 100) > 0
    mask = np.array(got[1]).reshape(60, 40).T.astype(bool)
    wanted = np.zeros((70, 100), bool)
    rows = np.floor((np.arange(60) + 0.5) / 1.5).astype(int)
    columns = np.floor((np.arange(90) + 0.5) / 1.5).astype(int)
    wanted[5:65, 5:95] = mask[np.ix_(rows, columns)]
    assert wanted.sum() > 500
    assert np.array_equal(shown, wanted)
    assert got[2] is False


def test_outlines_drawn_ahead_show_what_would_have_been_drawn(modules: Page) -> None:
    got = modules.evaluate("""async () => {
      const {Overlay} = await import('/static/workspace/canvas/overlay.js');
      const {View} = await import('/static/workspace/canvas/view.js');
      const made = () => {
        const stage = document.body.appendChild(document.createElement('div'));
        Object.assign(stage.style, {position: 'fixed', width: '240px', height: '180px'});
        const canvas = stage.appendChild(document.createElement('canvas'));
        const view = new View(stage, document.createElement('canvas'), canvas, 320, 240);
        return new Overlay(canvas, view);
      };
      const ring = (x, y, r) => Array.from({length: 40}, (_, k) => k / 40 * 2 * Math.PI)
        .map((t) => [x + r * Math.cos(t), y + r * Math.sin(t)]);
      const frame = (f) => ['#ffd83f', '#40c0ff', '#ff6090'].map((color, n) => ({
        id: `t-${n}`, color, active: n === 1,
        expanded: {frame_index: f, state: n === 2 && f === 3 ? 'occluded' : 'visible',
          interpolated: false,
          shape: {type: 'polygon', points: ring(90 + 40 * n + 5 * f, 120, 45 + 9 * n)}},
      }));
      const pixels = (o) =>
        o.context.getImageData(0, 0, o.canvas.width, o.canvas.height).data.join();
      const [with_, without] = [made(), made()];
      const [one, two, three] = [1, 2, 3].map(frame);
      const same = [];
      for (const [now, next] of [[one, two], [two, three], [three, two], [one, null]]) {
        with_.paint(now);
        without.paint(now);
        same.push(pixels(with_) === pixels(without) && pixels(with_).length > 1000);
        if (next) with_.ahead(next);
        same.push(pixels(with_) === pixels(without));
      }
      const drawn = with_.canvas.width;
      return [same, drawn];
    }""")
    assert got == [[True] * 8, 240]


def test_a_picture_made_ready_has_the_samples_of_the_drawn_one(modules: Page) -> None:
    got = modules.evaluate("""async () => {
      const {Ready} = await import('/static/workspace/player/ready.js');
      const [w, h] = [64, 48];
      const picture = (seed, width = w) => {
        const data = Uint8Array.from({length: width * h * 3 / 2}, (_, i) => (i * seed) % 219 + 16);
        return new VideoFrame(data, {format: 'I420', codedWidth: width, codedHeight: h,
          timestamp: seed,
          colorSpace: {matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', fullRange: false}});
      };
      const canvas = () => Object.assign(document.createElement('canvas'), {width: w, height: h})
        .getContext('2d', {alpha: false});
      const pixels = (c) => c.getImageData(0, 0, w, h).data.join();
      const quick = new Ready(w, h);
      const slow = new Ready(w, h);
      for (let i = 0; i < 3; i++) (quick.drawn(0), slow.drawn(50));
      quick.prepare(1, picture(7), -1);
      slow.prepare(1, picture(7), -1);
      slow.prepare(2, picture(11), 1);
      slow.prepare(9, picture(11, 32), 1);
      while (!slow.get(1) || !slow.get(2)) await new Promise((r) => setTimeout(r, 5));
      const same = [[1, 7], [2, 11]].map(([index, seed]) => {
        const [ours, drawn] = [canvas(), canvas()];
        ours.putImageData(slow.get(index), 0, 0);
        drawn.drawImage(picture(seed), 0, 0, w, h);
        return pixels(ours) === pixels(drawn);
      });
      // The one that is shown now stays; the other gives way.
      slow.prepare(3, picture(13), 2);
      while (!slow.get(3)) await new Promise((r) => setTimeout(r, 5));
      return [same, quick.isOn, quick.get(1), slow.get(9), slow.get(1), slow.get(2) !== null];
    }""")
    assert got == [[True, True], False, None, None, None, True]


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
