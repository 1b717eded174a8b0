// Edits one of the person's presets: its name, description and settings; its pictures go into the mix to be changed there.
import { call, GONE, Problem } from "./api.js";
import { $, say, show, untilClosed } from "./dom.js";
import { draft, replaceMix } from "./draft.js";
import { closeFormer, setUpFormer } from "./former.js";
import { partsOf, presetNamed } from "./known.js";
import { isName, slug, whyNoName } from "./names.js";
import { renameOwnSettings } from "./own_settings.js";
import { patiently } from "./patience.js";
import { optionsOfDials, settingsInWords } from "./preset_settings.js";
import { editPictures } from "./presets.js";
import { clearProblems, showProblem, showProblems } from "./problems.js";
import { fillShelf } from "./shelf.js";
import { stopFollowing } from "./teaching.js";

const root = $("edit-form");
const TAKEN = 409;

let edited = null; // the preset
let leave = null; // called with the preset's name when the dialog is closed because all is done

export function openEdit(preset, done) {
  [edited, leave] = [preset, done];
  clearProblems(root);
  tell("");
  $("edit-title").textContent = `Edit ${preset.name}`;
  $("edit-name").value = preset.name;
  $("edit-description").value = preset.description;
  drawSettings();
  const parts = partsOf(preset).map(({ words }) => words);
  $("edit-parts").textContent = preset.pack ? "It came as a pack, without pictures." : parts.length ? `A mix: ${parts.join(", ")}.` : "One picture.";
  show($("edit-pictures"), !preset.pack);
  closeFormer();
  $("edit-dialog").showModal();
  $("edit-name").focus();
}

function drawSettings() {
  const now = settingsInWords(edited.options);
  $("edit-keep-words").textContent = now ? `As they are: ${now}` : "None, as now";
  show($("edit-none").closest("label"), Boolean(now));
  $("edit-keep").checked = true;
  try {
    $("edit-dials-words").textContent = `Those of the dials: ${settingsInWords(optionsOfDials(draft.settings))}`;
    $("edit-dials").disabled = false;
  } catch (error) {
    $("edit-dials-words").textContent = error.message;
    $("edit-dials").disabled = true;
  }
}

/** What the form changes, as the API takes it. */
function changes() {
  const found = {};
  const [name, description] = [$("edit-name").value.trim(), $("edit-description").value];
  if (name !== edited.name) found.name = name;
  if (description !== edited.description) found.description = description;
  if ($("edit-dials").checked) found.options = optionsOfDials(draft.settings);
  if ($("edit-none").checked) found.options = {};
  return found;
}

async function save() {
  clearProblems(root);
  tell("");
  const wanted = changes();
  if ("name" in wanted && !isName(wanted.name)) {
    $("edit-name").value = slug(wanted.name) || edited.name;
    return showProblem(root, "name", whyNoName(wanted.name));
  }
  const signal = untilClosed($("edit-dialog"));
  $("edit-save").disabled = true;
  try {
    if (Object.keys(wanted).length) await send(edited, wanted, signal);
    if (!signal.aborted) close(wanted.name ?? edited.name);
  } catch (error) {
    if (!signal.aborted) explain(error);
  } finally {
    $("edit-save").disabled = false;
  }
}

function close(name) {
  $("edit-dialog").close();
  leave(name);
}

/** Changes a preset, and says so; throws where that failed, or the dialog was closed before it was done. */
async function send(preset, wanted, signal) {
  const { name } = preset;
  if ("name" in wanted) stopFollowing(name);
  const options = { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wanted), signal };
  try {
    await patiently(() => call(`v1/styles/${name}`, options), signal);
  } catch (error) {
    const mayBeDone = error.status === GONE || signal.aborted;
    if (!mayBeDone || !(await isRenamed(preset, wanted.name))) throw error;
  }
  const now = wanted.name ?? name;
  await fillShelf();
  if (now !== name) renameInMix(name, now);
  say(`${now} is changed.`);
}

/** Whether a preset has its new name already: a try may have given it whose answer was lost, or isn't waited for. */
async function isRenamed({ version }, now) {
  await fillShelf();
  return presetNamed(now)?.version === version;
}

function renameInMix(name, now) {
  renameOwnSettings(name, now);
  const { mix } = draft;
  if (mix.some(({ preset }) => preset === name)) replaceMix(mix.map((style) => (style.preset === name ? { ...style, preset: now } : style)));
}

function explain(error) {
  if (error.status === TAKEN) return showProblem(root, "name", "Another preset has that name");
  tell(error instanceof Problem ? showProblems(root, error.problem).join(" ") : error.message);
}

function tell(words) {
  $("edit-problem").textContent = words;
  show($("edit-problem"), Boolean(words));
}

async function toMix() {
  tell("");
  const signal = untilClosed($("edit-dialog"));
  $("edit-pictures").disabled = true;
  try {
    await editPictures(edited, signal);
    for (const id of ["edit-dialog", "manage-dialog"]) $(id).close();
    $("save-mix").focus();
  } catch (error) {
    if (!signal.aborted) tell(error.message);
  } finally {
    $("edit-pictures").disabled = false;
  }
}

export function setUpEditing() {
  setUpFormer(() => edited, close);
  $("edit-pictures").addEventListener("click", toMix);
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
}
