// What the proof page checks, with WebCrypto alone: files, signatures, proofs of the log.

/** @typedef {{path: string, size: number, read: (start: number, end: number) => Promise<ArrayBuffer>}} Held */
/** @typedef {{files: string[], signatures: string[], notes: string[]}} Problems */

export const UNLISTED = ["manifest.json", "manifest.sig", "SHA256SUMS"];
const AT_ONCE_BYTES = 64 << 20;
const PROOF_FIELDS = "checkpoint entry inclusion_proof leaf_index tree_size";

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function unbase64(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Error("not base64");
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function unhex(text) {
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) throw new Error("not hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {ArrayBuffer | Uint8Array<ArrayBuffer>} bytes */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

const K = (() => {
  const k = [], h = [];
  for (let n = 2; k.length < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    if (h.length < 8) h.push((Math.sqrt(n) % 1) * 2 ** 32 | 0);
    k.push((Math.cbrt(n) % 1) * 2 ** 32 | 0);
  }
  return { k: Int32Array.from(k), h: Int32Array.from(h) };
})();

/** SHA-256 in parts (FIPS 180-4): WebCrypto hashes only what is whole in memory. */
export class Sha256 {
  constructor() {
    this.h = K.h.slice();
    this.w = new Int32Array(64);
    this.rest = new Uint8Array(0);
    this.length = 0;
  }

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.length += bytes.length;
    let data = bytes;
    if (this.rest.length) {
      data = new Uint8Array(this.rest.length + bytes.length);
      data.set(this.rest);
      data.set(bytes, this.rest.length);
    }
    const whole = data.length - (data.length % 64);
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = 0; at < whole; at += 64) this.block(view, at);
    this.rest = data.slice(whole);
    return this;
  }

  /** @param {DataView} view @param {number} at */
  block(view, at) {
    const w = this.w, k = K.k;
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      const s0 = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
      const s1 = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = this.h;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    for (const [i, v] of [a, b, c, d, e, f, g, h].entries()) this.h[i] = (this.h[i] + v) | 0;
  }

  /** @returns {Uint8Array} 32 bytes */
  digest() {
    const bits = BigInt(this.length) * 8n;
    const end = new Uint8Array(((this.rest.length + 9 + 63) >> 6 << 6) - this.rest.length);
    end[0] = 0x80;
    new DataView(end.buffer).setBigUint64(end.length - 8, bits);
    this.update(end);
    const out = new Uint8Array(32);
    for (const [i, v] of this.h.entries()) new DataView(out.buffer).setInt32(4 * i, v);
    return out;
  }
}

/** Hex SHA-256 of a file, in parts where it is large.
 * @param {Held} held @param {number} [atOnce] */
export async function digestOf(held, atOnce = AT_ONCE_BYTES) {
  if (held.size <= atOnce) return hex(await sha256(await held.read(0, held.size)));
  const sum = new Sha256();
  for (let at = 0; at < held.size; at += atOnce) {
    sum.update(new Uint8Array(await held.read(at, Math.min(at + atOnce, held.size))));
  }
  return hex(sum.digest());
}

/** Whether this browser checks Ed25519 at all. */
export async function knowsEd25519() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), { name: "Ed25519" }, false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

/** @param {Uint8Array<ArrayBuffer>} key @param {Uint8Array<ArrayBuffer>} signature @param {Uint8Array<ArrayBuffer>} message */
async function holds(key, signature, message) {
  if (key.length !== 32) throw new Error("a public key is not 32 bytes");
  const known = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, known, signature, message);
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
const utf8 = (text) => new TextEncoder().encode(text);

/** @param {Uint8Array<ArrayBuffer>[]} parts */
async function hashed(...parts) {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return sha256(whole);
}

/** RFC 9162 section 2.1.3.2.
 * @param {Uint8Array<ArrayBuffer>} leaf @param {number} index @param {number} size
 * @param {Uint8Array<ArrayBuffer>[]} path @param {Uint8Array<ArrayBuffer>} root */
export async function isIncluded(leaf, index, size, path, root) {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let fn = BigInt(index), sn = BigInt(size) - 1n, value = leaf;
  for (const sibling of path) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      value = await hashed(Uint8Array.of(1), sibling, value);
      while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else {
      value = await hashed(Uint8Array.of(1), value, sibling);
    }
    fn >>= 1n; sn >>= 1n;
  }
  return sn === 0n && hex(value) === hex(root);
}

