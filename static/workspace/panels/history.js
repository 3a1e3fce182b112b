/** Every revision of one's own labels: when it was, what was done, and what differs between any two. */

import { ApiError } from "../api.js";
import { inWords } from "../conflicts.js";
import { h, showDialog } from "../dom.js";
import { spaced } from "../player/timebase.js";
import { changeRows } from "./changes.js";

/** @typedef {import("../types.js").Operation} Operation */
/** @typedef {{revision: number, at: string, operations: Operation[]}} Revision  operations without their shapes */

const SAID = 2;
const OBJECTS = { proposal: "Proposal", relation: "Relation" };

/** @param {string} at ISO */
const when = (at) => new Date(at).toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "medium" });

/**
 * @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys @param {import("../sync.js").Sync | null} sync
 * @param {string} labelSet @param {(revision: number) => void} showBeside
 * @returns {() => void} opens it
 */
export function bindHistory(bench, keys, sync, labelSet, showBeside) {
  const { api, store } = bench;
  const url = `/api/v1/label-sets/${labelSet}/revisions/`;
  const open = () => void show();
  keys.bind({ id: "history", code: "KeyH", alt: true, label: "Revisions: read and compare", group: "Label set", run: open });

  /** @param {string} object @param {Operation[]} ops */
  function nameOf(object, ops) {
    const made = ops.find((op) => "class_id" in op);
    const kind = /** @type {keyof typeof OBJECTS} */ (ops[0].op.split(".")[0]);
    const classId = made && "class_id" in made ? made.class_id : store.labels.intervals[object]?.class_id;
    return store.trackName(object) || store.classOf(classId ?? "")?.name || OBJECTS[kind] || "What is gone since";
  }

  /** @param {Operation[]} operations */
  function words(operations) {
    /** @type {Map<string, Operation[]>} */
    const by = new Map();
    for (const op of operations) by.set(op.object, [...(by.get(op.object) ?? []), op]);
    const said = [...by].slice(0, SAID).map(([object, ops]) => `${nameOf(object, ops)}: ${inWords(ops)}`);
    return [...said, ...(by.size > SAID ? [`${by.size - SAID} more`] : [])].join(" · ");
  }

  let isShown = false;

  async function show() {
    if (isShown) return;
    isShown = true;
    try {
      await choose();
    } finally {
      isShown = false;
    }
  }

  async function choose() {
    let from = -1;
    let to = -1;
    /** @type {number | null} */
    let before = null;
    const list = h("tbody", {});
    const found = h("div", { class: "history-changes", role: "status", "data-testid": "history-changes" });
    const more = h("button", { type: "button", class: "button", "data-testid": "history-more", onclick: () => void read() }, "Earlier revisions");
    const compare = h("button", { type: "button", class: "button primary", "data-testid": "history-compare", onclick: () => void differ() }, "Compare");
    const dialog = h("dialog", { class: "wide", "aria-labelledby": "history-title", "data-testid": "history" },
      h("div", { class: "dialog-head" }, h("h2", { id: "history-title" }, "Revisions"), h("span", { class: "grow" }), compare,
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Close")),
      found,
      h("table", { class: "history" },
        h("thead", {}, h("tr", {}, ...["From", "To", "Revision", "When", "What was done", ""].map((name) => h("th", { scope: "col" }, name)))), list),
      more);

    /** @param {"from" | "to"} end @param {number} revision */
    const radio = (end, revision) =>
      h("input", {
        type: "radio", name: `history-${end}`, "aria-label": `${end === "from" ? "From" : "To"} revision ${revision}`, "data-testid": `history-${end}-${revision}`,
        checked: (end === "from" ? from : to) === revision,
        onchange: () => (end === "from" ? (from = revision) : (to = revision)),
      });
    /** @param {number} revision @param {string} at @param {string} what */
    const row = (revision, at, what) =>
      h("tr", {}, h("td", {}, radio("from", revision)), h("td", {}, radio("to", revision)), h("td", { class: "number" }, spaced(revision)), h("td", {}, at),
        h("td", {}, what),
        h("td", {}, h("button", { type: "button", class: "button", "data-testid": `history-beside-${revision}`, onclick: () => {
          dialog.close();
          showBeside(revision);
        } }, "Beside")));

    async function read() {
      more.disabled = true;
      try {
        const page = /** @type {{revisions: Revision[], before: number | null}} */ (await api.get(before === null ? url : `${url}?before=${before}`));
        if (to < 0) [to, from] = [page.revisions[0]?.revision ?? 0, Math.max(0, (page.revisions[0]?.revision ?? 0) - 1)];
        list.append(...page.revisions.map((one) => row(one.revision, when(one.at), words(one.operations))));
        before = page.before;
        if (before === null) list.append(row(0, "", "Nothing was labelled yet"));
      } catch (error) {
        failed(error);
      }
      more.disabled = false;
      more.hidden = before === null;
    }

    async function differ() {
      const [low, high] = [Math.min(from, to), Math.max(from, to)];
      compare.disabled = true;
      found.textContent = "Comparing";
      try {
        const told = /** @type {{changes: import("./changes.js").Change[]}} */ (await api.get(`${url}${low}/changes/?to=${high}`));
        const many = told.changes.length === 1 ? "1 difference" : `${told.changes.length || "No"} differences`;
        found.replaceChildren(h("h3", {}, `${many} between revision ${spaced(low)} and ${spaced(high)}`),
          h("ul", { class: "rows" }, ...changeRows(told.changes, store, (frame) => {
            dialog.close();
            bench.go(frame);
          })));
      } catch (error) {
        failed(error);
      }
      compare.disabled = false;
    }

    /** @param {unknown} error */
    function failed(error) {
      found.textContent = error instanceof ApiError ? error.message : "The server does not answer: close and open it again";
    }

    const closed = showDialog(dialog);
    list.append(h("tr", {}, h("td", { colspan: "6", class: "hint" }, "Reading")));
    compare.disabled = more.disabled = true;
    await sync?.flush();
    list.replaceChildren();
    await read();
    compare.disabled = to < 0;
    await closed;
  }

  return open;
}
