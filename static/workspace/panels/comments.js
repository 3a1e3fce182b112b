/** Comments on a frame and an object: small threads, marks on the timeline, a link that opens exactly there. */

import { ApiError } from "../api.js";
import { cap, h, renderIfChanged } from "../dom.js";
import { withLane } from "../timeline/lanes.js";
import { spaced } from "../player/timebase.js";

/** @typedef {{by: string, text: string | null, at: string}} Said */
/** @typedef {{id: string, label_set: string, clip: string, frame_index: number, object: string | null, settled: boolean, comments: Said[]}} Thread */

const GONE = "This text went with the subject's key";

/** What a link names: `#frame=N&comment=ID`. */
const linked = () => /(?:^#|&)comment=([\w-]+)/.exec(location.hash)?.[1] ?? null;

/**
 * @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys
 * @param {{labelSet: string | null, flush: () => Promise<void>}} own  the label set that new threads lie in
 */
export async function commentsPanel(host, bench, keys, own) {
  const { store, api, clip } = bench;
  /** @type {Thread[]} */
  let threads = [];
  /** @type {string | null} */
  let opened = linked();
  /** Where a new thread is being written. @type {{frame: number, object: string | null} | null} */
  let writing = null;
  /** What is typed and not sent yet, by thread and "" for a new one: opening another or Escape loses none of it. @type {Map<string, string>} */
  const drafts = new Map();
  const url = `/api/v1/clips/${clip.id}/comments/`;

  const nameOf = (/** @type {string | null} */ object) =>
    (object && (store.trackName(object) || store.classOf(store.labels.intervals[object]?.class_id ?? "")?.name)) || "";
  /** @param {Thread} thread */
  const show = (thread) => {
    opened = thread.id;
    if (thread.object && store.labels.tracks[thread.object]) bench.edits.selectTrack(thread.object);
    else if (thread.object && store.labels.intervals[thread.object]) store.set({ selectedInterval: thread.object, selectedTrack: null });
    bench.go(thread.frame_index);
    update();
    host.querySelector(`[data-testid="thread-${thread.id}"]`)?.scrollIntoView({ block: "nearest" });
  };
  /** @param {() => Promise<Thread>} act @returns {Promise<boolean>} */
  const taken = async (act) => {
    try {
      const thread = await act();
      threads = [...threads.filter((each) => each.id !== thread.id), thread].sort((a, b) => a.frame_index - b.frame_index);
      opened = thread.id;
      update();
      bench.timeline.paint();
      return true;
    } catch (error) {
      store.onNotice(error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ") : "No network: the comment is not sent; it stays here");
      return false;
    }
  };

  /** @param {string} label @param {(text: string) => Promise<boolean>} send @param {() => void} leave @param {string} testid @param {string} thread  "" for a new one */
  const field = (label, send, leave, testid, thread) => {
    const text = h("textarea", { rows: "2", maxlength: "1000", "aria-label": label, placeholder: "No names of patients", "data-testid": testid });
    text.value = drafts.get(thread) ?? "";
    text.addEventListener("input", () => drafts.set(thread, text.value));
    const go = async () => {
      if (!text.value.trim()) return text.focus();
      button.disabled = true;
      const sent = text.value;
      drafts.delete(thread);
      // The next comment may have been begun while this one was on its way.
      if (!(await send(sent))) drafts.set(thread, sent);
      else if (thread === "" && writing) /** @type {HTMLElement | null} */ (host.querySelector("[data-testid=comment-new]"))?.focus();
      else bench.stage.focus({ preventScroll: true });
      button.disabled = false;
    };
    const button = h("button", { type: "button", class: "button", "data-testid": `${testid}-send`, onclick: go }, "Send");
    text.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        void go();
      } else if (event.key === "Escape") {
        leave();
        bench.stage.focus({ preventScroll: true });
      }
    });
    return h("div", { class: "comment-field" }, text, button);
  };

  const begin = () => {
    if (!own.labelSet) return store.onNotice("You have no label set on this clip to comment in");
    document.body.classList.remove("folded-side");
    writing = { frame: store.frame, object: store.selectedTrack ?? store.selectedInterval };
    if (bench.player.playing) bench.player.pause();
    update();
    /** @type {HTMLElement | null} */ (host.querySelector("[data-testid=comment-new]"))?.focus();
  };
  const composer = () => {
    if (!writing) return null;
    const begun = writing;
    const { frame, object } = begun;
    const leave = () => {
      writing = null;
      update();
    };
    const send = (/** @type {string} */ text) => taken(async () => {
      // The object must be on the server before it can be spoken of.
      await own.flush();
      const thread = await api.post(`/api/v1/label-sets/${own.labelSet}/comments/`, { clip: clip.id, frame_index: frame, object, text });
      if (writing === begun) writing = null;
      return thread;
    });
    const label = `Comment on frame ${frame}${object ? `, ${nameOf(object)}` : ""}`;
    return h("div", { class: "thread open" }, h("p", { class: "hint" }, label), field(label, send, leave, "comment-new", ""));
  };
  /** @param {Thread} thread */
  const row = (thread) => {
    const isOpen = thread.id === opened;
    const first = thread.comments[0]?.text ?? GONE;
    const more = thread.comments.length - 1;
    const link = `#frame=${thread.frame_index}&comment=${thread.id}`;
    return h("li", { class: `thread${isOpen ? " open" : ""}${thread.settled ? " settled" : ""}`, "data-testid": `thread-${thread.id}` },
      h("button", { type: "button", class: "row-button", "aria-expanded": String(isOpen), onclick: () => (isOpen ? ((opened = null), update()) : show(thread)) },
        h("span", { class: "name" }, isOpen ? nameOf(thread.object) || "Frame" : first),
        h("span", { class: "tag" }, `${more > 0 ? `+${more} · ` : ""}${thread.settled ? "settled · " : ""}${spaced(thread.frame_index)}`)),
      ...(isOpen ? [
        ...thread.comments.map((said) => h("p", {}, h("strong", {}, said.by), " ", said.text ?? h("em", {}, GONE))),
        field("Answer", (text) => taken(() => api.post(`/api/v1/comments/${thread.id}/answer/`, { text })), () => bench.stage.focus(), "comment-answer", thread.id),
        h("p", { class: "thread-foot" },
          h("a", { href: link, "data-testid": "comment-link", title: "Opens exactly here: copy this address" }, "Link"),
          h("button", { type: "button", class: "row-button", "data-testid": "comment-settle", onclick: () => void taken(() => api.post(`/api/v1/comments/${thread.id}/settle/`, { settled: !thread.settled })) }, thread.settled ? "Open again" : "Settle")),
      ] : []));
  };
  function update() {
    renderIfChanged(host, [threads, opened, writing, own.labelSet], () =>
      !threads.length && !writing && !own.labelSet ? [] : [
        h("h2", {}, "Comments", cap("M")),
        composer(),
        threads.length ? h("ul", { class: "threads", "aria-label": "Comments" }, ...threads.map(row)) : null,
        writing ? null : h("button", { type: "button", class: "row-button new-track", "data-testid": "comment", "aria-keyshortcuts": "M", onclick: begin }, "+ Comment on this frame"),
      ]);
  }

  keys.bind({ id: "comment", code: "KeyM", label: "Comment on this frame and the selected object", group: "Comments", run: begin });
  const walk = (/** @type {1 | -1} */ by) => {
    if (!threads.length) return store.onNotice("No comments on this clip");
    const left = threads.filter((each) => !each.settled);
    const list = left.length ? left : threads;
    const at = list.findIndex((each) => each.id === opened);
    show(list[(at + by + list.length) % list.length]);
  };
  keys.bind({ id: "comment-next", code: "KeyM", shift: true, label: "Next comment", group: "Comments", run: () => walk(1) });
  keys.bind({ id: "comment-before", code: "KeyM", alt: true, label: "Comment before", group: "Comments", run: () => walk(-1) });

  const { onPick } = bench.timeline;
  bench.timeline.onPick = (lane, hit) => {
    const here = lane.id === "comments" && hit.frame !== undefined ? threads.filter((each) => each.frame_index === hit.frame) : [];
    // A second click on the same place takes the next thread there.
    const next = here[here.findIndex((each) => each.id === opened) + 1] ?? here[0];
    if (next) show(next);
    else onPick(lane, hit);
  };
  const lanes = bench.lanes;
  bench.lanes = () => threads.length
    ? withLane(lanes(), { id: "comments", name: "Comments", tag: "M", kind: "marks", height: 18, keyframes: threads.map((each) => ({ frame: each.frame_index, state: each.settled ? "occluded" : "visible" })) })
    : lanes();
  globalThis.addEventListener("hashchange", () => {
    const thread = threads.find((each) => each.id === linked());
    if (thread) show(thread);
  });
  update();
  try {
    threads = (await api.get(url)).threads ?? [];
  } catch {
    store.onNotice("Comments could not be read: reload to see them");
  }
  const first = threads.find((each) => each.id === opened);
  if (first) show(first);
  update();
  bench.timeline.paint();
}
