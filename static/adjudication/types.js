/**
 * @typedef {import("../workspace/types.js").Labels} Labels
 * @typedef {"union" | "intersect" | "majority" | "staple" | "mean" | "median"} Merge
 * @typedef {"a" | "b" | "c" | "d" | "e"} Side
 * @typedef {Side | "redraw" | Merge} Decided
 * @typedef {{id: string, kind: string, label: string, class_id: string, a: string | null, b: string | null,
 *   c?: string | null, d?: string | null, e?: string | null,
 *   start_frame: number, end_frame: number, size: number, measure: string, decision: Decided | null,
 *   merges?: Merge[], consensus?: string | null, relation?: string, subject?: string, target?: string}} Disagreement
 *   a relation's subject and target are consensus tracks
 * @typedef {{label_set: string, revision: number, labels: Labels, digest?: string}} Consensus
 * @typedef {{name: string, time: string, meaning: string, digest: string, authentication?: string, holds?: boolean}} Signature
 * @typedef {{object: string, class_id: string, frames: number, first_frame: number}} Unseen
 * @typedef {"sign" | "countersign" | "withdraw"} SigningKind
 * @typedef {Signature & {kind: "countersign" | "withdraw", reason: string}} Endorsement
 * @typedef {{state: string, signature: Signature, endorsements?: Endorsement[]}} Signed
 * @typedef {{id: string, state: string, signed_at: string | null}} Version
 * @typedef {{id: string, state: string, is_compared?: boolean, is_review?: boolean, joins?: boolean, clip: import("../workspace/types.js").Clip,
 *   ontology: import("../workspace/types.js").Ontology, sets: {name: string, label_set: string, labels: Labels}[],
 *   consensus: Consensus,
 *   agreement: {lanes: {name: string, kind: string, values: [number, number | null][]}[],
 *     summary: {object: string | null, label: string, metric: string, value: number | null}[]},
 *   disagreements: Disagreement[], accept_below?: number, unseen?: Unseen[], statement: {meaning: string, digest: string} | null,
 *   signature?: Signature | null, endorsements?: Endorsement[], versions?: Version[], may_endorse?: "" | "countersign" | "withdraw"}} Adjudication
 */

/** Every side that there can be. @type {[Side, string, string][]} */
export const SIDES = [["a", "A", "#3fd7e8"], ["b", "B", "#ffd84a"], ["c", "C", "#c3ec4b"], ["d", "D", "#b9a2ff"], ["e", "E", "#6fb1ff"]];
