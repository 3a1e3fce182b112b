// What the Cornerstone segmentation adapter makes of a SEG: each label map's pixels by picture.
// Arguments: folder of node_modules, SEG, number of pictures of its video, rows, columns.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, path, pictures, rows, columns] = process.argv.slice(2);
const adapters = `${folder}/@cornerstonejs/adapters/dist/esm/adapters`;
const { generateToolState } = await import(pathToFileURL(`${adapters}/Cornerstone/Segmentation_4X.js`).href);
const { default: dcmjs } = await import(pathToFileURL(`${folder}/dcmjs/build/dcmjs.es.js`).href);
const file = readFileSync(path);
const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
const seg = dcmjs.data.DicomMetaDictionary.naturalizeDataset(dcmjs.data.DicomMessage.readFile(buffer).dict);
const one = (value) => (Array.isArray(value) ? value[0] : value);
const source = one(one(one(seg.PerFrameFunctionalGroupsSequence).DerivationImageSequence).SourceImageSequence);
// As a viewer names the pictures of a video and tells their geometry, which a video has none of.
const ids = Array.from({ length: Number(pictures) }, (_, n) => `wadors:video/frames/${n + 1}`);
const told = {
  imagePlaneModule: {
    rows: Number(rows), columns: Number(columns), rowCosines: [1, 0, 0], columnCosines: [0, 1, 0],
    imagePositionPatient: [0, 0, 0], rowPixelSpacing: 1, columnPixelSpacing: 1,
  },
  generalSeriesModule: { seriesInstanceUID: one(seg.ReferencedSeriesSequence).SeriesInstanceUID },
  generalImageModule: { sopInstanceUID: source.ReferencedSOPInstanceUID },
  instance: { Rows: Number(rows), Columns: Number(columns), ImagePositionPatient: [0, 0, 0] },
};
const made = await generateToolState(
  ids, buffer, { get: (/** @type {keyof typeof told} */ kind) => told[kind] }, {},
);
const size = Number(rows) * Number(columns), found = [];
for (const held of made.labelmapBufferArray) {
  const labels = new Uint8Array(held);
  for (let n = 0; n < ids.length; n++) {
    const by = new Map();
    labels.subarray(n * size, (n + 1) * size).forEach((segment, place) => {
      if (segment) by.set(segment, [...(by.get(segment) ?? []), place]);
    });
    for (const [segment, pixels] of by) found.push({ segment, picture: n + 1, pixels });
  }
}
const segments = made.segMetadata.data.filter(Boolean).map((s) => [Number(s.SegmentNumber), s.SegmentLabel]);
console.log(JSON.stringify({ segments, frames: found }));
