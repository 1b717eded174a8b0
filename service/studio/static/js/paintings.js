// The finished pictures of a transfer: where they are, and what all of them together are called.
import { stem } from "./names.js";
import { styleName } from "./words.js";

const MOST = 2; // styles that are named

/** The path of a transfer's picture. */
export function pathOf({ links, options }, i) {
  return options.variants.length ? `${links.self}/image?variant=${i}` : `${links.self}/image`;
}

/** The paths of the pictures of a transfer that are finished. */
export function pathsOf(job) {
  return Array.from({ length: job.progress.pictures }, (_, i) => pathOf(job, i));
}

/** A name for a ZIP of all pictures of a transfer, as the service names its files. */
export function zipName({ options: { content, styles, variants } }) {
  const all = [...new Set(variants.flatMap((own) => own.styles ?? styles).map(styleName))];
  const more = all.length > MOST ? [`${all.length - MOST} more`] : [];
  return [content.name ? stem(content.name) : "painting", [...all.slice(0, MOST), ...more].join(" + "), "all"].join(" - ");
}
