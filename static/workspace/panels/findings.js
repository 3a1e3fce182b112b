/** Incidental findings: something on this frame that the clinic should know. Only one's own are listed, and how far each is. */

import { ApiError } from "../api.js";
import { h, renderIfChanged } from "../dom.js";
import { spaced } from "../player/timebase.js";

/** @typedef {{id: string, frame_index: number, severity: string, text: string | null, state: string, said: string}} Finding */

const FLAGGED = "Flagged. The data steward tells the clinic";

/** @type {[string, string][]} */
const SEVERITIES = [["urgent", "Urgent: within a day"], ["soon", "Soon: within a week"], ["routine", "Routine"]];

/** @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys */
export async function findingsPanel(host, bench, keys) {
  const { store, api, clip } = bench;
  const url = `/api/v1/clips/${clip.id}/findings/`;
  /** @type {Finding[]} */
  let findings = [];
  /** The frame that is being written about. @type {number | null} */
  let writing = null;
  /** What is typed and not sent: Escape, or opening another, loses none of it. */
  const draft = { severity: "soon", text: "" };
  /** @type {string | null} */
  let opened = null;

  /** @param {() => Promise<Finding>} act @param {string} done */
  const taken = async (act, done) => {
    try {
      const finding = await act();
      findings = [...findings.filter((each) => each.id !== finding.id), finding].sort((a, b) => a.frame_index - b.frame_index);
      if (done === FLAGGED) Object.assign(draft, { severity: "soon", text: "" });
      writing = null;
      update();
      store.onNotice(done);
      bench.stage.focus({ preventScroll: true });
    } catch (error) {
      store.onNotice(error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ") : "No network: the finding is not sent; it stays here");
    }
  };
  const begin = () => {
    document.body.classList.remove("folded-side");
    writing = store.frame;
    if (bench.player.playing) bench.player.pause();
    update();
    /** @type {HTMLElement | null} */ (host.querySelector("[data-testid=finding-text]"))?.focus();
  };
  const leave = () => {
    writing = null;
    update();
    bench.stage.focus({ preventScroll: true });
  };
  const composer = () => {
    if (writing === null) return null;
    const frame = writing;
    const severity = h("select", { "aria-label": "How soon the clinic should know", "data-testid": "finding-severity" },
      ...SEVERITIES.map(([value, words]) => h("option", { value }, words)));
    severity.value = draft.severity;
    const text = h("textarea", { rows: "3", maxlength: "1000", "aria-label": `What is seen on frame ${frame}`, placeholder: "What you see. No names of patients", "data-testid": "finding-text" });
    text.value = draft.text;
    text.addEventListener("input", () => (draft.text = text.value));
    severity.addEventListener("change", () => (draft.severity = severity.value));
    const send = async () => {
      if (!text.value.trim()) return text.focus();
      button.disabled = true;
      await taken(() => api.post(url, { frame_index: frame, severity: severity.value, text: text.value }), FLAGGED);
      button.disabled = false;
    };
    const button = h("button", { type: "button", class: "button", "data-testid": "finding-send", onclick: send }, "Flag");
    for (const part of /** @type {HTMLElement[]} */ ([severity, text])) {
      part.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          void send();
        } else if (event.key === "Escape") leave();
      });
    }
    return h("div", { class: "thread open" },
      h("p", { class: "hint" }, `Something on frame ${spaced(frame)} that the clinic should know`),
      h("div", { class: "comment-field" }, severity, text, button));
  };
  /** @param {Finding} finding */
  const row = (finding) => {
    const isOpen = opened === finding.id;
    const show = () => {
      opened = isOpen ? null : finding.id;
      if (!isOpen) bench.go(finding.frame_index);
      update();
    };
    return h("li", { class: `thread${isOpen ? " open" : ""}${finding.state === "closed" ? " settled" : ""}`, "data-testid": `finding-${finding.id}` },
      h("button", { type: "button", class: "row-button", "aria-expanded": String(isOpen), onclick: show },
        h("span", { class: "name" }, finding.said),
        h("span", { class: "tag" }, `${finding.severity === "urgent" ? "urgent · " : ""}${spaced(finding.frame_index)}`)),
      ...(isOpen ? [
        h("p", {}, finding.text ?? h("em", {}, "This text went with the subject's key")),
        finding.state === "flagged" ? h("p", { class: "thread-foot" },
          h("button", { type: "button", class: "row-button", "data-testid": "finding-take-back", onclick: () => void taken(() => api.post(`/api/v1/findings/${finding.id}/take-back/`, { reason: "Flagged by mistake" }), "Taken back") }, "Take back")) : null,
      ] : []));
  };
  function update() {
    renderIfChanged(host, [findings, writing, opened], () => [
      h("h2", {}, "Incidental findings", keys.cap("finding")),
      composer(),
      findings.length ? h("ul", { class: "threads", "aria-label": "Incidental findings" }, ...findings.map(row)) : null,
      writing === null ? h("button", { type: "button", class: "row-button new-track", "data-testid": "finding", "aria-keyshortcuts": "Shift+C", onclick: begin }, "+ The clinic should know this") : null,
    ]);
  }

  keys.bind({ id: "finding", code: "KeyC", shift: true, label: "Flag something on this frame that the clinic should know", group: "Comments", run: begin });
  update();
  try {
    findings = (await api.get(url)).findings ?? [];
  } catch {
    store.onNotice("Incidental findings could not be read: reload to see them");
  }
  update();
}
