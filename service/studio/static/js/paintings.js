// The finished pictures of a transfer: where they are, and what they are called.
import { pictureName, resultName } from "./names.js";
import { styleName, variantLabels } from "./words.js";

/** The path of a transfer's picture. */
export function pathOf(job, i) {
  return job.options.variants.length ? `${job.links.image}?variant=${i}` : job.links.image;
}

/** A name for a transfer's picture, without ending. */
export function titleOf(job, i) {
  return pictureName(job.options, i, variantLabels(job.options)[i]);
}

/** A name for what holds all pictures of a transfer: its contact sheet, or a ZIP. */
export function seriesName({ options: { content, styles, variants } }, what) {
  const all = variants.flatMap((own) => own.styles ?? styles).map(styleName);
  return resultName(content?.name, [...new Set(all)], what);
}

/** All pictures of a transfer, [[path, name], …]. */
export function picturesOf(job) {
  return Array.from({ length: Math.max(1, job.options.variants.length) }, (_, i) => [pathOf(job, i), titleOf(job, i)]);
}
