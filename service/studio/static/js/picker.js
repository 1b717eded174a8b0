// Files that are chosen, dropped or pasted. A file that the service or the browser can't read as a picture is refused at once.
import { goToDraft } from "./address.js";
import { $ } from "./dom.js";
import { addStyle, change, draft, MAX_STYLES } from "./draft.js";
import { adviceFor, formatOf, typeOf } from "./kinds.js";
import { isPack, offerPack } from "./packs.js";
import { clearProblemOf, showProblem } from "./problems.js";
import { sizeOf } from "./pictures.js";
import { PICTURE_TYPES } from "./service.js";
import { formatsOf } from "./words.js";

const UNSEEN = ["image/tiff", "image/heic"]; // what most browsers can't show
const SHOWN = "Save it as JPEG or PNG first, or send it over the API.";
const KNOWN = `Choose a ${formatsOf(PICTURE_TYPES)} file`;

export async function takeContent(file) {
  const size = await sizeOf(file);
  const wrong = await problemOf(file, size);
  await goToDraft();
  clearProblemOf(document, "content");
  if (wrong) showProblem(document, "content", wrong);
  else change("content", { file, ...size });
}

export async function takeStyles(dropped) {
  const files = dropped.filter((file) => !isPack(file));
  const pack = dropped.find(isPack);
  if (pack) offerPack(pack);
  const wrong = [];
  for (const file of files) {
    const problem = await problemOf(file, await sizeOf(file));
    if (problem) wrong.push(problem);
    else if (draft.mix.length >= MAX_STYLES) wrong.push(`A mix holds ${MAX_STYLES} styles; “${file.name}” is one too many`);
    else addStyle({ file });
  }
  clearProblemOf(document, "styles");
  for (const words of wrong) showProblem(document, "styles", words);
}

/** Why a file can't be used, in words; null if it can. `size` is from sizeOf. */
async function problemOf(file, size) {
  const taken = await typeOf(file);
  if (size && taken) return null;
  if (UNSEEN.includes(taken)) return `“${file.name}” is a ${formatsOf([taken])} file, which the service reads and this browser can’t show. ${SHOWN}`;
  if (taken) return `“${file.name}” is ${taken === "image/avif" ? "an" : "a"} ${formatsOf([taken])} file, but a broken one. Save it anew, or choose another`;
  const format = await formatOf(file);
  if (format) return `“${file.name}” is a file in the format ${format}, which this service doesn’t read. ${adviceFor(format, KNOWN)}.`;
  const why = size ? "is in a format that this service doesn’t read" : "can’t be read as a picture";
  return `“${file.name}” ${why}. ${KNOWN}.`;
}

function choose(input, take) {
  input.accept = PICTURE_TYPES.join(",");
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
}

function dropZone(zone, take) {
  let depth = 0;
  const mark = (by) => zone.classList.toggle("over", (depth = Math.max(0, depth + by)) > 0);
  zone.addEventListener("dragenter", () => mark(1));
  zone.addEventListener("dragleave", () => mark(-1));
  zone.addEventListener("drop", (event) => {
    mark(-depth);
    const files = [...event.dataTransfer.files];
    if (files.length) take(files);
  });
}

export function setUpPicking() {
  const takeFirst = ([file]) => file && takeContent(file);
  choose($("content-file"), takeFirst);
  choose($("style-file"), takeStyles);
  for (const id of ["choose-content", "change-content"]) {
    $(id).addEventListener("click", () => $("content-file").click());
  }
  $("remove-content").addEventListener("click", () => {
    clearProblemOf(document, "content");
    change("content", null);
    $("choose-content").focus();
  });
  $("add-style").addEventListener("click", () => $("style-file").click());
  dropZone($("stage"), takeFirst);
  dropZone($("styles"), takeStyles);
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) (draft.content ? takeStyles : takeFirst)(files);
  });
}
