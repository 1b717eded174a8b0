// Which transfers the gallery shows: those in a style, or whose words hold what is typed.
import { $, h } from "./dom.js";
import { knownPresets } from "./shelf.js";
import { STATUS } from "./words.js";

const NAMED = ["preset", "name", "filename"]; // fields of the options that name things
const PAUSE_MS = 250; // after the last key

const seen = new Set(); // names of styles

export function isFiltering() {
  return Boolean($("gallery-search").value.trim() || $("gallery-style").value);
}

export function isWanted(job) {
  const style = $("gallery-style").value;
  if (style && !presetsIn(job).includes(style)) return false;
  const text = textOf(job);
  return $("gallery-search").value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function presetsIn({ options }) {
  const all = [options.styles, ...options.variants.map(({ styles }) => styles ?? [])].flat();
  return all.map(({ preset }) => preset).filter(Boolean);
}

/** All that can be searched for: names, the day, the size, how it ended, the id. */
function textOf(job) {
  const { id, options, status, created_at: made } = job;
  const day = new Date(made).toLocaleDateString(undefined, { dateStyle: "long" });
  return [...namesIn(options), day, made.slice(0, 10), `${options.size} px`, options.format, STATUS[status], id].join(" ").toLowerCase();
}

function namesIn(value, name = "") {
  if (typeof value === "string") return NAMED.includes(name) ? [value] : [];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, one]) => namesIn(one, Array.isArray(value) ? name : key));
}

/** Offers the styles of presets and of transfers in the list of styles. */
export function offerStyles(jobs) {
  for (const name of [...knownPresets().map((preset) => preset.name), ...jobs.flatMap(presetsIn)]) seen.add(name);
  const select = $("gallery-style");
  if (select.options.length === seen.size + 1) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...[...seen].sort().map((name) => h("option", { value: name }, name)));
  select.value = chosen;
}

/** Calls `search` when the person wants to see others. */
export function setUpFilter(search) {
  let waiting;
  $("gallery-search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, PAUSE_MS);
  });
  $("gallery-style").addEventListener("change", search);
  $("gallery-tools").addEventListener("submit", (event) => event.preventDefault());
}
