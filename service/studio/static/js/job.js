// One transfer on the stage, from its address: shown, watched until it ends, canceled, deleted, used again.
import { goToDraft } from "./address.js";
import { call, getJson, Problem } from "./api.js";
import { $, ask, say } from "./dom.js";
import { watch } from "./events.js";
import { refreshGallery } from "./gallery.js";
import { patiently } from "./patience.js";
import { reuse } from "./reuse.js";
import { announce, isLive, showJob, showMissing, showPreview, showProgress, showResult, showWaiting } from "./stage.js";

let current = null; // {job, abort}

/** Leaves the transfer that is shown, if one is. */
export function leaveJob() {
  current?.abort.abort();
  current = null;
}

export async function openJob(id) {
  leaveJob();
  const abort = new AbortController();
  current = { job: null, abort };
  try {
    await follow(id, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    showMissing(error.status === 404 ? "This picture is not there any more." : error.message);
  }
}

async function follow(id, signal) {
  let job = await patiently(() => getJson(`/v1/transfers/${id}`, signal), signal);
  put(job);
  await showWaiting(job, signal);
  if (isLive(job)) {
    if (job.links.preview) unlessGone(showPreview(job, job.links.preview, signal));
    for await (const { name, data } of watch(id, signal)) {
      if (name === "progress") showProgress(data);
      if (name === "preview") unlessGone(showPreview(job, data.url, signal));
      if (name === "done") job = data;
    }
    put(job);
    announce(job);
    refreshGallery();
  }
  await showEnded(job, signal);
}

async function showEnded(job, signal) {
  if (job.status === "succeeded") return showResult(job, signal);
  if (job.links.preview) return showPreview(job, job.links.preview, signal);
}

/** A preview that could not be fetched is no matter: another one comes. */
function unlessGone(promise) {
  promise.catch(() => {});
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
  if ((await ask($("delete-dialog"))) !== "delete") return;
  await patiently(() => call(`/v1/transfers/${job.id}`, { method: "DELETE" }));
  say("Deleted.");
  refreshGallery();
  await goToDraft();
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
  $("job-new").addEventListener("click", goToDraft);
}
