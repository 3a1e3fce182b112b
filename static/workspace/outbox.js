/**
 * Unsent operations on this device, encrypted under the user's own key: on a shared theatre
 * computer another user can neither read nor send them.
 */

/** @typedef {import("./types.js").SentOperation} SentOperation */
/** @typedef {{label_set: string, client_id: string, seq: number, base_revision: number, operation: SentOperation}} Unsent */
/** @typedef {{key: string, label_set: string, user: string, iv: Uint8Array<ArrayBuffer>, data: ArrayBuffer}} Row */

const DATABASE = "clinical-annot-outbox";
const ROWS = "operations";

/** @param {string} text base64 @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class Outbox {
  /** @param {IDBDatabase} database @param {CryptoKey} key @param {string} user @param {string} labelSet */
  constructor(database, key, user, labelSet) {
    this.database = database;
    this.key = key;
    this.user = user;
    this.labelSet = labelSet;
  }

  /**
   * @param {string} user @param {string} userKey base64 of 32 bytes @param {string} labelSet
   * @returns {Promise<Outbox>} rejects with a cause in words where the device cannot keep work
   */
  static async open(user, userKey, labelSet) {
    if (!globalThis.crypto?.subtle) throw new Error("Unsent work is not kept on this device: that needs HTTPS");
    const raw = bytesOf(userKey);
    if (raw.length !== 32) throw new Error("Unsent work is not kept on this device: no device key");
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => {
      const rows = opening.result.createObjectStore(ROWS, { keyPath: "key" });
      rows.createIndex("label_set", "label_set");
    };
    return new Outbox(await done(opening), key, user, labelSet);
  }

  /** @param {string} clientId @param {number} seq */
  #rowKey(clientId, seq) {
    return `${this.labelSet}/${clientId}/${String(seq).padStart(9, "0")}`;
  }

  /** @param {Unsent[]} unsent  resolves when they are on the disk of this device */
  async put(unsent) {
    /** @type {Row[]} */
    const rows = [];
    for (const item of unsent) {
      const rowKey = this.#rowKey(item.client_id, item.seq);
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const data = await crypto.subtle.encrypt(
        { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(rowKey) },
        this.key,
        new TextEncoder().encode(JSON.stringify(item)),
      );
      rows.push({ key: rowKey, label_set: this.labelSet, user: this.user, iv, data });
    }
    await this.#write((store) => rows.forEach((row) => store.put(row)));
  }

  /** @param {string} clientId @param {number[]} seqs */
  async remove(clientId, seqs) {
    await this.#write((store) => seqs.forEach((seq) => store.delete(this.#rowKey(clientId, seq))));
  }

  /** @param {(store: IDBObjectStore) => void} work */
  #write(work) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(ROWS, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve(undefined);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(ROWS));
    });
  }

  /** What an earlier tab left behind for this label set, by client. @returns {Promise<Map<string, Unsent[]>>} */
  async read() {
    const rows = /** @type {Row[]} */ (
      await done(this.database.transaction(ROWS).objectStore(ROWS).index("label_set").getAll(this.labelSet))
    );
    /** @type {Map<string, Unsent[]>} */
    const clients = new Map();
    for (const row of rows) {
      if (row.user !== this.user) continue;
      try {
        const plain = await crypto.subtle.decrypt(
          { name: "AES-GCM", iv: row.iv, additionalData: new TextEncoder().encode(row.key) },
          this.key,
          row.data,
        );
        const item = /** @type {Unsent} */ (JSON.parse(new TextDecoder().decode(plain)));
        clients.set(item.client_id, [...(clients.get(item.client_id) ?? []), item]);
      } catch {
        // Kept under another key: it belongs to an earlier login and stays where it is.
      }
    }
    for (const items of clients.values()) items.sort((a, b) => a.seq - b.seq);
    return clients;
  }
}
