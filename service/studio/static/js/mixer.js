// The mix: the share of each style, and the scale of its strokes.
import { $, h, icon, show } from "./dom.js";
import { changeStyle, draft, onDraft, removeStyle, shares } from "./draft.js";
import { showBlob, showNothing, showPicture } from "./pictures.js";
import { clearProblemOf } from "./problems.js";
import { number, percent } from "./words.js";

const MASKS = { mask: "Mask over the photograph", style_mask: "Mask over its picture" };

const rows = new Map(); // a style's id -> its row

export function nameOf(style) {
  return style.preset ?? style.file.name;
}

function draw() {
  const { mix } = draft;
  for (const [id, row] of rows) {
    if (mix.some((style) => style.id === id)) continue;
    showNothing(row.querySelector("img"));
    row.remove();
    rows.delete(id);
  }
  const parts = shares(mix);
  mix.forEach((style, i) => {
    if (!rows.has(style.id)) rows.set(style.id, makeRow(style));
    const row = rows.get(style.id);
    if ($("mix").children[i] !== row) $("mix").insertBefore(row, $("mix").children[i] ?? null);
    update(row, style, parts[i], i);
  });
  show($("mix-title"), mix.length > 0);
  show($("save-mix"), mix.length > 0);
  if (mix.length) clearProblemOf(document, "styles");
}

function makeRow(style) {
  const name = nameOf(style);
  const image = h("img", { alt: "", width: 48, height: 48 });
  if (style.file) showBlob(image, style.file).catch(() => {});
  else showPicture(image, `/v1/styles/${style.preset}/image`).catch(() => image.classList.add("absent"));
  const remove = () => {
    removeStyle(style.id);
    ($("mix").querySelector("button") ?? $("add-style")).focus();
  };
  return h(
    "li",
    { class: "field" },
    image,
    h("strong", { title: name }, name),
    h("button", { type: "button", class: "icon", "aria-label": `Remove ${name}`, onclick: remove }, icon("x")),
    Object.entries(MASKS).map(([field, words]) => style[field] && maskOf(style.id, field, name, words)),
    slider(style.id, "weight", "Share", { min: 0, max: 1, step: 0.01 }, (value) => value),
    slider(style.id, "scale", "Scale", { min: -2, max: 1, step: 0.1 }, (value) => Number((2 ** value).toPrecision(3))),
    h("p", { class: "problem", hidden: true }),
  );
}

/** A button that says that the style has a mask, and removes the mask. */
function maskOf(id, field, name, words) {
  const button = h("button", { type: "button", class: "small mask", "aria-label": `${words}: take it from ${name}` }, words, icon("x"));
  button.addEventListener("click", () => {
    changeStyle(id, { [field]: undefined });
    button.closest("li").querySelector("button").focus();
    button.remove();
  });
  return button;
}

function slider(id, field, label, range, valueOf) {
  const control = `${field}-${id}`;
  const input = h("input", { type: "range", id: control, ...range, data: { field } });
  input.addEventListener("input", () => {
    clearProblemOf(document, input.closest("li").dataset.loc);
    changeStyle(id, { [field]: valueOf(Number(input.value)) });
  });
  return h("div", { class: "slider" }, h("label", { for: control }, label), input, h("output", { for: control }));
}

function update(row, style, share, i) {
  row.dataset.loc = `styles.${i}`;
  const name = nameOf(style);
  put(row, "weight", style.weight, percent(share), `${name}: share`);
  put(row, "scale", Math.log2(style.scale), `${number(style.scale)} ×`, `${name}: scale of its strokes`);
}

function put(row, field, value, words, label) {
  const input = row.querySelector(`[data-field=${field}]`);
  if (document.activeElement !== input) input.value = value;
  input.setAttribute("aria-label", label);
  input.setAttribute("aria-valuetext", words);
  input.nextElementSibling.textContent = words;
}

onDraft((what) => what === "mix" && draw());
