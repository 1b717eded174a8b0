// "Save this mix as a preset": its pictures, each with the share that it has in the mix, and if wanted the dials' settings.
import { form, Problem } from "./api.js";
import { $, ask, say, show, untilClosed } from "./dom.js";
import { change, draft, nameOf, onDraft, replaceMix } from "./draft.js";
import { presetNamed } from "./known.js";
import { offerBack } from "./lately.js";
import { picturesOf, picturesOfStyle } from "./mix_pictures.js";
import { ALLOWED, isName, slug, whyNoName } from "./names.js";
import { optionsOfDials, settingsInWords } from "./preset_settings.js";
import { clearProblems, showProblem, showProblems } from "./problems.js";
import { newcomer, replace } from "./replacing.js";
import { Bar } from "./sending.js";
import { kindOf, SHARED } from "./sharing.js";
import { fillShelf } from "./shelf.js";

const root = $("preset-form");
const BUILT_IN = "That is a preset of the service, which stays as it is: choose another name";
const TAKEN = { own: "There is one of that name: saving replaces it, and its painter goes with it.", shared: SHARED, "built-in": `${BUILT_IN}.` };
const ELSEWHERE = "It was saved elsewhere meanwhile. Press again, and what is there now is replaced.";

let hinted; // the preset of that name, which the person was told of
let replaced = null; // what the last save replaced, {name, version}

const bar = new Bar($("preset-sending"), "How much of the pictures has been sent");

/** Puts a preset's pictures into the mix, with the masks that it has there, to be saved under its name again. The mix before comes back then. */
export async function editPictures({ name, description, options }, signal) {
  const pictures = await picturesOfStyle({ preset: name, weight: 1, scale: 1 }, signal);
  const most = Math.max(...pictures.map(({ weight }) => weight));
  const before = draft.edited ? draft.edited.before : draft.mix;
  const { mask, style_mask } = before.find(({ preset }) => preset === name) ?? {};
  change("edited", null);
  replaceMix(pictures.map(({ weight, ...picture }) => ({ ...picture, weight: weight / most, mask, style_mask })));
  change("edited", { name, description, options, pictures: draft.mix.map(({ id }) => id), before });
  change("fetched", true);
  say(`The pictures of ${name} are in your mix. Change them, and save the mix again.`);
}

/** Ends the editing of a preset's pictures where none of them is in the mix any more, and nothing waits to come back. */
function followMix() {
  const { mix, edited } = draft;
  const goesOn = edited && (edited.before.length > 0 || mix.some(({ id }) => edited.pictures.includes(id)));
  if (edited && !goesOn) change("edited", null);
}

function label() {
  const { edited } = draft;
  $("save-mix-label").textContent = edited ? `Save the changes of ${edited.name}` : "Save this mix as a preset";
  show($("mix-back"), Boolean(edited?.before.length));
}

/** Puts the mix back that made room for a preset's pictures; `now` is what that preset's entry has now. */
function mixBack(now = {}) {
  const { name, before } = draft.edited;
  change("edited", null);
  replaceMix(before.map((style) => (style.preset === name ? { ...style, ...now } : style)));
}

/** Saves the mix. Who closes the dialog meanwhile wants it no more: the requests end, and a dialog that is opened later stays open. */
async function save() {
  clearProblems(root);
  tell("");
  const name = $("preset-name").value.trim();
  if (!name) return showProblem(root, "name", "Give it a name");
  if (!isName(name)) {
    $("preset-name").value = slug(name);
    hint();
    return showProblem(root, "name", whyNoName(name));
  }
  if (presetNamed(name)?.built_in) return showProblem(root, "name", BUILT_IN);
  const signal = untilClosed($("preset-dialog"));
  $("preset-save").disabled = true;
  try {
    if (await newcomer(name, hinted, signal)) {
      hint();
      return tell(ELSEWHERE);
    }
    replaced = await put(name, await picturesOf(draft.mix, signal), signal);
    $("preset-dialog").close(name);
  } catch (error) {
    if (signal.aborted) fillShelf(); // what had arrived whole is saved all the same
    else tell(error instanceof Problem ? showProblems(root, error.problem).join(" ") : error.message);
  } finally {
    bar.end();
    $("preset-save").disabled = false;
  }
}

function put(name, pictures, signal) {
  const images = pictures.map(({ weight, scale }, i) => ({ image: `file:image${i}`, weight, scale }));
  const files = pictures.map(({ file }, i) => [`image${i}`, file]);
  const options = $("preset-with-settings").checked ? settingsToKeep() : {};
  const body = form({ images, description: $("preset-description").value, options }, files);
  return replace(name, `v1/styles/${name}`, { body, onSent: bar.sent() }, signal);
}

function tell(words) {
  $("preset-problem").textContent = words;
  show($("preset-problem"), Boolean(words));
}

function hint() {
  const known = presetNamed($("preset-name").value.trim());
  hinted = known;
  const kind = kindOf(known);
  $("preset-hint").textContent = TAKEN[kind] ?? ALLOWED;
  $("preset-hint").classList.toggle("warning", Boolean(known));
  $("preset-save").textContent = kind === "own" ? "Replace it" : "Save";
}

/** The settings that the preset may keep: those that it has already, or those of the dials. */
function settingsToKeep() {
  return hasSettings() ? draft.edited.options : optionsOfDials(draft.settings);
}

function hasSettings() {
  return Object.keys(draft.edited?.options ?? {}).length > 0;
}

function offerSettings() {
  try {
    $("preset-settings-words").textContent = `Keep ${hasSettings() ? "its settings" : "these settings with it"}: ${settingsInWords(settingsToKeep())}`;
    $("preset-with-settings").disabled = false;
  } catch (error) {
    $("preset-settings-words").textContent = error.message;
    $("preset-with-settings").disabled = true;
  }
  $("preset-with-settings").checked = hasSettings();
}

function hasMasks(mix) {
  return mix.some(({ mask, style_mask: own }) => mask || own);
}

async function open() {
  clearProblems(root);
  tell("");
  $("preset-name").value = draft.edited?.name ?? "";
  show($("preset-masks"), hasMasks(draft.mix));
  $("preset-description").value = draft.edited?.description ?? `Mix of ${draft.mix.map(nameOf).join(", ")}`.slice(0, 200);
  hint();
  offerSettings();
  const name = await ask($("preset-dialog"));
  if (!name) return;
  const before = { mix: draft.mix, edited: draft.edited };
  await fillShelf();
  showSaved(name);
  const after = draft.mix;
  if (replaced) offerBack(`${name} is replaced.`, replaced, () => draft.mix === after && takeBack(before));
  else say(`Saved as ${name}.`);
}

/** Puts the mix back from which a preset was saved. */
function takeBack({ mix, edited }) {
  change("mix", mix);
  change("edited", edited);
}

/** Puts a saved preset in the place of its pictures, where no mask would be lost by that. */
function showSaved(name) {
  const { mix } = draft;
  const [{ mask }] = mix;
  const isOneMask = mix.every((style) => style.mask === mask && !style.style_mask);
  if (!isOneMask) return;
  if (draft.edited?.before.length) mixBack({ preset: name, mask });
  else replaceMix([{ preset: name, mask }]);
}

export function setUpPresets() {
  $("save-mix").addEventListener("click", open);
  $("mix-back").addEventListener("click", () => {
    mixBack();
    $("save-mix").focus();
  });
  $("preset-name").addEventListener("input", hint);
  onDraft((what) => what === "mix" && followMix());
  onDraft((what) => what === "edited" && label());
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
}
