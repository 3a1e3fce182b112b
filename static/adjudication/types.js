/**
 * @typedef {import("../workspace/types.js").Labels} Labels
 * @typedef {"a" | "b" | "redraw" | "merge"} Decided
 * @typedef {{id: string, kind: string, label: string, class_id: string, a: string | null, b: string | null,
 *   start_frame: number, end_frame: number, size: number, measure: string, decision: Decided | null,
 *   consensus?: string}} Disagreement
 * @typedef {{label_set: string, revision: number, labels: Labels, digest?: string}} Consensus
 * @typedef {{name: string, time: string, meaning: string, digest: string, holds?: boolean}} Signature
 * @typedef {{id: string, state: string, is_compared?: boolean, clip: import("../workspace/types.js").Clip,
 *   ontology: import("../workspace/types.js").Ontology, sets: {name: string, label_set: string, labels: Labels}[],
 *   consensus: Consensus,
 *   agreement: {lanes: {name: string, kind: string, values: [number, number | null][]}[],
 *     summary: {object: string | null, label: string, metric: string, value: number | null}[]},
 *   disagreements: Disagreement[], statement: {meaning: string, digest: string} | null,
 *   signature?: Signature | null}} Adjudication
 */

export const COLOR_A = "#3fd7e8";
export const COLOR_B = "#ffd84a";
