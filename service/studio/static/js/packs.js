// Packs: a preset as one file, taken from this service or brought to it.
import { call } from "./api.js";
import { $, say, show } from "./dom.js";
import { presetNamed } from "./known.js";
import { offerBack } from "./lately.js";
import { ALLOWED, isName, slug, whyNoName } from "./names.js";
import { patiently } from "./patience.js";
import { clearProblems, showProblem } from "./problems.js";
import { newcomer, replace } from "./replacing.js";
import { saveBlob } from "./save.js";
import { Bar } from "./sending.js";
import { kindOf, SHARED } from "./sharing.js";
import { fillShelf } from "./shelf.js";
import { blobFollowed } from "./upload.js";

const ENDING = ".safetensors";
const PACK_TYPE = "application/octet-stream";
const LONGEST = 2 ** 20; // bytes of a pack's header, as the service takes it
const TAKEN = { own: "There is one of that name: adding replaces it.", shared: SHARED };
const ELSEWHERE = "A preset of that name was saved elsewhere meanwhile. Press again, and it is replaced";
const NO_PACK = "is no pack. A pack is a .safetensors file that a studio or the API of such a service gave out";

const root = $("pack-form");
const upload = new Bar($("pack-sending"), "How much of the pack has been sent");
let chosen = null; // the File
let hinted; // the preset of the name in the form, which the person was told of
let sending = null; // ends its way to the service where the form is closed

export function isPack(file) {
  return file.name.toLowerCase().endsWith(ENDING);
}

/** Saves a preset's pack on the person's disk; the first time the service has to make it. */
export async function downloadPack(name, place) {
  const bar = new Bar(place, `How much of the pack of ${name} has come`);
  bar.wait("The service makes the pack. That can take a minute or more the first time …");
  try {
    const response = await patiently(() => call(`v1/styles/${name}/pack`));
    const blob = await blobFollowed(response, (some, all) => bar.came(some, all));
    saveBlob(blob, `${name}${ENDING}`);
    say(`The pack of ${name} is there.`);
  } finally {
    bar.end();
  }
}

/** Shows the form that adds a preset from a pack's file. */
export async function offerPack(file) {
  sending?.abort();
  clearProblems(root);
  chosen = null;
  if (!$("manage-dialog").open) $("manage-presets").click();
  show(root, true);
  $("pack-file-name").textContent = file.name;
  $("pack-name").value = freeName(file.name);
  const wrong = await problemOf(file);
  show($("pack-fields"), !wrong);
  if (wrong) return showProblem(root, "pack", wrong);
  chosen = file;
  hint();
  $("pack-name").focus();
}

/** Why a file is no pack, by its first bytes; null if it may be one. */
async function problemOf(file) {
  const head = new DataView(await file.slice(0, 9).arrayBuffer());
  const is = head.byteLength === 9 && head.getUint32(4, true) === 0 && head.getUint32(0, true) <= LONGEST && head.getUint8(8) === 0x7b;
  return is ? null : `“${file.name}” ${NO_PACK}`;
}

/** A name for a preset after its file's, which no preset has. */
function freeName(file) {
  const base = slug(file.slice(0, -ENDING.length)) || "preset";
  for (let i = 1; ; i++) {
    const name = i > 1 ? `${base}-${i}` : base;
    if (!presetNamed(name)) return name;
  }
}

function hint() {
  const taken = presetNamed($("pack-name").value.trim());
  hinted = taken;
  const words = TAKEN[kindOf(taken)];
  $("pack-hint").textContent = words ?? ALLOWED;
  $("pack-hint").classList.toggle("warning", Boolean(words));
}

async function add() {
  clearProblems(root);
  const name = $("pack-name").value.trim();
  if (!isName(name)) {
    $("pack-name").value = slug(name);
    hint();
    return showProblem(root, "name", name ? whyNoName(name) : "Give it a name");
  }
  if (presetNamed(name)?.built_in) return showProblem(root, "name", "That is a preset of the service: choose another name");
  const { signal } = (sending = new AbortController());
  $("pack-add").disabled = true;
  upload.wait("The service reads the pack …");
  try {
    if (await newcomer(name, hinted, signal)) {
      hint();
      return showProblem(root, "name", ELSEWHERE);
    }
    const options = { headers: { "Content-Type": PACK_TYPE }, body: chosen, onSent: upload.sent() };
    const replaced = await replace(name, `v1/styles/${name}/pack`, options, signal);
    close();
    await fillShelf();
    if (replaced) offerBack(`${name} is replaced.`, replaced);
    else say(`${name} is among your presets.`);
  } catch (error) {
    if (signal.aborted) fillShelf(); // what had arrived whole is saved all the same
    else explain(error);
  } finally {
    upload.end();
    $("pack-add").disabled = false;
  }
}

function explain(error) {
  const words = error.problem?.errors?.map(({ msg }) => msg).join("; ") ?? error.message;
  const lead = { 409: "It belongs to another model: ", 413: "It is too large for this service: ", 422: "It can’t be used: " }[error.status] ?? "";
  showProblem(root, "pack", lead + words);
}

function close() {
  sending?.abort();
  chosen = null;
  show(root, false);
}

export function setUpPacks() {
  $("pack-choose").addEventListener("click", () => $("pack-file").click());
  $("pack-file").addEventListener("change", ({ target }) => {
    if (target.files.length) offerPack(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
  $("manage-dialog").addEventListener("drop", ({ dataTransfer }) => dataTransfer.files.length && offerPack(dataTransfer.files[0]));
  $("manage-dialog").addEventListener("close", close);
  $("pack-name").addEventListener("input", hint);
  $("pack-cancel").addEventListener("click", close);
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen) add();
  });
}
