// "Save this mix as a preset": its pictures, each with the share that it has in the mix.
import { call, form, getJson, Problem } from "./api.js";
import { $, ask, say, show } from "./dom.js";
import { addStyle, change, draft } from "./draft.js";
import { nameOf } from "./mixer.js";
import { patiently } from "./patience.js";
import { fetchFile } from "./pictures.js";
import { clearProblems, showProblem, showProblems } from "./problems.js";
import { fillShelf, knownPresets } from "./shelf.js";

const root = $("preset-form");
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const ALLOWED = "Small letters, digits and hyphens.";

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
      file: await fetchFile(`/v1/styles/${preset}/images/${i}`, `${preset}-${i}`),
      weight: (weight * image.weight) / all,
      scale: scale * image.scale,
    })),
  );
}

async function save() {
  clearProblems(root);
  tell("");
  const name = $("preset-name").value.trim();
  if (!name) return showProblem(root, "name", "Give it a name");
  if (!NAME.test(name)) return showProblem(root, "name", `“${name}” won’t do: ${ALLOWED}`);
  $("preset-save").disabled = true;
  try {
    await put(name, await picturesOf(draft.mix));
    $("preset-dialog").close("saved");
  } catch (error) {
    tell(error instanceof Problem ? showProblems(root, error.problem).join(" ") : error.message);
  } finally {
    $("preset-save").disabled = false;
  }
}

async function put(name, pictures) {
  const images = pictures.map(({ weight, scale }, i) => ({ image: `file:image${i}`, weight, scale }));
  const files = pictures.map(({ file }, i) => [`image${i}`, file]);
  const body = form({ images, description: $("preset-description").value }, files);
  await patiently(() => call(`/v1/styles/${encodeURIComponent(name)}`, { method: "PUT", body }));
}

function tell(words) {
  $("preset-problem").textContent = words;
  show($("preset-problem"), Boolean(words));
}

function hint() {
  const known = knownPresets().some(({ name }) => name === $("preset-name").value.trim());
  $("preset-hint").textContent = known ? "There is one of that name: saving replaces it for good." : ALLOWED;
  $("preset-hint").classList.toggle("warning", known);
  $("preset-save").textContent = known ? "Replace it" : "Save";
}

async function open() {
  clearProblems(root);
  tell("");
  $("preset-name").value = "";
  if (draft.mix.some(({ mask, style_mask }) => mask || style_mask)) tell("A preset has no masks: those of this mix won’t be in it.");
  $("preset-description").value = `Mix of ${draft.mix.map(nameOf).join(", ")}`.slice(0, 200);
  hint();
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
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
}
