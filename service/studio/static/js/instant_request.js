// The draft as a request that the presets' painters carry out in one pass.
import { DEFAULTS, hasOwnStyles } from "./draft.js";
import { canPaint } from "./painters.js";
import { toRequest } from "./request.js";
import { OPTION_DEFAULTS, SIZES } from "./service.js";
import { SERIES } from "./series.js";
import { listed } from "./words.js";

const LARGEST = 1024; // pixels: more than the stage shows would only take longer
const KEPT = ["protect", "strength_map", "alpha"]; // extras that painters use
const OF_OPTIMIZER = { iterations: "the iterations", init: "the first image", seed: "the seed" };

/**
 * {request, files, names, leftOut}: `names` are the presets, `leftOut` says in words what painters ignore.
 * null where they can't paint the draft: without a photograph, or with a style that has no painter.
 */
export function toInstantRequest({ content, mix, settings, extras }) {
  const used = mix.filter(({ weight }) => weight > 0);
  const painted = used.length > 0 && used.every(({ preset, style_mask }) => preset && canPaint(preset) && !style_mask);
  if (!content || !painted || hasOwnStyles(extras) || extras.some(({ name }) => name === "variants")) return null;
  const { request, files } = toRequest({
    content,
    mix: used.map((style) => ({ ...style, scale: 1 })),
    settings: { ...settings, series: DEFAULTS.series, size: sizeFor(settings.size), iterations: DEFAULTS.iterations, init: DEFAULTS.init, seed: DEFAULTS.seed },
    extras: extras.filter(({ name }) => KEPT.includes(name)),
  });
  for (const name of ["content_weight", "style_weight", "iterations", "init", "seed"]) delete request[name];
  return { request: { ...request, method: "painter" }, files, names: used.map(({ preset }) => preset), leftOut: leftOut(used, settings, extras) };
}

/** Whether a size can be asked for: not one that is half typed. */
export function isSize(size) {
  return /^\d+$/.test(size) && Number(size) >= SIZES[0] && Number(size) <= SIZES[1];
}

function sizeFor(size) {
  return Number(size) > LARGEST ? String(LARGEST) : size;
}

function leftOut(used, settings, extras) {
  const words = [];
  if (Number(settings.size) > LARGEST) words.push(`the size (this is at ${LARGEST} px)`);
  if (used.some(({ scale }) => scale !== 1)) words.push("the scale of the strokes");
  if (settings.dial === "weights") words.push("the two weights");
  if (settings.series !== DEFAULTS.series) words.push(SERIES[settings.series].words);
  const given = Object.fromEntries(extras.map(({ name, value }) => [name, value]));
  const usual = { ...OPTION_DEFAULTS, ...(given.method === "painter" && { iterations: 0 }) };
  for (const [name, said] of Object.entries(OF_OPTIMIZER)) if (![DEFAULTS[name], String(usual[name])].includes(settings[name])) words.push(said);
  if (extras.some(({ name }) => name && name !== "method" && !KEPT.includes(name))) words.push("what was carried over");
  return listed(words);
}

/** Whether two requests ask for the same picture. */
export function isSame(one, other) {
  return (
    JSON.stringify(one.request) === JSON.stringify(other.request) &&
    one.files.length === other.files.length &&
    one.files.every(([, file], i) => file === other.files[i][1])
  );
}
