// "Use these settings": a past transfer becomes the draft, its pictures fetched back from the service.
import { goToDraft } from "./address.js";
import { say } from "./dom.js";
import { DEFAULTS, replaceDraft } from "./draft.js";
import { fetchFile, sizeOf } from "./pictures.js";
import { knownPresets } from "./shelf.js";

export async function reuse(job) {
  const here = `/v1/transfers/${job.id}`;
  const content = await fetchFile(`${here}/content`, "photograph");
  const mix = await Promise.all(job.options.styles.map((style, i) => source(style, `${here}/styles/${i}`, i)));
  replaceDraft({ content: { file: content, ...(await sizeOf(content)) }, mix, settings: settingsOf(job.options) });
  await goToDraft();
  say("The photograph, the mix and the settings are those of that picture.");
}

/** A preset if it is still there, else its picture. */
async function source({ preset, weight, scale }, path, i) {
  const known = preset && knownPresets().some(({ name }) => name === preset);
  return { weight, scale, ...(known ? { preset } : { file: await fetchFile(path, preset ?? `style-${i + 1}`) }) };
}

function settingsOf(options) {
  const settings = { dial: options.strength == null ? "weights" : "strength" };
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = options[name];
    if (value != null) settings[name] = typeof usual === "string" ? String(value) : value;
  }
  if (typeof options.init !== "string") settings.init = DEFAULTS.init; // an image of its own, which isn't given out
  return settings;
}
