// Several pictures of the gallery at once: selected, saved together, deleted.
import { goToDraft, jobInAddress } from "./address.js";
import { deleteAt } from "./deleting.js";
import { $, ask, say, show } from "./dom.js";
import { cardOfJob, neighbourOf, onCards, refreshGallery, searchAgain, shownJobs } from "./gallery.js";
import { isFiltering, setUpFilter } from "./gallery_filter.js";
import { letGo } from "./instant_jobs.js";
import { pathsOf } from "./paintings.js";
import { savePicture, savePictures } from "./save.js";
import { fillShelf } from "./shelf.js";
import { count } from "./words.js";

const selected = new Set(); // ids
let selecting = false;
let busy = false;

function draw() {
  const known = new Set(shownJobs().map(({ id }) => id));
  for (const id of selected) if (!known.has(id)) selected.delete(id);
  $("gallery").classList.toggle("selecting", selecting);
  $("gallery-select").setAttribute("aria-pressed", String(selecting));
  show($("selection"), selecting);
  for (const id of known) cardOfJob(id).querySelector("input").checked = selected.has(id);
  if (!busy) $("selection-count").textContent = selected.size ? `${count(selected.size, "picture", "pictures")} selected` : "Select pictures";
  for (const id of ["selection-save", "selection-delete"]) $(id).setAttribute("aria-disabled", String(busy || !selected.size));
}

function toggle(id) {
  if (!selected.delete(id)) selected.add(id);
  draw();
}

function select(is) {
  selecting = is;
  selected.clear();
  draw();
  if (is) $("wall").querySelector("input")?.focus();
  else $("gallery-select").focus();
}

function selectAll() {
  for (const { id } of shownJobs()) selected.add(id);
  draw();
}

function chosenJobs() {
  return shownJobs().filter(({ id }) => selected.has(id));
}

/** Carries out an action on what is selected, one at a time; says how it ended. */
function once(action) {
  return async () => {
    if (busy || !selected.size) return;
    busy = true;
    draw();
    let words;
    try {
      words = await action(chosenJobs());
    } catch (error) {
      words = error.message;
    }
    busy = false;
    draw();
    if (!words) return;
    $("selection-count").textContent = words;
    say(words);
  };
}

async function save(jobs) {
  const paths = jobs.flatMap(pathsOf);
  if (!paths.length) return "None of these has a finished picture.";
  if (paths.length === 1) await savePicture(paths[0]);
  else await savePictures(paths, "paintings", (done, all) => ($("selection-count").textContent = `Fetching ${done + 1} of ${all} …`));
  return `${count(paths.length, "picture is", "pictures are")} saved.`;
}

async function remove(jobs) {
  $("delete-title").textContent = jobs.length === 1 ? "Delete this picture?" : `Delete ${jobs.length} pictures?`;
  if ((await ask($("delete-dialog"))) !== "delete") return "";
  const ids = jobs.map(({ id }) => id);
  const next = neighbourOf(ids);
  let done = 0;
  let problem = "";
  for (const id of ids) {
    $("selection-count").textContent = `Deleting ${done + 1} of ${ids.length} …`;
    problem ||= await deleted(id);
    if (problem) break;
    done += 1;
    selected.delete(id);
  }
  if (ids.slice(0, done).includes(jobInAddress())) await goToDraft();
  await Promise.all([isFiltering() ? searchAgain() : refreshGallery(), fillShelf()]); // presets may have shown what is gone
  (cardOfJob(next)?.querySelector("input") ?? $("gallery-select")).focus();
  return `${count(done, "picture", "pictures")} deleted.${problem && ` ${problem}`}`;
}

/** Deletes a transfer; returns why it could not be. */
async function deleted(id) {
  try {
    letGo(id);
    await deleteAt(`v1/transfers/${id}`);
  } catch (error) {
    return error.message;
  }
  return "";
}

export function setUpSelection() {
  setUpFilter(searchAgain);
  onCards(draw);
  $("gallery-select").addEventListener("click", () => select(!selecting));
  $("selection-all").addEventListener("click", selectAll);
  $("selection-save").addEventListener("click", once(save));
  $("selection-delete").addEventListener("click", once(remove));
  $("wall").addEventListener("click", (event) => {
    const card = event.target.closest("[data-job]");
    if (!selecting || !card || event.target.closest(".pick")) return;
    event.preventDefault();
    toggle(card.dataset.job);
  });
  $("wall").addEventListener("change", ({ target }) => toggle(target.closest("[data-job]").dataset.job));
  for (const id of ["selection", "wall"]) $(id).addEventListener("keydown", ({ key }) => selecting && key === "Escape" && select(false));
  draw();
}
