/** What differs between two revisions, as rows that lead to their first frame. */

import { h } from "../dom.js";
import { spaced } from "../player/timebase.js";

/**
 * @typedef {{kind: string, object: string, what: "added" | "removed" | "changed", class_id: string | null, number: number | null,
 *   start_frame: number, end_frame: number, fields: string[],
 *   keyframes: {added: number, removed: number, changed: number} | null}} Change
 */

/** @param {Change[]} rows @param {import("../store.js").Store} store @param {(frame: number) => void} go */
export function changeRows(rows, store, go) {
  return rows.map((row) => {
    const name = row.class_id ? `${store.classOf(row.class_id)?.name ?? row.class_id}${row.number ? ` ${row.number}` : ""}` : "Relation";
    const k = row.keyframes;
    const counts = k ? [[k.added, "added"], [k.removed, "removed"], [k.changed, "changed"]].filter(([n]) => n).map(([n, word]) => `${n} ${word}`) : [];
    const details = [...(counts.length ? [`keyframes ${counts.join(", ")}`] : []), ...row.fields.map((field) => field.replaceAll("_", " "))];
    return h("li", {}, h("button", { type: "button", class: "button", onclick: () => go(row.start_frame) },
      `${name}: ${row.what}${row.what === "changed" && details.length ? ` (${details.join("; ")})` : ""}, frame ${spaced(row.start_frame)}`));
  });
}
