// A transfer's facts in words: in one line, and as a list of options and figures.
import { h } from "./dom.js";
import { OPTION_DEFAULTS } from "./service.js";
import { ago, count, duration, isUnusual, number, optionName, percent, plain, styleName, took } from "./words.js";

const SAID = ["size", "strength", "content_weight", "style_weight", "color", "iterations"]; // options with words of their own

/** A transfer's size, time and age in one line. */
export function factsOf(job) {
  const { options, result } = job;
  const size = result ? `${result.width} × ${result.height}` : `${options.size} px`;
  const several = options.variants.length > 1 && count(options.variants.length, "picture", "pictures");
  return [size, several, took(job), ago(job.finished_at ?? job.created_at)].filter(Boolean).join(" · ");
}

/** Options and figures of a picture as entries of a <dl>: `result` is its own, or null. */
export function details(job, options, result) {
  const { style_cache: cache, engine } = job;
  const strength = options.strength == null ? null : percent(options.strength);
  const facts = {
    Styles: options.styles.map(styleInWords).join(", "),
    Strength: strength,
    "Content weight": number(options.content_weight),
    "Style weight": number(options.style_weight),
    Colour: { style: "the style’s", match: "matched to the photograph", luminance: "the photograph’s" }[options.color],
    Iterations: result ? `${result.iterations} of ${options.iterations}` : options.iterations,
    "Content loss": result && lossOf(result, "content"),
    "Style loss": result && lossOf(result, "style"),
    ...timesOf(job),
    "Style cache": cache,
    Computed: engine && `${engine.device}, ${engine.precision}`,
  };
  const others = Object.keys(OPTION_DEFAULTS).filter((name) => !SAID.includes(name) && isUnusual(name, options[name]));
  for (const name of others) facts[optionName(name)] = plain(options[name]);
  for (const name of ["protect", "strength_map"]) if (options[name]) facts[optionName(name)] = "a mask";
  return Object.entries(facts)
    .filter(([, value]) => value != null)
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))));
}

/** What an ended transfer took: the wait for a worker apart from the painting of all its pictures. */
function timesOf({ status, timings: { queued_s: waited, total_s: total } }) {
  if (status !== "succeeded" || total == null) return {};
  return { Waited: waited >= 1 ? duration(waited) : "not at all", "Painted in": duration(total - waited) };
}

/** One of a picture's losses in words; those of a painter's picture come some seconds after it. */
function lossOf({ losses }, term) {
  return losses ? number(losses[term]) : "not measured yet";
}

function styleInWords(style) {
  const { weight, scale, mask, style_mask: part } = style;
  const masked = mask || part ? ", masked" : "";
  return `${styleName(style)} (weight ${number(weight)}, scale ${number(scale)}${masked})`;
}
