/**
 * An outline or line between two keyframes: the rule "outline" of "shape@1". The server's
 * `apps/annotation/domain/outline.py` says it in words; both give the same coordinates.
 */

/** @typedef {[number, number]} Point */
/** @typedef {[Point, Point]} Pair */

const SAMPLES = 32;

/** @param {Point} p @param {Point} q */
function squared(p, q) {
  const dx = p[0] - q[0];
  const dy = p[1] - q[1];
  return dx * dx + dy * dy;
}

/** Twice the signed area. @param {Point[]} points */
function area(points) {
  let total = 0;
  for (let m = 0; m < points.length; m++) {
    const [x, y] = points[m];
    const [u, v] = points[(m + 1) % points.length];
    total += x * v - u * y;
  }
  return total;
}

/** @param {Point[]} a @param {Point[]} b */
const ends = (a, b) => squared(a[0], b[0]) + squared(a[a.length - 1], b[b.length - 1]);

/** @param {Point[]} points @param {number} start */
const turned = (points, start) => [...points.slice(start), ...points.slice(0, start)];

/** @param {Point[]} a @param {Point[]} b */
function cost(a, b) {
  let meanX = 0;
  let meanY = 0;
  for (let m = 0; m < a.length; m++) {
    meanX += b[m][0] - a[m][0];
    meanY += b[m][1] - a[m][1];
  }
  meanX /= a.length;
  meanY /= a.length;
  let total = 0;
  for (let m = 0; m < a.length; m++) {
    const dx = b[m][0] - a[m][0] - meanX;
    const dy = b[m][1] - a[m][1] - meanY;
    total += dx * dx + dy * dy;
  }
  return total;
}

/** @param {number} count @param {(start: number) => number} costOf */
function bestStart(count, costOf) {
  let best = Infinity;
  let k = 0;
  for (let start = 0; start < count; start++) {
    const now = costOf(start);
    if (now < best) {
      best = now;
      k = start;
    }
  }
  return k;
}

/** @param {Point[]} points @param {number} start */
function even(points, start) {
  const from = turned(points, start);
  const held = parts(from, true);
  return Array.from({ length: SAMPLES }, (_, m) => at(from, held, m / SAMPLES));
}

/** @param {Point[]} points @param {boolean} closed */
function parts(points, closed) {
  const lengths = [0];
  const count = closed ? points.length : points.length - 1;
  for (let m = 0; m < count; m++) {
    lengths.push(lengths[m] + Math.sqrt(squared(points[m], points[(m + 1) % points.length])));
  }
  const whole = lengths[count];
  return lengths.map((length, m) => (whole === 0 ? m / count : length / whole));
}

/** @param {Point[]} points @param {number[]} held @param {number} t @returns {Point} */
function at(points, held, t) {
  let m = 0;
  while (m + 2 < held.length && held[m + 1] <= t) m++;
  const p = points[m];
  const q = points[(m + 1) % points.length];
  const span = held[m + 1] - held[m];
  if (span === 0) return p;
  const w = (t - held[m]) / span;
  return [p[0] + (q[0] - p[0]) * w, p[1] + (q[1] - p[1]) * w];
}

/**
 * Pairs of points, from the first shape's to the second's, in the first one's order.
 * @param {Point[]} first @param {Point[]} second @param {boolean} closed
 * @returns {Pair[]}
 */
export function paired(first, second, closed) {
  const a = first;
  let b = [...second];
  if (closed) {
    if (area(a) * area(b) < 0) b.reverse();
  } else if (ends(a, [...b].reverse()) < ends(a, b)) b.reverse();
  if (a.length === b.length) {
    const k = closed ? bestStart(b.length, (start) => cost(a, turned(b, start))) : 0;
    return a.map((p, m) => [p, b[(m + k) % b.length]]);
  }
  if (closed) {
    const evenA = even(a, 0);
    b = turned(b, bestStart(b.length, (start) => cost(evenA, even(b, start))));
  }
  const partsA = parts(a, closed);
  const partsB = parts(b, closed);
  const inner = [...partsA.slice(0, closed ? a.length : a.length - 1), ...partsB.slice(0, closed ? b.length : b.length - 1)];
  const wanted = [...new Set(closed ? inner : [...inner, 1])].sort((p, q) => p - q);
  return wanted.map((t) => [at(a, partsA, t), at(b, partsB, t)]);
}

/** @param {Pair[]} pairs @param {number} i @param {number} f @param {number} j @returns {Point[]} */
export function pointsBetween(pairs, i, f, j) {
  return pairs.map(([[x, y], [u, v]]) => [x + ((u - x) * (f - i)) / (j - i), y + ((v - y) * (f - i)) / (j - i)]);
}

/** @type {WeakMap<object, {second: object, pairs: Pair[]}>} */
const kept = new WeakMap();

/** As `paired`, kept while both shapes live. @param {Point[]} first @param {Point[]} second @param {boolean} closed */
export function pairsOf(first, second, closed) {
  const held = kept.get(first);
  if (held?.second === second) return held.pairs;
  const pairs = paired(first, second, closed);
  kept.set(first, { second, pairs });
  return pairs;
}
