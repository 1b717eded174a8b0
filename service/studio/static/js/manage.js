// "Presets": all of them with what they are made of; the person's own can be changed, deleted and taken along as packs.
import { deleteAt } from "./deleting.js";
import { $, h, icon, show } from "./dom.js";
import { addStyle, change, draft } from "./draft.js";
import { openEdit } from "./edit.js";
import { knownPresets, partsOf } from "./known.js";
import { offerBack } from "./lately.js";
import { downloadPack } from "./packs.js";
import { showNothing } from "./pictures.js";
import { settingsInWords } from "./preset_settings.js";
import { kindOf } from "./sharing.js";
import { fillShelf, mixOf, onPresets, pictureOf } from "./shelf.js";
import { stopFollowing } from "./teaching.js";

const KINDS = ["own", "shared", "built-in"];

function draw() {
  if (!$("manage-dialog").open) return;
  const focused = document.activeElement.closest?.("[data-manage]")?.dataset.manage;
  clear();
  for (const kind of KINDS) {
    const rows = knownPresets().filter((preset) => kindOf(preset) === kind).map(row);
    $(`manage-${kind}`).replaceChildren(...rows);
    show($(`manage-${kind}-title`), rows.length > 0);
  }
  show($("manage-none"), !$("manage-own").children.length);
  if (focused) focusRow(focused);
}

/** Gives the focus to the first button of a preset's row, which is drawn anew with each change. */
function focusRow(name) {
  ($("manage-dialog").querySelector(`[data-manage="${CSS.escape(name)}"] button`) ?? $("manage-close")).focus();
}

function clear() {
  for (const list of KINDS.map((kind) => $(`manage-${kind}`))) {
    list.querySelectorAll("img").forEach(showNothing);
    list.replaceChildren();
  }
}

function row(preset) {
  const { name } = preset;
  const parts = partsOf(preset).map(({ words }) => words);
  const settings = settingsInWords(preset.options);
  const bar = h("div", { class: "sending", hidden: true });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const pack = button("down", "Pack", `Download ${name} as a pack`, (self) => once(self, problem, () => downloadPack(name, bar)));
  const own = kindOf(preset) !== "own" ? [] : [button("brush", "Edit", `Edit ${name}`, () => openEdit(preset, focusRow)), pack, button("bin", "Delete", `Delete ${name}`, (self) => askFirst(self, preset, problem))];
  return h(
    "li",
    { class: "managed", data: { manage: name } },
    pictureOf(preset),
    h(
      "div",
      { class: "about" },
      h("strong", {}, name),
      preset.description ? h("p", { class: "hint" }, preset.description) : null,
      mixOf(preset),
      parts.length ? h("p", { class: "hint" }, `A mix: ${parts.join(", ")}`) : null,
      settings ? h("p", { class: "hint" }, `Settings: ${settings}`) : null,
    ),
    h("div", { class: "row" }, own.length ? own : pack),
    bar,
    problem,
  );
}

function button(symbol, words, label, press) {
  const self = h("button", { type: "button", class: "small", "aria-label": label, onclick: () => press(self) }, icon(symbol), words);
  return self;
}

/** Does something once at a time, and says why it could not be done. */
async function once(self, problem, action) {
  if (self.getAttribute("aria-disabled") === "true") return;
  self.setAttribute("aria-disabled", "true");
  show(problem, false);
  try {
    await action();
  } catch (error) {
    problem.textContent = error.message;
    show(problem, true);
  } finally {
    self.removeAttribute("aria-disabled");
  }
}

/** Asks in the row itself whether a preset is to be deleted. */
function askFirst(self, preset, problem) {
  const buttons = self.parentElement;
  const keep = h("button", { type: "button", class: "small", onclick: () => back() }, "Keep it");
  const yes = h("button", { type: "button", class: "small danger", "aria-label": `Yes, delete ${preset.name}`, onclick: () => once(yes, problem, () => remove(preset)) }, "Delete");
  const question = h("div", { class: "row sure" }, h("p", {}, "Delete it? Paintings stay."), keep, yes);
  const back = () => {
    question.replaceWith(buttons);
    self.focus();
  };
  buttons.replaceWith(question);
  keep.focus();
}

async function remove(gone) {
  const { name } = gone;
  stopFollowing(name);
  await deleteAt(`v1/styles/${name}`);
  await fillShelf(); // first: what hears of the mix may ask for a preset that is in it
  const taken = draft.mix.filter(({ preset }) => preset === name);
  if (taken.length) change("mix", draft.mix.filter((style) => !taken.includes(style)));
  $("manage-close").focus();
  offerBack(`${name} is deleted.`, gone, () => {
    taken.forEach(addStyle);
    focusRow(name);
  });
}

export function setUpManaging() {
  $("manage-presets").addEventListener("click", () => {
    $("manage-dialog").showModal();
    draw();
  });
  $("manage-dialog").addEventListener("close", clear);
  onPresets(draw);
}
