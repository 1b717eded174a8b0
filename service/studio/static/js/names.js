// Names of downloads: after the photograph and the styles, as the service names its files.
const MOST = 2; // styles that are named

/** A file's name without its ending. */
export function stem(name) {
  return name.replace(/(.)\.[^.]{1,15}$/s, "$1");
}

/** A name without ending, as in "photo - mosaic"; `part` tells several pictures apart. */
export function resultName(content, styles, part = "") {
  const known = styles.filter(Boolean);
  const more = known.length > MOST ? [`${known.length - MOST} more`] : [];
  return [content ? stem(content) : "painting", [...known.slice(0, MOST), ...more].join(" + "), part].filter(Boolean).join(" - ");
}

/** The name of a transfer's picture. */
export function pictureName({ content, styles = [], variants = [] }, i) {
  const own = variants[i]?.styles ?? styles;
  const names = own.map(({ preset, image }) => preset ?? (image?.name ? stem(image.name) : ""));
  return resultName(content?.name, names, variants.length > 1 ? String(i + 1) : "");
}