/** The tree's size and root, once the note bears a signature by the key.
 * @param {string} note @param {Uint8Array<ArrayBuffer>} key */
async function checkpoint(note, key) {
  const cut = note.indexOf("\n\n");
  const lines = note.slice(0, cut).split("\n");
  if (cut < 0 || lines.length !== 3 || !/^(0|[1-9]\d*)$/.test(lines[1])) throw new Error("not a checkpoint");
  const body = note.slice(0, cut + 1);
  const wanted = hex((await hashed(utf8(`${lines[0]}\n`), Uint8Array.of(1), key)).slice(0, 4));
  for (const line of note.slice(cut + 2, -1).split("\n")) {
    const [dash, name, blob] = line.split(" ");
    if (dash !== "—" || name !== lines[0]) continue;
    const raw = unbase64(blob);
    if (hex(raw.slice(0, 4)) !== wanted) continue;
    if (!(await holds(key, raw.slice(4), utf8(body)))) throw new Error("the checkpoint's signature is not valid");
    return { size: Number(lines[1]), root: unbase64(lines[2]) };
  }
  throw new Error("the checkpoint is not signed by this key");
}

/** The log entry's fields, once it stands in the tree of a signed checkpoint.
 * @param {any} proof @param {string} key */
async function entryOf(proof, key) {
  if (!proof || Object.keys(proof).sort().join(" ") !== PROOF_FIELDS) throw new Error("there is no proof of the log");
  const signed = await checkpoint(proof.checkpoint, unbase64(key));
  const leaf = await hashed(Uint8Array.of(0), utf8(proof.entry));
  const path = proof.inclusion_proof.map(unhex);
  const stands = signed.size === proof.tree_size
    && await isIncluded(leaf, proof.leaf_index, signed.size, path, signed.root);
  if (!stands) throw new Error("its entry does not stand in the signed log");
  return JSON.parse(proof.entry);
}

/** WebCrypto's names by COSE algorithm; `bytes` is the length of each half of an ECDSA signature.
 * @type {Record<string, {known: any, by: any, bytes?: number}>} */
const PASSKEYS = {
  "-7": { known: { name: "ECDSA", namedCurve: "P-256" }, by: { name: "ECDSA", hash: "SHA-256" }, bytes: 32 },
  "-35": { known: { name: "ECDSA", namedCurve: "P-384" }, by: { name: "ECDSA", hash: "SHA-384" }, bytes: 48 },
  "-36": { known: { name: "ECDSA", namedCurve: "P-521" }, by: { name: "ECDSA", hash: "SHA-512" }, bytes: 66 },
  "-8": { known: { name: "Ed25519" }, by: { name: "Ed25519" } },
  "-257": { known: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, by: { name: "RSASSA-PKCS1-v1_5" } },
};
const PASSKEY_FIELDS = "algorithm assertion authenticator_data client_data public_key";

/** The two integers of an ECDSA signature in DER, side by side as WebCrypto takes them.
 * @param {Uint8Array<ArrayBuffer>} der @param {number} bytes */
function undered(der, bytes) {
  const out = new Uint8Array(2 * bytes);
  let at = der[1] & 0x80 ? 2 + (der[1] & 0x7f) : 2;
  for (const end of [bytes, 2 * bytes]) {
    const length = der[at + 1];
    let value = der.slice(at + 2, at + 2 + length);
    while (value.length > bytes && value[0] === 0) value = value.slice(1);
    if (der[at] !== 2 || value.length > bytes || value.length === 0) throw new Error("the signer's passkey is malformed");
    out.set(value, end - value.length);
    at += 2 + length;
  }
  if (der[0] !== 0x30 || at !== der.length) throw new Error("the signer's passkey is malformed");
  return out;
}

/** The signer's own device signed the digest of the statement (W3C WebAuthn level 2), where the
 * statement says that a passkey was used.
 * @param {any} said @param {any} passkey @param {Uint8Array<ArrayBuffer>} statement */
