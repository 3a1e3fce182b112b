// What dcmjs makes of a SEG: its segments, and each frame's segment, picture and pixels that are set.
// Arguments: folder of node_modules, SEG.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, path] = process.argv.slice(2);
const { data } = createRequire(`${folder}/`)("dcmjs");
const file = readFileSync(path);
const read = data.DicomMessage.readFile(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const seg = data.DicomMetaDictionary.naturalizeDataset(read.dict);
const pixels = Array.isArray(seg.PixelData) ? seg.PixelData[0] : seg.PixelData;
const bits = data.BitArray.unpack(pixels);
const size = seg.Rows * seg.Columns;
const one = (value) => (Array.isArray(value) ? value[0] : value);
const frames = seg.PerFrameFunctionalGroupsSequence.map((group, n) => ({
  segment: one(group.SegmentIdentificationSequence).ReferencedSegmentNumber,
  picture: one(one(group.DerivationImageSequence).SourceImageSequence).ReferencedFrameNumber,
  pixels: Array.from({ length: size }, (_, i) => i).filter((i) => bits[n * size + i]),
}));
const segments = [seg.SegmentSequence].flat().map((s) => [s.SegmentNumber, s.SegmentLabel, s.TrackingUID]);
console.log(JSON.stringify({ size: [seg.Rows, seg.Columns], segments, frames }));
