// "Use these settings": a past transfer becomes the draft, with its pictures fetched from the service. Also for its code.
import { goToDraft } from "./address.js";
import { blendIn } from "./blend.js";
import { say } from "./dom.js";
import { bringBack, DEFAULTS, draft, isEmpty, MAX_STYLES, replaceDraft } from "./draft.js";
import { solePreset } from "./known.js";
import { partsOfEntry } from "./mix_pictures.js";
import { forgetOwnSettings } from "./own_settings.js";
import { Past } from "./past.js";
import { OPTION_DEFAULTS } from "./service.js";
import { offerUndo } from "./undo.js";
import { PLACES } from "./where.js";
import { count, DIAL, isUnusual, optionName, plain, variantLabels } from "./words.js";

const ELSEWHERE = ["content", "styles", "variants", "init", ...Object.keys(PLACES), ...Object.keys(DEFAULTS)];

export async function reuse(job) {
  const past = await draftOf(job);
  const former = isEmpty() ? null : { ...draft };
  forgetOwnSettings();
  replaceDraft(past);
  await goToDraft();
  const words = "The photograph, the mix and the settings are those of that picture.";
  if (former) offerUndo(words, () => bringBack(former));
  say([words, ...past.extras.map((extra) => extra.words)].join(" "));
}

/** The draft that makes a past transfer again: {content, mix, settings, extras}. */
export async function draftOf(job) {
  const past = await Past.of(job.id);
  const lost = []; // words for what can't be carried over
  const { width, height } = job.options.content; // a browser can't read every file that the API takes
  const content = { file: await past.file("content", "photograph"), width, height };
  const blend = blendIn(job.options, past);
  const mix = blend ? [] : await stylesOf(job.options.styles, "styles", past, lost);
  const extras = [...(await masks(job.options, past)), ...values(job.options, solePreset(mix)?.options ?? {}, lost)];
  if (blend) extras.push(blend);
  else if (job.options.variants.length) extras.push(await variants(job.options, past, lost));
  if (lost.length) extras.push({ words: `Not carried over: ${lost.join("; ")}.` });
  return { content, mix, settings: { ...DEFAULTS, ...settingsOf(job.options) }, extras };
}

/** A transfer's styles as entries of the mix. */
async function stylesOf(styles, loc, past, lost) {
  const found = (await Promise.all(styles.map((style, i) => entryOf(style, `${loc}.${i}`, past, lost)))).flat();
  if (found.length > MAX_STYLES) lost.push(`${found.length - MAX_STYLES} of ${found.length} style pictures, as ${MAX_STYLES} are taken`);
  return found.slice(0, MAX_STYLES);
}

/** Entries of the mix for a style: its preset if that is unchanged, else the pictures that were used, each with its share. */
async function entryOf(style, loc, past, lost) {
  const { preset, weight, scale } = style;
  const masks = {};
  for (const name of ["mask", "style_mask"]) if (style[name]) masks[name] = await past.file(`${loc}.${name}`, name);
  if (!preset) return [{ file: await past.file(`${loc}.image`, "style"), weight, scale, ...masks }];
  if (past.isUnchanged(preset, loc)) return [{ preset, weight, scale, ...masks }];
  const images = past.images(loc).filter((image) => image.weight > 0);
  if (!images.every(({ link }) => link)) {
    lost.push(`the style “${preset}”, which came as a pack and is another one now, or gone`);
    return [];
  }
  const parts = partsOfEntry(images, preset, style);
  return Promise.all(parts.map(async ({ image, name, ...share }) => ({ file: await past.fileOf(image, name), ...share, ...masks })));
}

/** The masks over the photograph, and an initial image, as extras. */
async function masks(options, past) {
  const found = [];
  for (const [name, { words }] of Object.entries(PLACES)) {
    if (options[name]) found.push({ name, words, value: await past.file(name, name) });
  }
  if (typeof options.init !== "string") {
    found.push({ name: "init", words: "First image: a picture of its own", value: await past.file("init", "first") });
  }
  return found;
}

/**
 * Options without a control, as extras if they differ from what the request would have without them: the defaults, or `own`,
 * those of its preset. Unknown options are added to `lost`.
 */
function values(options, own, lost) {
  const found = [];
  for (const [name, value] of Object.entries(options)) {
    const isOwn = name in own && plain(value) !== plain(own[name]);
    if (ELSEWHERE.includes(name) || (name === "tv_weight" && isOfStrength(options) && !isOwn)) continue;
    const words = `${optionName(name)}: ${plain(value)}`;
    if (!(name in OPTION_DEFAULTS)) {
      if (value) lost.push(words);
    } else if (isOwn || isUnusual(name, value)) found.push({ name, words, value });
  }
  return found;
}

/** Whether tv_weight is the one that the strength stands for. */
function isOfStrength({ strength, tv_weight: weight }) {
  if (strength == null) return false;
  return Math.abs(weight - OPTION_DEFAULTS.tv_weight * Math.min(2 * (1 - strength), 2 * strength)) < 1e-9;
}

async function variants(options, past, lost) {
  const value = await Promise.all(options.variants.map((own, i) => variant(own, i, options, past, lost)));
  return { name: "variants", words: `${count(value.length, "variant", "variants")}: ${variantLabels(options).join("; ")}`, value };
}

/** The fields that one variant sets itself, as in a request. */
async function variant(own, i, options, past, lost) {
  const loc = `variants.${i}`;
  const given = { ...own };
  if (own.styles) given.styles = (await stylesOf(own.styles, `${loc}.styles`, past, lost)).map(({ file, ...style }) => (file ? { image: file, ...style } : style));
  if (own.init && typeof own.init !== "string") given.init = await past.file(`${loc}.init`, "first");
  for (const name of Object.keys(PLACES)) if (own[name]) given[name] = await past.file(`${loc}.${name}`, name);
  if (own.strength === null) {
    delete given.strength;
    for (const name of DIAL) given[name] ??= options[name];
  } else if ("strength" in own) {
    for (const name of DIAL) if (name !== "tv_weight" || isOfStrength({ ...options, ...own })) delete given[name];
  }
  return given;
}

function settingsOf(options) {
  const settings = { dial: options.strength == null ? "weights" : "strength" };
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = options[name];
    if (value != null && value !== OPTION_DEFAULTS[name]) settings[name] = typeof usual === "string" ? String(value) : value;
  }
  if (typeof options.init !== "string") settings.init = DEFAULTS.init;
  return settings;
}
