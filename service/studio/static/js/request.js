// The draft as a request of the API.
import { saidAnyway } from "./preset_settings.js";
import { DEFAULTS } from "./draft.js";
import { seriesFields } from "./series.js";

const WHOLE = ["iterations", "seed", "quality"];
const WORDS = ["init", "format"];

/** {request, files}: the JSON of POST /v1/transfers, and the parts of the form that it refers to, [[part, File], …]. */
export function toRequest({ content, mix, settings, extras }) {
  const files = [["content", content?.file ?? null]];
  const partOf = (file, part = `picture${files.length}`) => {
    const known = files.find(([, one]) => one === file);
    if (!known) files.push([part, file]);
    return `file:${known ? known[0] : part}`;
  };
  const styles = mix.map(({ preset, file, weight, scale, mask, style_mask }, i) => ({
    ...(file ? { image: partOf(file, `style${i}`) } : { preset }),
    ...unless(1, { weight, scale }),
    ...(mask && { mask: partOf(mask) }),
    ...(style_mask && { style_mask: partOf(style_mask) }),
  }));
  const request = { content: "file:content", ...(styles.length && { styles }), ...options(settings), ...seriesFields({ mix, settings, extras }, styles) };
  for (const { name, value } of extras) if (name) request[name] = withParts(value, partOf);
  return { request: { ...saidAnyway(mix, settings), ...request }, files };
}

/** A value of the request with each File replaced by the name of its part. */
function withParts(value, partOf) {
  if (value instanceof File) return partOf(value);
  if (Array.isArray(value)) return value.map((one) => withParts(one, partOf));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withParts(one, partOf)]));
}

function options(settings) {
  const given = { size: numberOr(settings.size), color: settings.color };
  if (settings.dial === "strength") given.strength = settings.strength;
  else for (const weight of ["content_weight", "style_weight"]) given[weight] = settings[weight];
  for (const name of WHOLE) if (settings[name] !== DEFAULTS[name]) given[name] = numberOr(settings[name]);
  for (const name of WORDS) if (settings[name] !== DEFAULTS[name]) given[name] = settings[name];
  return given;
}

/** A number, or the text if it is none: the API's error then has the words for it. */
function numberOr(text) {
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

function unless(usual, values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== usual));
}
