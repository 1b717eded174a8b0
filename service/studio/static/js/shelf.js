// The shelf of presets: thumbnails that add a preset to the mix or remove it.
import { getJson } from "./api.js";
import { $, h, icon, show } from "./dom.js";
import { addStyle, draft, onDraft, removeStyle } from "./draft.js";
import { canPaint, learns, onPainters, setPainters } from "./painters.js";
import { patiently } from "./patience.js";
import { showNothing, showPicture } from "./pictures.js";
import { tellIn } from "./problems.js";

const PAGE = 200;

let presets = [];

/** The service's presets, as its API describes them. */
export function knownPresets() {
  return presets;
}

const NONE = "There are no presets yet. Add a picture whose look you like, and save it as one.";
const SOME = "Pick one or more, or add pictures of your own.";

export function fillShelf() {
  return fill().catch(tellIn($("shelf-hint")));
}

async function fill() {
  const found = [];
  let cursor = "";
  do {
    const page = await patiently(() => getJson(`/v1/styles?limit=${PAGE}${cursor && `&cursor=${cursor}`}`));
    found.push(...page.items);
    cursor = page.next;
  } while (cursor);
  presets = found;
  $("shelf").querySelectorAll("img").forEach(showNothing);
  $("shelf").replaceChildren(...presets.map(tile));
  show($("shelf"), presets.length > 0);
  $("shelf-hint").textContent = presets.length ? SOME : NONE;
  mark();
  setPainters(presets);
}

function tile(preset) {
  const image = h("img", { alt: "", width: 96, height: 96 });
  showPicture(image, preset.links.image).catch(() => image.classList.add("absent"));
  const title = preset.description ? `${preset.name}: ${preset.description}` : preset.name;
  const button = h(
    "button",
    { type: "button", class: "tile", title, data: { preset: preset.name }, onclick: () => toggle(preset.name) },
    image,
    h("span", {}, preset.name),
    h("span", { class: "badge", hidden: true }),
  );
  return h("li", {}, button);
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
  if (chosen) removeStyle(chosen.id);
  else addStyle({ preset: name });
}

function mark() {
  const chosen = new Set(draft.mix.map((style) => style.preset));
  for (const button of $("shelf").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(chosen.has(button.dataset.preset)));
  }
}

onDraft((what) => what === "mix" && mark());
onPainters(markPainters);
