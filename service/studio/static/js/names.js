// Names: of files as the service names them; of presets after what people type.
const LONGEST = 60; // characters of a slug, so that "-2" may follow within the 63 of a preset's name
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const ALLOWED = "Small letters, digits and hyphens.";

/** Whether a preset may have this name. */
export function isName(text) {
  return NAME.test(text);
}

/** Why a name won't do, with one that would if there is any. */
export function whyNoName(text) {
  return `“${text}” won’t do: ${ALLOWED}${slug(text) && ` “${slug(text)}” would`}`;
}

/** A file's name without its ending. */
export function stem(name) {
  return name.replace(/(.)\.[^.]{1,15}$/s, "$1");
}

/** The nearest name that a preset may have; empty if nothing of the text is left. */
export function slug(text) {
  const plain = text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("ß", "ss");
  return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+/, "").slice(0, LONGEST).replace(/-+$/, "");
}

/** The name of a file in a Content-Disposition; empty where it has none. */
export function nameIn(disposition) {
  const encoded = disposition.match(/filename\*=UTF-8''([^;]+)/)?.[1];
  return encoded ? decodeURIComponent(encoded) : (disposition.match(/filename="([^"]*)"/)?.[1] ?? "");
}
