// Names: of downloads after the photograph and the styles, as the service names its files; of presets after what people type.
const MOST = 2; // styles that are named
const LONGEST = 60; // characters of a preset's name or of a variant's label, in a file's name

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

/** The nearest name that a preset may have; empty if nothing of the text is left. */
export function slug(text) {
  const plain = text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("ß", "ss");
  return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+/, "").slice(0, LONGEST).replace(/-+$/, "");
}

/** The name of a transfer's picture; `label` says what the one of several has of its own. */
export function pictureName({ content, styles = [], variants = [] }, i, label = "") {
  const own = variants[i]?.styles ?? styles;
  const names = own.map(({ preset, image }) => preset ?? (image?.name ? stem(image.name) : ""));
  return resultName(content?.name, names, variants.length > 1 ? `${i + 1} ${label.slice(0, LONGEST)}`.trim() : "");
}
