/** Keyframes are kept and read in chunks of as many frames. */

export const CHUNK_FRAMES = 256;

/** @param {number} frame */
export const chunkOf = (frame) => Math.floor(frame / CHUNK_FRAMES);

/** The address of what a label set opens with around a frame. @param {string} labelSet @param {string} clip @param {number} frame @param {string} door `label-sets` or `beside` */
export function outlineUrl(labelSet, clip, frame, door) {
  const from = chunkOf(frame) * CHUNK_FRAMES;
  return `/api/v1/${door}/${labelSet}/outline/?clip=${clip}&from=${from}&to=${from + CHUNK_FRAMES}&form=runs`;
}
