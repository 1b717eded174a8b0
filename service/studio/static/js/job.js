// One transfer on the stage, from its address: shown, watched until it ends, canceled, deleted, used again.
import { goToDraft, goToJob } from "./address.js";
import { call, getJson, Problem } from "./api.js";
import { showJobCode } from "./code.js";
import { deleteAt } from "./deleting.js";
import { $, ask, say } from "./dom.js";
import { showSamples } from "./shelf.js";
import { watch } from "./events.js";
import { refreshForecast } from "./forecast.js";
import { neighbourOf, refreshGallery } from "./gallery.js";
import { pathOf, picturesOf, seriesName, titleOf } from "./paintings.js";
import { patiently } from "./patience.js";
import { showProgress, tellPlace } from "./progress.js";
import { reuse } from "./reuse.js";
import { savePicture, savePictures } from "./save.js";
import { announce, isLive, showJob, showMissing, showPainting, showPreview, showWaiting } from "./stage.js";
import { fillStrip, showStrip } from "./strip.js";
import { variantLabels } from "./words.js";

let current = null; // {job, abort}

/** Leaves the transfer that is shown, if one is. */
export function leaveJob() {
  current?.abort.abort();
  current = null;
}

/** Whether the stage shows a transfer that hasn't ended, or one that is still being fetched. */
export function isWatching() {
  return current !== null && (current.job === null || isLive(current.job));
}

export async function openJob(id) {
  leaveJob();
  const abort = new AbortController();
  current = { job: null, abort };
  try {
    await follow(id, abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) fail(error);
  }
}

/** Says that the transfer can't be shown. */
function fail(error) {
  if (!(error instanceof Problem)) throw error;
  showMissing(error.status === 404 ? "This picture is not there any more." : error.message);
}

async function follow(id, signal) {
  let job = await patiently(() => getJson(`/v1/transfers/${id}`, signal), signal);
  put(job);
  tellPlace(job, signal);
  await unlessUnreadable(showWaiting(job, signal));
  signal.throwIfAborted();
  if (isLive(job)) {
    job = await watched(job, signal);
    put(job);
    announce(job);
    refreshGallery();
    refreshForecast();
    showSamples();
  }
  await showEnded(job, signal);
}

/** Shows a transfer's progress until its end, and returns the ended transfer; a newer preview cancels an older one. */
async function watched(job, signal) {
  let [status, preview, last] = [job.status, null, job];
  const showNewest = (url) => {
    preview?.abort();
    preview = new AbortController();
    unlessGone(showPreview(job, url, AbortSignal.any([signal, preview.signal])));
  };
  if (job.links.preview) showNewest(job.links.preview);
  for await (const { name, data } of watch(job.links, signal)) {
    if (name === "progress") {
      showProgress(data);
      if (data.status !== status) refreshGallery();
      status = data.status;
    }
    if (name === "preview") showNewest(data.url);
    if (name === "done") last = data;
  }
  preview?.abort();
  return last;
}

async function showEnded(job, signal) {
  if (job.status === "succeeded") return showPaintings(job, signal);
  if (job.links.preview) return showPreview(job, job.links.preview, signal);
}

/** Shows the first picture, and if there are several a choice of them. A new choice cancels a picture that is still loading. */
async function showPaintings(job, signal) {
  const labels = variantLabels(job.options);
  let choice = new AbortController();
  const choose = (i) => {
    choice.abort();
    choice = new AbortController();
    const both = AbortSignal.any([signal, choice.signal]);
    return unlessUnreadable(showPainting(job, i, both)).catch((error) => both.aborted || fail(error));
  };
  if (labels.length > 1) showStrip(labels, choose, (i) => orSay(() => savePicture(pathOf(job, i), titleOf(job, i)))());
  await choose(0);
  if (labels.length > 1) await fillStrip(labels.map((_, i) => pathOf(job, i)), signal);
}

/** Ignores a preview that could not be shown: a newer one will come. */
function unlessGone(promise) {
  return promise.catch(() => {});
}

/** Ignores a picture that this browser can't read, but not one that the service no longer has. */
function unlessUnreadable(promise) {
  return promise.catch((error) => {
    if (error instanceof Problem) throw error;
  });
}

function put(job) {
  current.job = job;
  showJob(job);
}

async function cancel() {
  const { job, abort } = current;
  $("cancel").disabled = true;
  say("Canceling …");
  await patiently(() => call(`/v1/transfers/${job.id}/cancel`, { method: "POST", signal: abort.signal }), abort.signal);
}

async function remove() {
  const { job } = current;
  $("delete-title").textContent = "Delete this picture?";
  if ((await ask($("delete-dialog"))) !== "delete") return;
  const next = neighbourOf([job.id]);
  await deleteAt(job.links.self);
  say("Deleted.");
  refreshGallery();
  if (next) goToJob(next);
  else await goToDraft();
}

/** Saves all pictures of the transfer. */
async function saveAll() {
  const { job } = current;
  await savePictures(picturesOf(job), seriesName(job, "all"));
  say("All pictures are saved.");
}

async function saveSheet() {
  const { job } = current;
  await savePicture(job.links.sheet, seriesName(job, "sheet"));
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