export async function checkPasskey(said, passkey, statement) {
  if (said.authentication !== "passkey with user verification") {
    if (passkey !== undefined) throw new Error("a passkey stands where the signer used none");
    return;
  }
  if (passkey === undefined) throw new Error("the signer's passkey is missing");
  const way = PASSKEYS[passkey.algorithm];
  if (Object.keys(passkey).sort().join(" ") !== PASSKEY_FIELDS || !way) throw new Error("the signer's passkey is malformed");
  const clientData = unbase64(passkey.client_data), data = unbase64(passkey.authenticator_data);
  const client = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(clientData));
  const message = new Uint8Array(data.length + 32);
  message.set(data);
  message.set(await sha256(clientData), data.length);
  const key = await crypto.subtle.importKey("spki", unbase64(passkey.public_key), way.known, false, ["verify"]);
  const raw = unbase64(passkey.assertion);
  const signature = way.bytes ? undered(raw, way.bytes) : raw;
  if (!(await crypto.subtle.verify(way.by, key, signature, message))) throw new Error("the signer's passkey does not sign this");
  const challenge = String(client.challenge).replace(/-/g, "+").replace(/_/g, "/");
  if (client.type !== "webauthn.get" || hex(unbase64(challenge)) !== hex(await sha256(statement))) {
    throw new Error("the signer's passkey signs another statement");
  }
  if ((data[32] & 5) !== 5) throw new Error("the signer's passkey did not verify its user");
}

/** One signature over the clip's labels, down to the log; throws with what does not hold.
 * @param {any} clip @param {any} signature @param {any} proof @param {any} keys */
async function checkSignature(clip, signature, proof, keys) {
  if (signature.public_key !== keys.electronic_signature) throw new Error("its signature is by another key than the release names");
  const statement = unbase64(signature.statement);
  if (!(await holds(unbase64(signature.public_key), unbase64(signature.server_signature), statement))) {
    throw new Error("its signature does not hold");
  }
  const said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(statement));
  const digest = clip.label_set.expanded_digest;
  if (said.digest !== digest || signature.digest !== digest) throw new Error("the signed statement does not bind these labels");
  for (const [field, name] of [["pseudonym", "signer_pseudonym"], ["meaning", "meaning"], ["time", "signed_at"]]) {
    if (said[field] !== signature[name]) throw new Error(`${name} is not what was signed`);
  }
  const facts = said.facts ?? {};
  if (facts.clip !== clip.id) throw new Error("the statement is about another clip");
  if (clip.media_kind === "video" && facts.media_sha256 !== clip.media_sha256) throw new Error("the statement is about another video");
  await checkPasskey(said, signature.passkey, statement);
  const entry = await entryOf(proof, keys.checkpoint);
  if (!String(entry.action).endsWith(".signature") || entry.outcome !== "done") throw new Error("the log's entry is about something else");
  const open = entry.public ?? {};
  if (open.digest !== digest || open.signer !== signature.signer_pseudonym) throw new Error("the log's entry is about other labels or another signer");
  if ((open.meaning ?? said.meaning) !== said.meaning) throw new Error("the log's entry is about another meaning");
  return said;
}

/** The chain from a clip's labels to the log; throws with what does not hold.
 * @param {any} clip @param {string} labelsSha256 @param {any} keys @param {any} rules */
async function checkClip(clip, labelsSha256, keys, rules) {
  const first = clip.signature;
  if (!first) throw new Error("it is not signed");
  const said = await checkSignature(clip, first, clip.audit_proof, keys);
  if (labelsSha256 !== clip.label_set.expanded_digest) throw new Error("its labels are not those that were signed");
  if (said.facts.of_signature !== undefined) throw new Error("its signature is one upon another signature");
  const seconds = clip.countersignatures ?? [], signers = new Set([first.signer_pseudonym]);
  for (const row of seconds) {
    try {
      const other = await checkSignature(clip, row, row.audit_proof, keys);
      if (other.facts.kind !== "countersign" || other.object_id !== said.object_id) throw new Error("it confirms something else");
      if (signers.has(row.signer_pseudonym)) throw new Error("its signer signed before");
      signers.add(row.signer_pseudonym);
    } catch (error) {
      throw new Error(`countersignature: ${words(error)}`);
    }
  }
  if (rules?.countersigned && !seconds.length) throw new Error("not countersigned, which the project asks for");
  if (rules?.passkey && [first, ...seconds].some((row) => !row.passkey)) throw new Error("signed without a passkey, which the project asks for");
}

/** @param {any} manifest */
async function checkApproval(manifest) {
  const entry = await entryOf(manifest.approval.proof, manifest.keys.checkpoint);
  const open = entry.public ?? {};
  if (entry.action !== "release.approve" || entry.outcome !== "done") throw new Error("the log's entry is no approval");
  if (open.freeze_digest !== manifest.freeze_digest) throw new Error("the log's entry approves another release");
  if (open.approver !== manifest.approval.approver_pseudonym) throw new Error("the log's entry names another approver");
}

