/** Example frames of the class in hand, below its guideline; a project lead adds and removes them. */

import { ApiError } from "../api.js";
import { h } from "../dom.js";

/** @typedef {{id: string, ontology: string, class_id: string, clip: string, frame_index: number, note: string, frame_url: string}} Example */

export class Examples {
  /** @param {import("../bench.js").Bench} bench @param {boolean} mayChange */
  constructor(bench, mayChange) {
    this.bench = bench;
    this.mayChange = mayChange;
    /** @type {Example[]} */
    this.held = [];
    /** Grows with every change, so that what shows them is built anew. */
    this.version = 0;
    this.isOpen = false;
    this.url = `/api/v1/clips/${bench.clip.id}/examples/`;
    void this.read();
  }

  async read() {
    try {
      this.held = (await this.bench.api.get(this.url)).examples ?? [];
      this.#changed();
    } catch {
      // The guideline's text stands without them.
    }
  }

  #changed() {
    this.version++;
    this.bench.store.changed("ui");
  }

  /** @param {() => Promise<void>} act */
  async #act(act) {
    try {
      await act();
    } catch (error) {
      this.bench.store.onNotice(error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ") : "The server does not answer: nothing changed");
    }
  }

  /** @param {string} classId @param {string} note */
  #add(classId, note) {
    const { store, api } = this.bench;
    return this.#act(async () => {
      const made = /** @type {Example} */ (await api.post(this.url, { ontology: store.ontology.slug, class_id: classId, frame_index: store.frame, note }));
      this.held = [...this.held.filter((one) => one.id !== made.id), made];
      this.isOpen = true;
      this.#changed();
      store.onNotice(`Frame ${made.frame_index} stands as an example`);
    });
  }

  /** @param {Example} example @param {HTMLDialogElement} dialog */
  #remove(example, dialog) {
    return this.#act(async () => {
      await this.bench.api.post(`/api/v1/examples/${example.id}/remove/`, {});
      this.held = this.held.filter((one) => one.id !== example.id);
      dialog.close();
      this.#changed();
    });
  }

  /** @param {Example} example @param {string} name of its class */
  #show(example, name) {
    const title = example.note || `Example of ${name}`;
    const dialog = h("dialog", { class: "wide example-dialog", "aria-labelledby": "example-title" },
      h("h2", { id: "example-title" }, title),
      h("img", { src: example.frame_url, alt: title }),
      h("div", { class: "dialog-foot" },
        this.mayChange ? h("button", { type: "button", class: "button", "data-testid": "example-remove", onclick: () => void this.#remove(example, dialog) }, "Remove") : null,
        h("button", { type: "button", class: "button primary", onclick: () => dialog.close() }, "Close")));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  /** What stands below a class's guideline. @param {import("../types.js").LabelClass} own @returns {HTMLElement | null} */
  below(own) {
    const mine = this.held.filter((one) => one.class_id === own.id && one.ontology === this.bench.store.ontology.slug);
    if (!mine.length && !this.mayChange) return null;
    // Pictures come when they are asked for: each is the master's own.
    const list = h("details", { class: "examples", "data-testid": "examples" },
      h("summary", { "data-testid": "examples-open" }, `Example frames (${mine.length})`),
      h("div", { class: "example-row" }, ...mine.map((one) =>
        h("button", { type: "button", class: "example", "data-testid": `example-${one.id}`, onclick: () => this.#show(one, own.name) },
          h("img", { src: one.frame_url, alt: one.note || `Example of ${own.name}`, loading: "lazy" }),
          one.note ? h("span", {}, one.note) : null))));
    list.open = this.isOpen;
    list.addEventListener("toggle", () => (this.isOpen = list.open));
    if (this.mayChange) {
      const note = h("input", { type: "text", maxlength: "200", placeholder: "What it shows", "aria-label": "What the example shows", "data-testid": "example-note" });
      list.append(h("div", { class: "example-add" }, note,
        h("button", { type: "button", class: "button", "data-testid": "example-add", onclick: () => void this.#add(own.id, note.value) }, "Add this frame")));
    }
    return list;
  }
}
