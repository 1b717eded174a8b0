// The finished pictures of a transfer: where they are, and what they are called.
import { pictureName } from "./names.js";

/** The path of a transfer's picture. */
export function pathOf(job, i) {
  return job.options.variants.length ? `${job.links.image}?variant=${i}` : job.links.image;
}

/** A name for a transfer's picture, without ending. */
export function titleOf(job, i) {
  return pictureName(job.options, i);
}

/** All pictures of a transfer, [[path, name], …]. */
export function picturesOf(job) {
  return Array.from({ length: Math.max(1, job.options.variants.length) }, (_, i) => [pathOf(job, i), titleOf(job, i)]);
}