/** @param {unknown} error */
const words = (error) => (error instanceof Error ? error.message : String(error));

/** Everything that does not hold of a release's folder, each "<file>: what is wrong".
 * `key` (base64, may be empty) is the publisher's, got by another way than the release.
 * @param {Map<string, Held>} held @param {string} key
 * @param {(done: number, of: number, name: string) => void} told
 * @returns {Promise<{manifest: any, problems: Problems, signed: boolean}>} */
export async function checkRelease(held, key, told) {
  /** @type {Problems} */
  const problems = { files: [], signatures: [], notes: [] };
  const body = held.get("manifest.json");
  if (!body) return { manifest: null, problems: { ...problems, files: ["manifest.json: missing"] }, signed: false };
  const bytes = new Uint8Array(await body.read(0, body.size));
  const manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (manifest.format !== "clinicalannot-release/1") throw new Error("manifest.json: of another format");
  const digests = await checkFiles(held, manifest, problems, told);
  const signed = await knowsEd25519();
  if (signed) await checkSignatures(held, bytes, manifest, digests, key, problems);
  return { manifest, problems, signed };
}

/** @param {Map<string, Held>} held @param {any} manifest @param {Problems} problems
 * @param {(done: number, of: number, name: string) => void} told
 * @returns {Promise<Map<string, string>>} */
async function checkFiles(held, manifest, problems, told) {
  const digests = new Map();
  const listed = new Map(manifest.files.map((/** @type {any} */ row) => [row.path, row]));
  let done = 0;
  for (const [path, file] of held) {
    told(done++, held.size, path);
    digests.set(path, await digestOf(file));
    const row = listed.get(path);
    if (row && (row.size_bytes !== file.size || row.sha256 !== digests.get(path))) problems.files.push(`${path}: other bytes than the manifest says`);
    if (!row && !UNLISTED.includes(path)) problems.files.push(`${path}: extra, not in the manifest`);
  }
  for (const path of listed.keys()) if (!held.has(path)) problems.files.push(`${path}: missing`);
  await checkSums(held, digests, problems);
  return digests;
}

/** @param {Map<string, Held>} held @param {Map<string, string>} digests @param {Problems} problems */
async function checkSums(held, digests, problems) {
  const file = held.get("SHA256SUMS");
  if (!file) { problems.files.push("SHA256SUMS: missing"); return; }
  const text = new TextDecoder().decode(await file.read(0, file.size));
  const named = new Set(["SHA256SUMS"]);
  for (const line of text.split("\n").slice(0, -1)) {
    const [digest, path] = [line.slice(0, 64), line.slice(66)];
    named.add(path);
    if (digests.get(path) !== digest || line.slice(64, 66) !== "  ") problems.files.push(`${path}: other bytes than SHA256SUMS says`);
  }
  if (!text.endsWith("\n")) problems.files.push("SHA256SUMS: cut short");
  for (const path of digests.keys()) if (!named.has(path)) problems.files.push(`${path}: not in SHA256SUMS`);
}

/** @param {Map<string, Held>} held @param {Uint8Array<ArrayBuffer>} bytes @param {any} manifest
 * @param {Map<string, string>} digests @param {string} key @param {Problems} problems */
async function checkSignatures(held, bytes, manifest, digests, key, problems) {
  try {
    const file = held.get("manifest.sig");
    if (!file) throw new Error("manifest.sig is missing");
    const signature = JSON.parse(new TextDecoder().decode(await file.read(0, file.size)));
    if (key && signature.public_key !== key) throw new Error("signed by another key than the one given");
    if (signature.public_key !== manifest.keys.release) throw new Error("signed by another key than it names");
    if (!(await holds(unbase64(signature.public_key), unbase64(signature.signature), bytes))) throw new Error("its signature does not hold");
  } catch (error) {
    problems.signatures.push(`manifest.json: ${words(error)}`);
  }
  for (const clip of manifest.clips) {
    try {
      await checkClip(clip, digests.get(clip.labels) ?? "", manifest.keys, manifest.signing_rules);
    } catch (error) {
      problems.signatures.push(`manifest.json: clip ${clip.name}: ${words(error)}`);
    }
  }
  if (manifest.approved !== (manifest.approval !== null)) problems.signatures.push("manifest.json: approved and approval contradict each other");
  if (manifest.approval) {
    try {
      await checkApproval(manifest);
    } catch (error) {
      problems.signatures.push(`manifest.json: approval: ${words(error)}`);
    }
  }
}
