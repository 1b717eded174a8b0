// Numbers and jobs in words.
import { stem } from "./names.js";
import { OPTION_DEFAULTS } from "./service.js";

const UNITS = [[60, "s"], [60, "min"], [24, "h"]];

/** Seconds as "40 s", "3 min", "2 h". */
export function duration(seconds) {
  let value = Math.max(1, seconds);
  for (const [of, unit] of UNITS) {
    if (value < of || unit === "h") return `${value < 10 && unit !== "s" ? number(value, 2) : Math.round(value)} ${unit}`;
    value /= of;
  }
  return "";
}

/** Seconds as "0.3 s"; from ten on as `duration`. */
export function briefly(seconds) {
  return seconds < 9.95 ? `${Math.max(0.1, seconds).toFixed(1)} s` : duration(seconds);
}

/** Names as "waves", "waves and mosaic", "waves, mosaic and ink". */
export function listed(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : (names[0] ?? "");
}

export function bytes(count) {
  return count < 1e6 ? `${Math.max(1, Math.round(count / 1e3))} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** The significant digits of a number, without trailing zeros; null (a loss that wasn't finite) stays null. */
export function number(value, digits = 3) {
  return value === null ? null : String(Number(value.toPrecision(digits)));
}

export function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

/** What a style of a job is called: its preset, or its picture's file without the ending. */
export function styleName({ preset, image }) {
  return preset ?? (image?.name ? stem(image.name) : "own picture");
}

/** The names of a job's styles; for a job with variants, those of all variants. */
export function stylesOf({ styles, variants = [] }) {
  const all = variants.length ? variants.flatMap((own) => own.styles ?? styles) : styles;
  const named = all.map(styleName);
  const names = variants.length ? [...new Set(named)] : named;
  const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names;
  return shown.join(" + ") || "several styles";
}

/** A value of an option in words. */
export function plain(value) {
  if (value === null || typeof value !== "object") return String(value);
  if (value.sha256) return "own picture";
  return Object.entries(value).sort().map(([name, one]) => `${name} ${one}`).join(", ");
}

/** An option's name with spaces. */
export function optionName(name) {
  return name.replaceAll("_", " ");
}

/** Whether an option differs from its default. */
export function isUnusual(name, value) {
  return value != null && plain(value) !== plain(OPTION_DEFAULTS[name]);
}

export const DIAL = ["content_weight", "style_weight", "tv_weight"]; // the weights that a strength stands for

/** A label for each picture of a transfer with variants: the options in which it differs. */
export function variantLabels({ variants, ...base }) {
  const all = new Set(variants.flatMap(Object.keys).filter((name, _, names) => !(names.includes("strength") && DIAL.includes(name))));
  const usual = all.size === 1 ? [...all] : []; // if they differ in one option only, a variant without it says it too
  return variants.map((own) => labelOf(Object.keys(own).length ? Object.keys(own) : usual, { ...base, ...own }));
}

function labelOf(names, options) {
  const telling = names.filter((name) => options[name] != null && !(options.strength != null && DIAL.includes(name)));
  return telling.map((name) => (name === "styles" ? sharesOf(options.styles) : wordsOf(name, options[name]))).join(", ") || "as it is";
}

function wordsOf(name, value) {
  if (name === "strength") return `strength ${percent(value)}`;
  return `${optionName(name)} ${typeof value === "number" ? number(value) : plain(value)}`;
}

function sharesOf(styles) {
  const all = styles.reduce((sum, { weight }) => sum + weight, 0);
  const share = ({ mask, weight }) => (mask ? "masked" : percent(weight / all));
  const names = styles.map((style) => (styles.length > 1 ? `${share(style)} ` : "") + styleName(style));
  return names.join(" + ");
}

const ENDING = { succeeded: "painted in", failed: "failed after", canceled: "canceled after" };

/** How long an ended job took, with its time in the queue separate from its time with a worker. */
export function took({ status, started_at: started, timings: { queued_s: queued, total_s: total } }) {
  if (total == null || !(status in ENDING)) return "";
  if (!started) return `${status} after waiting for ${duration(total)}`;
  const waited = queued >= 1 ? `waited ${duration(queued)}, ` : "";
  return `${waited}${ENDING[status]} ${duration(total - queued)}`;
}

/** Media types of pictures as people call them: "PNG, JPEG or BMP". */
export function formatsOf(types) {
  const names = types.map((type) => type.split("/")[1].toUpperCase().replace("WEBP", "WebP"));
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names[0];
}

export const STATUS = {
  queued: "Waiting",
  running: "Painting",
  succeeded: "Done",
  failed: "Failed",
  canceled: "Canceled",
};

/** A time in words: "just now", "5 min ago", or the day. */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 86_400) return `${duration(seconds).replace(/\.\d/, "")} ago`;
  return new Date(iso).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}
