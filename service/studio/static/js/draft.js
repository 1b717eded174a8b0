// What the person has put together so far: a photograph, a mix of styles, settings. Kept in the browser over a reload.
import { $, show } from "./dom.js";
import { load, save } from "./store.js";

export const DEFAULTS = Object.freeze({
  dial: "strength",
  strength: 0.5,
  content_weight: 0.15,
  style_weight: 1,
  size: "512",
  color: "style",
  iterations: "",
  init: "content",
  seed: "0",
  format: "png",
  quality: "90",
  series: "one",
});
export const MAX_STYLES = 16;

/**
 * content: {file, width, height} or null; mix: [{id, preset | file, weight, scale, mask?, style_mask?}], masks being Files;
 * extras: [{name, words, value}], fields of the request that have no control; those without a name are only words;
 * edited: {name, description, options, pictures, before} or null, the preset whose pictures are in the mix to be changed, their
 * ids, and the mix that made room for them; unfinished: parts of the draft, {mix} or {extras}, with what is being painted now: only
 * a reload, which ends that, makes them the draft's; fetched: whether pictures of the service are, or were, in it.
 */
export const draft = { content: null, mix: [], settings: { ...DEFAULTS }, extras: [], edited: null, unfinished: null, fetched: false };

const listeners = new Set();
let saving = null; // the write that is under way
let unsaved = false;
let nextId = 1;

export function onDraft(listener) {
  listeners.add(listener);
}

/** What an entry of the mix is called. */
export function nameOf({ preset, file }) {
  return preset ?? file.name;
}

/** Changes the draft; `what` is content, mix, settings, extras, edited or fetched. */
export function change(what, value) {
  draft[what] = value;
  for (const listener of listeners) listener(what);
  keep();
}

export function setUnfinished(parts) {
  draft.unfinished = parts;
  keep();
}

function keep() {
  if (isEmpty() && !draft.edited) draft.fetched = false;
  unsaved = true;
  saving ??= saveAll().finally(() => (saving = null));
}

/** One write at a time, and one more if something changed meanwhile. Says where the browser doesn't keep it. */
async function saveAll() {
  const { dataset } = document.documentElement;
  dataset.draft = "changed";
  let lost = false;
  while (unsaved) {
    unsaved = false;
    lost = await save(draft).then(() => false, () => true);
  }
  dataset.draft = lost ? "lost" : "saved";
  show($("unkept"), lost);
}

export function setSettings(some) {
  change("settings", { ...draft.settings, ...some });
}

/** Adds an entry to the mix; `source` is {preset} or {file}, with other fields of the entry if wanted. */
export function addStyle(source) {
  const style = { id: nextId++, weight: usualWeight(), scale: 1, ...source };
  if (draft.mix.length < MAX_STYLES) change("mix", [...draft.mix, style]);
}

/** Puts other entries into the mix, instead of what is there. */
export function replaceMix(styles) {
  change("mix", styles.slice(0, MAX_STYLES).map((style) => ({ weight: 1, scale: 1, ...style, id: nextId++ })));
}

/** The weight that gives one more style its fair share. */
function usualWeight() {
  const others = draft.mix.filter(({ mask }) => !mask);
  return others.reduce((sum, { weight }) => sum + weight, 0) / others.length || 1;
}

export function changeStyle(id, some) {
  change("mix", withStyle(id, some));
}

/** The mix with some fields of a style changed. */
export function withStyle(id, some) {
  return weighed(draft.mix.map((style) => (style.id === id ? { ...style, ...some } : style)));
}

export function removeStyle(id) {
  change("mix", weighed(draft.mix.filter((style) => style.id !== id)));
}

/** The mix without an average whose weights are all 0: who is alone in it has no slider to raise it again. */
function weighed(mix) {
  const whole = ({ mask }) => mix.reduce((sum, other) => sum + (other.mask === mask ? other.weight : 0), 0);
  return mix.map((style) => (whole(style) ? style : { ...style, weight: 1 }));
}

export function removeExtra(extra) {
  change("extras", draft.extras.filter((one) => one !== extra));
}

/** Whether the styles come from elsewhere than the mix: a blend, or variants that each have their own. */
export function hasOwnStyles(extras) {
  return extras.some(({ name, value }) => name === "blend" || (name === "variants" && value.every(({ styles }) => styles?.length)));
}

/** Each style's share in the average, among those with the same mask. */
export function shares(mix) {
  return mix.map(({ mask, weight }) => {
    const all = mix.reduce((sum, other) => sum + (other.mask === mask ? other.weight : 0), 0);
    return all ? weight / all : 0;
  });
}

/** Brings back the draft from before the reload. */
export async function restore() {
  const found = await load().catch(() => null); // where nothing can be read, nothing can be kept: that is said then
  if (!found) return;
  const kept = { ...found, ...found.unfinished };
  nextId = 1 + Math.max(0, ...[...kept.mix, ...(kept.edited?.before ?? [])].map((style) => style.id));
  const { content, mix, settings, extras = [], edited = null, fetched = true } = kept;
  bringBack({ content, mix, settings: { ...DEFAULTS, ...settings }, extras, edited, fetched });
}

/** Keeps the draft for another key, where all of it is the person's own; false where the browser can't keep it. */
export async function takeAlong(mark) {
  if (isEmpty() || draft.fetched) return true;
  return save(draft, mark).then(() => true, () => false);
}

/** Makes a former draft, {...draft} at that time, the draft again. */
export function bringBack(former) {
  for (const [what, value] of Object.entries(former)) change(what, value);
}

/** Whether nothing has been put together yet. */
export function isEmpty() {
  return !draft.content && !draft.mix.length && !draft.extras.length;
}

/** Replaces the draft by a past one, whose pictures come from the service. */
export function replaceDraft({ content, mix, settings, extras }) {
  change("edited", null);
  change("content", content);
  replaceMix(mix);
  change("settings", { ...DEFAULTS, ...settings });
  change("extras", extras);
  change("fetched", true);
}
