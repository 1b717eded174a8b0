// The options that a preset carries, as settings of the dials and in words.
import { DEFAULTS } from "./draft.js";
import { solePreset } from "./known.js";
import { OPTION_DEFAULTS } from "./service.js";
import { number, optionName, percent, plain } from "./words.js";

const WEIGHTS = ["content_weight", "style_weight"];
const ORDER = ["strength", ...WEIGHTS, "color", "size"];
const WHOLE = ["iterations", "seed"];
const COLOURS = { style: "the style’s colours", match: "colours matched", luminance: "the photograph’s colours" };
const FIRST = { content: "begins with the photograph", random: "begins with noise", style: "begins with the style" };

/** The options that the dials stand for, as a preset keeps them. Throws an Error with words where a number is none. */
export function optionsOfDials(settings) {
  const found = { size: whole("size", settings.size), color: settings.color };
  for (const name of settings.dial === "strength" ? ["strength"] : WEIGHTS) found[name] = settings[name];
  for (const name of WHOLE) if (settings[name] !== DEFAULTS[name]) found[name] = whole(name, settings[name]);
  if (settings.init !== DEFAULTS.init) found.init = settings.init;
  return found;
}

function whole(name, text) {
  if (/^\d+$/.test(text.trim())) return Number(text);
  throw new Error(`The ${optionName(name)} on the dials is no whole number.`);
}

/** The settings that show a preset's options; options without a dial are left out. */
export function settingsFor(options) {
  const found = {};
  if ("strength" in options) found.dial = "strength";
  else if (WEIGHTS.some((name) => name in options)) found.dial = "weights";
  for (const [name, value] of Object.entries(options)) {
    if (name in DEFAULTS) found[name] = typeof DEFAULTS[name] === "string" ? String(value) : value;
  }
  return found;
}

/** Whether the dials show a preset's options. */
export function areShown(options, settings) {
  return Object.entries(settingsFor(options)).every(([name, value]) => settings[name] === value);
}

/** Settings at their defaults, as options: those that a preset's own options would otherwise take the place of. */
export function saidAnyway(mix, settings) {
  const own = solePreset(mix)?.options ?? {};
  const found = {};
  for (const name of WHOLE) if (name in own && settings[name] === DEFAULTS[name]) found[name] = OPTION_DEFAULTS[name];
  if ("init" in own && settings.init === DEFAULTS.init) found.init = DEFAULTS.init;
  return found;
}

/** A preset's options in words: "strength 70 %, colours matched, 256 px". */
export function settingsInWords(options) {
  const said = {
    strength: (value) => `strength ${percent(value)}`,
    size: (value) => `${value} px`,
    color: (value) => COLOURS[value],
    init: (value) => FIRST[value],
  };
  const words = (name, value) => said[name]?.(value) ?? `${optionName(name)} ${typeof value === "number" ? number(value, 6) : plain(value)}`;
  const order = [...ORDER, ...Object.keys(options).filter((name) => !ORDER.includes(name))].filter((name) => name in options);
  return order.map((name) => words(name, options[name])).join(", ");
}
