// Files that come in: chosen, dropped or pasted. What the browser can't read as a picture is refused at once, in words.
import { goToDraft } from "./address.js";
import { $ } from "./dom.js";
import { addStyle, change, draft, MAX_STYLES } from "./draft.js";
import { clearProblemOf, showProblem } from "./problems.js";
import { sizeOf } from "./pictures.js";

const KNOWN = "Choose a PNG, JPEG, WebP, GIF or BMP file";

export async function takeContent(file) {
  const size = await sizeOf(file);
  await goToDraft();
  clearProblemOf(document, "content");
  if (size) change("content", { file, ...size });
  else showProblem(document, "content", unreadable(file));
}

export async function takeStyles(files) {
  const wrong = [];
  for (const file of files) {
    if (!(await sizeOf(file))) wrong.push(unreadable(file));
    else if (draft.mix.length >= MAX_STYLES) wrong.push(`A mix holds ${MAX_STYLES} styles; “${file.name}” is one too many`);
    else addStyle({ file });
  }
  clearProblemOf(document, "styles");
  for (const words of wrong) showProblem(document, "styles", words);
}

function unreadable(file) {
  return `“${file.name}” can’t be read as a picture. ${KNOWN}.`;
}

function choose(input, take) {
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
