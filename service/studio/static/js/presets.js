// "Save this mix as a preset": its pictures, each with the share that it has in the mix, and if wanted the dials' settings.
import { call, form, getJson, Problem } from "./api.js";
import { $, ask, say, show } from "./dom.js";
import { addStyle, change, draft, onDraft } from "./draft.js";
import { presetNamed } from "./known.js";
import { nameOf } from "./mixer.js";
import { patiently } from "./patience.js";
import { fetchFile } from "./pictures.js";
import { optionsOfDials, settingsInWords } from "./preset_settings.js";
import { clearProblems, showProblem, showProblems } from "./problems.js";
import { Bar } from "./sending.js";
import { fillShelf } from "./shelf.js";

const root = $("preset-form");
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const ALLOWED = "Small letters, digits and hyphens.";
const BUILT_IN = "That is a preset of the service, which stays as it is: choose another name";

const bar = new Bar($("preset-sending"), "How much of the pictures has been sent");
let edited = null; // {name, description, options} of the preset whose pictures are in the mix to be changed

/** The pictures of a mix: [{file, weight, scale}]. A preset is replaced by its pictures, so that the average stays the same. */
async function picturesOf(mix) {
  const found = await Promise.all(mix.filter(({ weight }) => weight > 0).map(picturesOfStyle));
  return found.flat();
}

async function picturesOfStyle({ preset, file, weight, scale }) {
  if (file) return [{ file, weight, scale }];
  const { images, pack } = await patiently(() => getJson(`/v1/styles/${preset}`));
  if (pack) throw new Error(`“${preset}” came as a pack, without pictures: take it out of the mix to save the rest.`);
  const all = images.reduce((sum, image) => sum + image.weight, 0);
  return Promise.all(
    images.map(async (image, i) => ({
      file: await fetchFile(`/v1/styles/${preset}/images/${i}`, `${preset}-${i}`, image.name),
      weight: (weight * image.weight) / all,
      scale: scale * image.scale,
    })),
  );
}

/** Puts a preset's pictures into the mix, instead of what is there, to be saved under its name again. */
export async function editPictures({ name, description, options }) {
  const pictures = await picturesOfStyle({ preset: name, weight: 1, scale: 1 });
  const most = Math.max(...pictures.map(({ weight }) => weight));
  change("mix", []);
  for (const { file, weight, scale } of pictures) addStyle({ file, weight: weight / most, scale });
  edited = { name, description, options };
  label();
  say(`The pictures of ${name} are in your mix. Change them, and save the mix again.`);
}

function label() {
  if (!draft.mix.length) edited = null;
  $("save-mix-label").textContent = edited ? `Save the changes of ${edited.name}` : "Save this mix as a preset";
}

async function save() {
  clearProblems(root);
  tell("");
  const name = $("preset-name").value.trim();
  if (!name) return showProblem(root, "name", "Give it a name");
  if (!NAME.test(name)) return showProblem(root, "name", `“${name}” won’t do: ${ALLOWED}`);
  if (presetNamed(name)?.built_in) return showProblem(root, "name", BUILT_IN);
  $("preset-save").disabled = true;
  try {
    await put(name, await picturesOf(draft.mix));
    $("preset-dialog").close("saved");
  } catch (error) {
    tell(error instanceof Problem ? showProblems(root, error.problem).join(" ") : error.message);
  } finally {
    bar.end();
    $("preset-save").disabled = false;
  }
}

async function put(name, pictures) {
  const images = pictures.map(({ weight, scale }, i) => ({ image: `file:image${i}`, weight, scale }));
  const files = pictures.map(({ file }, i) => [`image${i}`, file]);
  const options = $("preset-with-settings").checked ? optionsOfDials(draft.settings) : {};
  const body = form({ images, description: $("preset-description").value, options }, files);
  await patiently(() => call(`/v1/styles/${encodeURIComponent(name)}`, { method: "PUT", body, onSent: bar.sent() }));
}

function tell(words) {
  $("preset-problem").textContent = words;
  show($("preset-problem"), Boolean(words));
}

function hint() {
  const known = presetNamed($("preset-name").value.trim());
  const words = known?.built_in ? `${BUILT_IN}.` : "There is one of that name: saving replaces it for good, and its painter goes.";
  $("preset-hint").textContent = known ? words : ALLOWED;
  $("preset-hint").classList.toggle("warning", Boolean(known));
  $("preset-save").textContent = known && !known.built_in ? "Replace it" : "Save";
}

function offerSettings() {
  try {
    $("preset-settings-words").textContent = `Keep these settings with it: ${settingsInWords(optionsOfDials(draft.settings))}`;
    $("preset-with-settings").disabled = false;
  } catch (error) {
    $("preset-settings-words").textContent = error.message;
    $("preset-with-settings").disabled = true;
  }
  $("preset-with-settings").checked = !$("preset-with-settings").disabled && Object.keys(edited?.options ?? {}).length > 0;
}

async function open() {
  clearProblems(root);
  tell("");
  $("preset-name").value = edited?.name ?? "";
  if (draft.mix.some(({ mask, style_mask }) => mask || style_mask)) tell("A preset has no masks: those of this mix won’t be in it.");
  $("preset-description").value = edited?.description ?? `Mix of ${draft.mix.map(nameOf).join(", ")}`.slice(0, 200);
  hint();
  offerSettings();
  if ((await ask($("preset-dialog"))) !== "saved") return;
  const name = $("preset-name").value.trim();
  await fillShelf();
  change("mix", []);
  addStyle({ preset: name });
  say(`Saved as ${name}.`);
}

export function setUpPresets() {
  $("save-mix").addEventListener("click", open);
  $("preset-name").addEventListener("input", hint);
  onDraft((what) => what === "mix" && label());
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
}
