// The shelf of presets, the person's own apart from those that are shared and those of the service: tiles that add a preset to the mix or remove it.
import { getJson } from "./api.js";
import { $, h, icon, show } from "./dom.js";
import { addStyle, draft, onDraft, removeStyle } from "./draft.js";
import { knownPresets, partsOf, setKnownPresets } from "./known.js";
import { drawOwnSettings, takeSettings } from "./own_settings.js";
import { canPaint, learns, onPainters, setPainters } from "./painters.js";
import { patiently } from "./patience.js";
import { showNothing, showPicture } from "./pictures.js";
import { settingsInWords } from "./preset_settings.js";
import { tellIn } from "./problems.js";
import { askWhose, kindOf } from "./sharing.js";

export { knownPresets };

const PAGE = 200;
const NONE = "There are no presets yet. Add a picture whose look you like, and save it as one.";
const SOME = "Pick one or more, or add pictures of your own.";
const GROUPS = { own: "Yours", shared: "Shared", "built-in": "Built in" };

const listeners = new Set();

export function onPresets(listener) {
  listeners.add(listener);
}

export function fillShelf(signal) {
  return fill(signal).catch(tellIn($("shelf-hint")));
}

/** Loads the presets again if one of them may have got its first picture. */
export function showSamples() {
  if (knownPresets().some(({ links }) => !links.painted)) fillShelf();
}

async function fill(signal) {
  const found = [];
  let cursor = "";
  do {
    const page = await patiently(() => getJson(`v1/styles?limit=${PAGE}${cursor && `&cursor=${cursor}`}`, signal), signal);
    found.push(...page.items);
    cursor = page.next;
  } while (cursor);
  await askWhose(found, signal);
  setKnownPresets(found);
  const focused = document.activeElement.closest?.("[data-preset]")?.dataset.preset;
  $("shelf").querySelectorAll("img").forEach(showNothing);
  $("shelf").replaceChildren(...Object.entries(GROUPS).flatMap(([kind, title]) => group(title, found.filter((one) => kindOf(one) === kind), `shelf-${kind}`)));
  show($("shelf"), found.length > 0);
  $("shelf-hint").textContent = found.length ? SOME : NONE;
  mark();
  if (focused) $("shelf").querySelector(`[data-preset="${CSS.escape(focused)}"]`)?.focus();
  setPainters(found);
  drawOwnSettings();
  for (const listener of listeners) listener();
}

function group(title, presets, id) {
  if (!presets.length) return [];
  return [h("h3", { id }, title), h("ul", { class: "shelf", "aria-labelledby": id }, presets.map(tile))];
}

function tile(preset) {
  const button = h(
    "button",
    { type: "button", class: "tile", title: titleOf(preset), data: { preset: preset.name }, onclick: () => toggle(preset.name) },
    pictureOf(preset),
    h("span", {}, preset.name),
    mixOf(preset, " is a mix"),
    h("span", { class: "badge", hidden: true }),
  );
  return h("li", {}, button);
}

function titleOf(preset) {
  const parts = partsOf(preset).map(({ words }) => words);
  const settings = settingsInWords(preset.options);
  const said = [preset.description, parts.length && `A mix: ${parts.join(", ")}`, settings && `Settings: ${settings}`];
  return [preset.name, said.filter(Boolean).join(". ")].filter(Boolean).join(": ");
}

/** A photograph painted in a preset, or until there is one the picture of its style. */
export function pictureOf({ links }) {
  const image = h("img", { alt: "", width: 96, height: 96 });
  const fail = () => image.classList.add("absent");
  showPicture(image, links.painted ?? links.image).catch(() => showPicture(image, links.image).catch(fail));
  return image;
}

/** A bar with the shares of a mix, and `words` for those who can't see it; nothing for a preset of one picture. */
export function mixOf(preset, words = "") {
  const parts = partsOf(preset);
  if (!parts.length) return null;
  const bars = parts.map(({ share }) => {
    const bar = h("i", {});
    bar.style.flexGrow = String(share);
    return bar;
  });
  return h("span", { class: "shares" }, h("span", { class: "hidden-words" }, words), bars);
}

/** Marks the presets that paint at once, and those that learn it. */
function markPainters() {
  for (const button of $("shelf").querySelectorAll("button")) {
    const { preset } = button.dataset;
    const words = learns(preset) ? "learns" : canPaint(preset) ? "paints at once" : "";
    const badge = button.querySelector(".badge");
    if (badge.title === words) continue;
    badge.title = words;
    badge.replaceChildren(learns(preset) ? "learns" : icon("spark"), h("span", { class: "hidden-words" }, canPaint(preset) ? "paints at once" : ""));
    show(badge, Boolean(words));
  }
}

function toggle(name) {
  const chosen = draft.mix.find((style) => style.preset === name);
  if (chosen) return removeStyle(chosen.id);
  addStyle({ preset: name });
  takeSettings();
}

function mark() {
  const chosen = new Set(draft.mix.map((style) => style.preset));
  for (const button of $("shelf").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(chosen.has(button.dataset.preset)));
  }
}

onDraft((what) => what === "mix" && mark());
onPainters(markPainters);
