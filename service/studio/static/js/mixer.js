// The mix: the share of each style, and the scale of its strokes.
import { balanced, isAlone, sharesInPercent } from "./balance.js";
import { $, h, icon, show } from "./dom.js";
import { change, changeStyle, draft, nameOf, onDraft, removeStyle } from "./draft.js";
import { showBlob, showNothing, showPicture } from "./pictures.js";
import { showMasks } from "./mix_masks.js";
import { clearProblemOf } from "./problems.js";
import { number } from "./words.js";

const rows = new Map(); // a style's id -> its row

function draw() {
  const { mix } = draft;
  for (const [id, row] of rows) {
    if (mix.some((style) => style.id === id)) continue;
    showNothing(row.querySelector("img"));
    row.remove();
    rows.delete(id);
  }
  const parts = sharesInPercent(mix);
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
  else showPicture(image, `v1/styles/${style.preset}/image`).catch(() => image.classList.add("absent"));
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
    h("div", { class: "mask-row" }),
    shareOf(style.id),
    slider(style.id, "scale", "Scale", { min: -2, max: 1, step: 0.1 }, (value) =>
      changeStyle(style.id, { scale: Number((2 ** value).toPrecision(3)) }),
    ),
    h("p", { class: "problem", hidden: true }),
  );
}

/** The slider of a style's share; those of the others give way. */
function shareOf(id) {
  let before = null; // the mix when the slider was taken up
  const row = slider(id, "weight", "Share", { min: 0, max: 1, step: 0.01 }, (share) => {
    before ??= draft.mix;
    change("mix", balanced(draft.mix, id, share, before));
  });
  row.addEventListener("change", () => (before = null));
  return row;
}

function slider(id, field, label, range, take) {
  const control = `${field}-${id}`;
  const input = h("input", { type: "range", id: control, ...range, data: { field } });
  input.addEventListener("input", () => {
    clearProblemOf(document, input.closest("li").dataset.loc);
    take(Number(input.value));
  });
  return h("div", { class: "slider" }, h("label", { for: control }, label), input, h("output", { for: control }));
}

function update(row, style, share, i) {
  row.dataset.loc = `styles.${i}`;
  const name = nameOf(style);
  put(row, "weight", share / 100, `${share} %`, `${name}: share`);
  showMasks(row.querySelector(".mask-row"), style, name);
  show(row.querySelector("[data-field=weight]").parentElement, !isAlone(draft.mix, style));
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
