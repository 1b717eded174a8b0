// The draft as the API takes it.
import { DEFAULTS } from "./draft.js";

const WHOLE = ["iterations", "seed", "quality"];
const WORDS = ["init", "format"];

/** {request, files}: the JSON of POST /v1/transfers, and the form's parts that it names, [[part, File], …]. */
export function toRequest({ content, mix, settings }) {
  const files = [["content", content?.file ?? null]];
  const styles = mix.map(({ preset, file, weight, scale }, i) => {
    if (file) files.push([`style${i}`, file]);
    return { ...(file ? { image: `file:style${i}` } : { preset }), ...unless(1, { weight, scale }) };
  });
  return { request: { content: "file:content", styles, ...options(settings) }, files };
}

function options(settings) {
  const given = { size: numberOr(settings.size), color: settings.color };
  if (settings.dial === "strength") given.strength = settings.strength;
  else for (const weight of ["content_weight", "style_weight"]) given[weight] = settings[weight];
  for (const name of WHOLE) if (settings[name] !== DEFAULTS[name]) given[name] = numberOr(settings[name]);
  for (const name of WORDS) if (settings[name] !== DEFAULTS[name]) given[name] = settings[name];
  return given;
}

/** A number, or what was typed instead: the API has the words for that. */
function numberOr(text) {
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

function unless(usual, values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== usual));
}
