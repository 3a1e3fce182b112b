// The page: takes the folder, tells what holds, shows labels over pictures.
import { checkRelease } from "./checks.js";
import { drawShape, readLabels } from "./labels.js";

/** @typedef {import("./checks.js").Held} Held */

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);
/** @type {Map<string, File>} */ let files = new Map();
/** @type {any} */ let manifest = null;
/** @type {{clip: any, labels: ReturnType<typeof readLabels>, times: number[], url: string, ends: number} | null} */ let shown = null;
let turn = 0;
let checks = 0;
// What was checked last, and by which key; the files whose clips are on offer.
let usedKey = "";
/** @type {Map<string, File> | null} */ let offered = null;
/** @type {number | null} */ let presented = null;

/** @param {string} name @param {string} text @param {string} [state] */
function row(name, text, state = "") {
  const line = document.createElement("li");
  line.className = state;
  const head = document.createElement("b");
  head.textContent = name;
  line.append(head, " ", text);
  return line;
}

/** @param {FileList} list */
function take(list) {
  files = new Map([...list].map((file) => [file.webkitRelativePath.split("/").slice(1).join("/") || file.name, file]));
  return check();
}

async function check() {
  const mine = ++checks;
  /** @type {Map<string, Held>} */
  const held = new Map();
  for (const [path, file] of [...files].sort()) {
    held.set(path, { path, size: file.size, read: (start, end) => file.slice(start, end).arrayBuffer() });
  }
  at("verdict").textContent = "Being checked …";
  at("verdict").className = "";
  at("lines").replaceChildren();
  at("show").hidden = true;
  const key = usedKey = at("key").value.trim();
  try {
    const found = await checkRelease(held, key, (done, of, name) => { if (mine === checks) at("step").textContent = `${done} of ${of} · ${name}`; });
    if (mine !== checks) return;
    at("step").textContent = "";
    tell(found, key);
    manifest = found.manifest;
    if (manifest) offer();
  } catch (error) {
    if (mine !== checks) return;
    at("step").textContent = "";
    verdict("bad", `This is no release that this page can read: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {string} state @param {string} text */
function verdict(state, text) {
  at("verdict").className = state;
  at("verdict").textContent = text;
}

/** @param {Awaited<ReturnType<typeof checkRelease>>} found @param {string} key */
function tell({ manifest: said, problems, signed }, key) {
  const wrong = [...problems.files, ...problems.signatures];
  at("lines").replaceChildren(...wrong.map((text) => row("Wrong", text, "bad")));
  if (!said) { verdict("bad", "manifest.json is missing: choose the release's own folder."); return; }
  const passkeys = said.clips.flatMap((/** @type {any} */ clip) => [clip.signature, ...(clip.countersignatures ?? [])]).filter((/** @type {any} */ one) => one?.passkey).length;
  at("title").textContent = `${said.project} ${said.version}`;
  at("lines").append(
    row("Files", problems.files.length ? `${problems.files.length} faults` : `all ${said.files.length} as the manifest lists them`, problems.files.length ? "bad" : "good"),
    row("Signatures", !signed ? "not checked: this browser knows no Ed25519" : problems.signatures.length ? `${problems.signatures.length} faults` : `the manifest's, and of each of ${said.clips.length} ${said.clips.length === 1 ? "clip" : "clips"} the signer's, with its entry in the signed log`, !signed ? "look" : problems.signatures.length ? "bad" : "good"),
    ...(passkeys ? [row("Passkeys", `${passkeys} ${passkeys === 1 ? "signature is" : "signatures are"} by the signer's own device over the statement's digest`, signed && !problems.signatures.length ? "good" : "look")] : []),
    row("Approved", said.approved ? `${said.approval.approved_at.slice(0, 16).replace("T", " ")} UTC by ${said.approval.approver_pseudonym}, ${said.approval.role}` : "not yet by a second person", said.approved ? "good" : "look"),
    row("Key", said.keys.release),
    row("Freeze", said.freeze_digest),
  );
  if (wrong.length) verdict("bad", `${wrong.length} ${wrong.length === 1 ? "thing does" : "things do"} not hold`);
  else if (!signed) verdict("look", "Files agree with the manifest. Signatures were not checked: use a newer browser, or python -m clinical_annot.verify");
  else if (key) verdict("good", "Verified: by the key that you gave");
  else verdict("look", "Consistent. Whose key signed it is not known until you give the publisher's key");
}

function offer() {
  at("show").hidden = false;
  // Another key is no other release: the clip and the frame in view stay.
  if (offered === files) return;
  offered = files;
  at("clip").replaceChildren(...manifest.clips.map((/** @type {any} */ clip, /** @type {number} */ n) => new Option(`${clip.name} · ${clip.pseudonym}`, String(n))));
  open(0);
}

/** @param {number} place */
async function open(place) {
  const mine = ++turn, clip = manifest.clips[place];
  const [labels, table] = await Promise.all([files.get(clip.labels)?.text(), files.get(clip.frames_csv)?.text()]);
  if (mine !== turn || labels === undefined || table === undefined) return;
  if (shown?.url) URL.revokeObjectURL(shown.url);
  const times = table.split("\n").slice(1, -1).map((line) => Number(line.split(",")[4]));
  const video = files.get(clip.media);
  const url = video ? URL.createObjectURL(video) : "";
  shown = { clip, labels: readLabels(labels, clip.id), times, url, ends: times[times.length - 1] + 1 / (clip.fps || 25) };
  at("video").hidden = !video;
  at("picture").hidden = Boolean(video);
  at("said").textContent = "";
  presented = null;
  if (video) at("video").src = url;
  const fine = Math.max(1, Math.ceil(1600 / clip.columns));
  [at("over").width, at("over").height] = [clip.columns * fine, clip.rows * fine];
  at("over").getContext("2d").scale(fine, fine);
  [at("picture").width, at("picture").height] = [clip.columns, clip.rows];
  at("stage").style.aspectRatio = `${clip.columns} / ${clip.rows}`;
  const first = Math.min(...shown.labels.tracks.flatMap((track) => [...track.frames.keys()].slice(0, 1)), clip.n_frames - 1);
  at("frame").max = String(clip.n_frames - 1);
  at("frame").value = String(first);
  show();
}

async function show() {
  if (!shown) return;
  const { clip, labels, times, ends } = shown, frame = Number(at("frame").value);
  at("where").textContent = `frame index ${frame} · frame number ${frame + 1} · ${(times[frame] ?? 0).toFixed(3)} s`;
  if (shown.url) at("video").currentTime = (times[frame] + (times[frame + 1] ?? ends)) / 2;
  else await showPicture(clip, frame);
  const pen = at("over").getContext("2d");
  pen.clearRect(0, 0, clip.columns, clip.rows);
  const classes = new Map(manifest.ontology.definition.classes.map((/** @type {any} */ c) => [c.id, c]));
  const there = [];
  for (const track of labels.tracks) {
    const placed = track.frames.get(frame);
    if (!placed?.shape || placed.state === "absent") continue;
    drawShape(pen, placed.shape, classes.get(track.class_id)?.color ?? "#fff", clip.columns);
    there.push(row(`${classes.get(track.class_id)?.name} ${track.number}`, `${placed.state}${placed.interpolated ? ", interpolated" : ", by hand"}`));
  }
  for (const span of labels.spans) {
    if (span.start_frame <= frame && frame < span.end_frame) there.push(row(classes.get(span.class_id)?.name, `${span.geometry}, frames ${span.start_frame} to ${span.end_frame - 1}`));
  }
  at("objects").replaceChildren(...(there.length ? there : [row("", "nothing is labelled on this frame")]));
  at("signer").textContent = `Signed ${clip.signature.signed_at.slice(0, 16).replace("T", " ")} UTC by ${clip.signature.signer_pseudonym}${clip.signature.passkey ? " with a passkey" : ""}: “${clip.signature.meaning}”${(clip.countersignatures ?? []).map((/** @type {any} */ one) => ` Confirmed by ${one.signer_pseudonym}${one.passkey ? " with a passkey" : ""}.`).join("")}`;
}

/** @param {any} clip @param {number} frame */
async function showPicture(clip, frame) {
  const file = files.get(`${clip.media}${String(frame + 1).padStart(6, "0")}.png`);
  if (!file) return;
  const bitmap = await createImageBitmap(file);
  if (Number(at("frame").value) === frame) at("picture").getContext("2d").drawImage(bitmap, 0, 0);
}

at("folder").addEventListener("change", () => { if (at("folder").files.length) take(at("folder").files); });
at("key").addEventListener("change", () => { if (files.size && at("key").value.trim() !== usedKey) check(); });
at("clip").addEventListener("change", () => open(Number(at("clip").value)));
at("frame").addEventListener("input", show);
at("video").addEventListener("error", () => { at("said").textContent = "This browser does not play this video: labels are shown without its pictures."; });
at("video").addEventListener("loadedmetadata", show);
at("video").addEventListener("seeked", tellFrame);
watch();

/** Keep the time of each picture that the browser puts on the screen. */
function watch() {
  at("video").requestVideoFrameCallback?.((/** @type {number} */ _now, /** @type {{mediaTime: number}} */ picture) => {
    presented = picture.mediaTime;
    tellFrame();
    watch();
  });
}

/** Say which frame the browser shows, by the time that it gives the picture. */
function tellFrame() {
  if (!shown || presented === null || at("video").seeking) return;
  const { times } = shown, time = presented, wanted = Number(at("frame").value);
  const near = times.reduce((best, t, i) => (Math.abs(t - time) < Math.abs(times[best] - time) ? i : best), 0);
  at("said").textContent = near === wanted ? `Your browser shows frame index ${near}` : `Your browser shows frame index ${near} instead of ${wanted}`;
}
