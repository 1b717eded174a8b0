// The dialog that shows a request as code, and copies it: the draft's, or that of a transfer as it was made.
import { $, ask, say, show } from "./dom.js";
import { draft } from "./draft.js";
import { currentKey } from "./key.js";
import { toRequest } from "./request.js";
import { draftOf } from "./reuse.js";
import { saveBlob } from "./save.js";
import * as snippets from "./snippets.js";
import { unique, zip } from "./zip.js";

const NOTE = "Run it where the pictures lie.";

let shown = null; // {request, files}

/** The path below which a proxy shows this page; empty without one. */
function rootPath() {
  return location.pathname.replace(/\/$/, "");
}

function draw() {
  const language = document.querySelector("[name=language]:checked").value;
  $("code").textContent = snippets[language]({ origin: location.origin, root: rootPath(), withKey: Boolean(currentKey()), ...shown });
}

async function open(request, note, ofJob) {
  shown = request;
  $("code-note").textContent = note;
  show($("code-pictures"), ofJob);
  draw();
  await ask($("code-dialog"));
}

/** Shows the draft's request. */
function showDraftCode() {
  open(toRequest(draft), draft.content ? NOTE : "Choose a photograph, and its name stands here instead of photo.jpg.", false);
}

/** Shows the request of a transfer as it was made, with its pictures under names of their own. */
export async function showJobCode(job) {
  const past = await draftOf(job);
  const { request, files } = toRequest(past);
  const named = unique(files.map(([, file]) => ({ name: file.name, blob: file })));
  const missing = past.extras.filter(({ name }) => !name).map(({ words }) => words);
  open({ request, files: files.map(([part], i) => [part, new File([named[i].blob], named[i].name)]) }, [NOTE, ...missing].join(" "), true);
}

async function savePictures() {
  saveBlob(await zip(shown.files.map(([, file]) => ({ name: file.name, blob: file }))), "pictures.zip");
}

async function copy() {
  const words = (await copied($("code").textContent)) ? "Copied." : "The browser doesn’t let this page copy: the code is selected, copy it yourself.";
  $("code-note").textContent = words;
  say(words);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // an origin that isn't secure has no clipboard: select the text and use the old command
    getSelection().selectAllChildren($("code"));
    return document.execCommand("copy");
  }
}

export function setUpCode() {
  $("copy-code").addEventListener("click", showDraftCode);
  $("code-dialog").addEventListener("change", draw);
  $("copy").addEventListener("click", copy);
  $("code-pictures").addEventListener("click", savePictures);
}
