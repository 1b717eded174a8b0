// One transfer on the stage, from its address: shown, watched until it ends, canceled, deleted, used again.
import { goToDraft, goToJob, jobInAddress } from "./address.js";
import { call, getJson, GONE, Problem } from "./api.js";
import { showJobCode } from "./code.js";
import { deleteAt } from "./deleting.js";
import { $, ask, say, show } from "./dom.js";
import { fillShelf, showSamples } from "./shelf.js";
import { watch } from "./events.js";
import { keepFocus } from "./focus.js";
import { refreshForecast } from "./forecast.js";
import { neighbourOf, refreshGallery } from "./gallery.js";
import { pathOf, pathsOf, zipName } from "./paintings.js";
import { patiently } from "./patience.js";
import { inSentences } from "./problems.js";
import { showProgress, tellPlace } from "./progress.js";
import { reuse } from "./reuse.js";
import { savePicture, savePictures } from "./save.js";
import { Showing, unlessUnreadable } from "./showing.js";
import { announce, isLive, showJob, showMissing, showWaiting } from "./stage.js";

let current = null; // {job, abort, failed}: the job once it is read, and whether it can't be shown

/** Leaves the transfer that is shown, if one is. */
export function leaveJob() {
  current?.abort.abort();
  current = null;
}

/** Whether the stage shows a transfer that hasn't ended, or one that is still being fetched. */
export function isWatching() {
  return current !== null && !current.failed && (current.job === null || isLive(current.job));
}

export async function openJob(id) {
  leaveJob();
  const abort = new AbortController();
  current = { job: null, abort, failed: false };
  try {
    await follow(id, abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) fail(error);
  }
}

/** Says that the transfer can't be shown. */
function fail(error) {
  if (!(error instanceof Problem)) throw error;
  const isGone = error.status === GONE;
  current.failed = true;
  showMissing(isGone ? "This picture is not there any more." : inSentences(error.problem), isGone);
  show($("cancel"), !isGone && (!current.job || isLive(current.job)));
}

async function follow(id, signal) {
  let job = await patiently(() => getJson(`v1/transfers/${id}`, signal), signal);
  put(job);
  tellPlace(job, signal);
  const showing = new Showing(job, signal, { save: (i) => orSay(() => savePicture(pathOf(job, i)))(), fail });
  await unlessUnreadable(showWaiting(job, signal));
  signal.throwIfAborted();
  if (isLive(job)) {
    job = await watched(job, showing, signal);
    put(job);
    announce(job);
    refreshGallery();
    refreshForecast();
    showSamples();
  }
  await showing.end(job);
}

/** Shows a transfer's progress until its end, and returns the ended transfer. */
async function watched(job, showing, signal) {
  let [status, last] = [job.status, job];
  if (job.links.preview) showing.takePreview(job.links.preview);
  for await (const { name, data } of watch(job.links, signal)) {
    if (name === "progress") {
      showProgress(data);
      showing.take(data.pictures, data.status === "running");
      if (data.links?.preview) showing.takePreview(data.links.preview); // without a stream nothing else tells of it
      if (data.status !== status) refreshGallery();
      status = data.status;
    }
    if (name === "preview") showing.takePreview(data.url);
    if (name === "done") last = data;
  }
  return last;
}

function put(job) {
  current.job = job;
  showJob(job);
}

async function cancel() {
  const { abort } = current;
  $("cancel").disabled = true;
  say("Canceling …");
  const path = `v1/transfers/${jobInAddress()}/cancel`;
  const { status } = await patiently(async () => (await call(path, { method: "POST", signal: abort.signal })).json(), abort.signal);
  if (!current.failed) return; // its events say it
  keepFocus();
  show($("cancel"), false);
  say(["succeeded", "failed"].includes(status) ? "It had ended before." : "Canceled.");
}

async function remove() {
  const { job } = current;
  $("delete-title").textContent = "Delete this picture?";
  if ((await ask($("delete-dialog"))) !== "delete") return;
  const next = neighbourOf([job.id]);
  await deleteAt(job.links.self);
  say("Deleted.");
  refreshGallery();
  fillShelf(); // a preset may have shown what is gone
  if (next) goToJob(next);
  else await goToDraft();
}

/** Saves all pictures of the transfer. */
async function saveAll() {
  const { job } = current;
  await savePictures(pathsOf(job), zipName(job));
  say("All pictures are saved.");
}

async function saveSheet() {
  const { job } = current;
  await savePicture(job.links.sheet);
}

function orSay(action) {
  return () =>
    action().catch((error) => {
      $("job-why").hidden = false;
      $("job-why").textContent = error.message;
    });
}

export function setUpJob() {
  $("cancel").addEventListener("click", orSay(cancel));
  $("delete").addEventListener("click", orSay(remove));
  $("again").addEventListener("click", orSay(() => reuse(current.job)));
  $("job-code").addEventListener("click", orSay(() => showJobCode(current.job)));
  $("save-all").addEventListener("click", orSay(saveAll));
  $("sheet").addEventListener("click", orSay(saveSheet));
  $("job-new").addEventListener("click", goToDraft);
}
