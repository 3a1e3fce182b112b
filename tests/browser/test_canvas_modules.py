"""What draws: masks, lines, the stroke under way, pictures made ready; run in the browser."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page
from pycocotools import mask as coco

pytestmark = pytest.mark.browser


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
      // The one that is shown and those beside it stay; what is further away gives way.
      for (const index of [3, 4]) {
        slow.prepare(index, picture(13), 3);
        while (!slow.get(index)) await new Promise((r) => setTimeout(r, 5));
      }
      const held = [1, 2, 3, 4].map((index) => slow.get(index) !== null);
      const tried = new Ready(w, h);
      tried.tryOut(undefined);
      const before = tried.tried;
      tried.tryOut(picture(7));
      return [same, quick.isOn, quick.get(1), slow.get(9), held, before, tried.tried > 2];
    }""")
    assert got == [[True, True], False, None, None, [False, True, True, True], 0, True]


def test_a_stored_mask_is_the_one_that_was_decoded_whole(modules: Page) -> None:
    got = modules.evaluate("""async () => {
      const {prepareMask, heldMasks} = await import('/static/workspace/canvas/stored.js');
      const {countsToText, encodeRle} = await import('/static/workspace/canvas/rle.js');
      const [w, h] = [90, 60];
      const held = (set) => {
        const data = Uint8Array.from({length: w * h},
          (_, n) => Number(set(Math.floor(n / h), n % h)));
        const stored = prepareMask(encodeRle(data, h, w));
        const drawn = new OffscreenCanvas(w, h).getContext('2d');
        const fill = stored.fill('#ffd83f');
        if (fill) drawn.drawImage(fill, stored.box.x0, stored.box.y0);
        const outline = new OffscreenCanvas(w, h).getContext('2d');
        outline.fill(stored.path, 'evenodd');
        const shown = (c) => {
          const {data} = c.getImageData(0, 0, w, h);
          return Array.from({length: w * h},
            (_, n) => data[4 * ((n % h) * w + Math.floor(n / h)) + 3] > 128);
        };
        const wanted = Array.from(data, Boolean);
        return [shown(drawn), shown(outline),
          wanted.map((_, n) => stored.has(Math.floor(n / h) + 0.5, n % h + 0.5))]
          .map((each) => each.every((value, n) => value === wanted[n]))
          .concat([stored.box && Object.values(stored.box)]);
      };
      const away = (x, y) => (x - 40) ** 2 + (y - 30) ** 2;
      const disc = (x, y) => away(x, y) < 200 && away(x, y) > 30;
      const corner = (x, y) => x === 89 && y === 59;
      const found = [held(disc), held((x) => x === 3 || x === 4), held(corner),
        held(() => true), held(() => false)];
      // A clip that is played from end to end has a large mask on every frame.
      for (let n = 0; n < 40; n++) {
        const end = 1080 * 900;
        prepareMask({size: [1080, 1920], counts: countsToText([n, end - n, 1080 * 1020])});
      }
      return [found, heldMasks()];
    }""")
    found, held = got
    assert [each[:3] for each in found] == [[True] * 3] * 5
    assert [each[3] for each in found] == [
        [26, 16, 55, 45], [3, 0, 5, 60], [89, 59, 90, 60], [0, 0, 90, 60], None,
    ]  # fmt: skip
    assert held["count"] < 30 and held["bytes"] <= 96 * 1024 * 1024
