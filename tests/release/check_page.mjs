// What checks.js, the proof page's own module, says of a release's folder: one fault a line.
import { readFile, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

const [module, folder, key] = process.argv.slice(2);
const { checkRelease } = await import(pathToFileURL(module).href);
const held = new Map();
for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name), bytes = await readFile(path);
  const read = async (start, end) => bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + end);
  held.set(relative(folder, path), { path, size: bytes.length, read });
}
const { problems, signed } = await checkRelease(held, key ?? "", () => {});
if (!signed) throw new Error("this Node knows no Ed25519");
for (const text of [...problems.files, ...problems.signatures]) console.log(text);
