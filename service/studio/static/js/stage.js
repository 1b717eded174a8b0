// The stage: the draft's photograph, or a transfer that runs or has ended.
import { beginCurve, forgetCurve } from "./curve.js";
import { details, factsOf } from "./details.js";
import { $, say, show } from "./dom.js";
import { draft } from "./draft.js";
import { clearFrame, setFrame, setStage, showCompare } from "./easel.js";
import { keepFocus } from "./focus.js";
import { pathOf } from "./paintings.js";
import { fetchPicture, showBlob, showPicture } from "./pictures.js";
import { inSentences } from "./problems.js";
import { chip, showProgress } from "./progress.js";
import { hideStrip } from "./strip.js";
import { bytes, STATUS, stylesOf } from "./words.js";

const LIVE = new Set(["queued", "running"]);
const TITLE = document.title;
const ACTIONS = ["download", "cancel", "again", "save-all", "sheet", "job-code", "delete"];

export function isLive(job) {
  return LIVE.has(job.status);
}

export function showDraft() {
  document.title = TITLE;
  hideStrip();
  show($("job-caption"), false);
  const { content } = draft;
  show($("draft-caption"), Boolean(content));
  setStage(content ? "picture" : "empty");
  if (!content) return;
  showCompare(false);
  setFrame(content.width, content.height);
  $("frame").classList.remove("waiting");
  $("after").alt = `Your photograph ${content.file.name}`;
  $("content-name").textContent = content.file.name;
  $("content-facts").textContent = `${content.width} × ${content.height}, ${bytes(content.file.size)}`;
  showBlob($("after"), content.file).catch(() => {});
}

/** Shows the picture that painters made of the draft, beside its photograph. */
export async function showInstant(content, blob, alt) {
  setStage("picture");
  setFrame(content.width, content.height);
  await showBlob($("after"), blob);
  $("after").alt = alt;
  if (!$("compare").hidden) return;
  await showBlob($("before"), content.file);
  $("before").alt = `Your photograph ${content.file.name}`;
  showCompare(true);
}

/** Says why a transfer can't be shown; `isGone`: because it isn't there any more. */
export function showMissing(words, isGone) {
  hideStrip();
  show($("draft-caption"), false);
  show($("job-caption"), true);
  for (const id of ["live", "job-why", "job-details", ...ACTIONS]) show($(id), false);
  $("cancel").disabled = false;
  chip("lost", isGone ? "Gone" : "Not shown");
  $("job-styles").textContent = $("job-facts").textContent = "";
  setStage("lost", words);
}

/** Shows a transfer without its pictures, which `showPreview` and `showPainting` show. */
export function showJob(job) {
  const live = isLive(job);
  document.title = live ? TITLE : `${STATUS[job.status]}: ${stylesOf(job.options)} – Studio`;
  show($("draft-caption"), false);
  show($("job-caption"), true);
  show($("job-details"), true);
  chip(job.status, STATUS[job.status]);
  $("job-styles").textContent = stylesOf(job.options);
  $("job-facts").textContent = factsOf(job);
  show($("live"), live);
  show($("cancel"), live);
  $("cancel").disabled = false;
  for (const id of ["again", "job-code", "delete"]) show($(id), !live);
  show($("download"), false);
  show($("sheet"), Boolean(job.links.sheet));
  show($("save-all"), !live && job.progress.pictures > 1);
  why(job);
  $("job-options").replaceChildren(...details(job, job.options, job.result));
  if (live) {
    beginCurve(job.id);
    showProgress({ ...job.progress, status: job.status });
  } else forgetCurve(job.id);
  keepFocus();
}

/** Shows the photograph faintly: before the first preview, or if there never was one. */
export async function showWaiting(job, signal) {
  const { width, height } = job.options.content;
  clearFrame();
  setFrame(width, height);
  setStage("picture");
  $("frame").classList.add("waiting");
  $("after").alt = isLive(job) ? "The photograph that is to be painted" : "The photograph";
  await showPicture($("after"), `v1/transfers/${job.id}/content`, signal);
}

export async function showPreview(job, url, signal) {
  setStage("picture");
  await showPicture($("after"), url, signal);
  $("frame").classList.remove("waiting");
  const far = isLive(job) ? "as far as it is" : "as far as it came";
  $("after").alt = `Painting in the style of ${stylesOf(job.options)}, ${far}`;
}

/** Takes a finished picture off the stage, before what is being painted comes back. */
export function showUnfinished(job) {
  showCompare(false);
  show($("download"), false);
  $("job-options").replaceChildren(...details(job, job.options, job.result));
}

/** Shows one of a transfer's pictures beside the photograph. */
export async function showPainting(job, i, signal) {
  const { width, height } = job.result ?? job.options.content;
  const options = optionsOf(job, i);
  setStage("picture");
  const result = await fetchPicture(pathOf(job, i), signal);
  signal.throwIfAborted();
  offerFile($("download"), result);
  $("job-options").replaceChildren(...details(job, options, job.result?.variants[i] ?? null));
  await showBlob($("after"), result, signal);
  setFrame(width, height);
  $("frame").classList.remove("waiting");
  $("after").alt = `Painting in the style of ${stylesOf(options)}`;
  if (!$("compare").hidden) return;
  await showPicture($("before"), `v1/transfers/${job.id}/content`, signal);
  $("before").alt = "The photograph it was made from";
  showCompare(true);
}

/** The options of one of a transfer's pictures. */
function optionsOf({ options }, i) {
  return { ...options, ...options.variants[i], variants: [] };
}

/** Has a link download a picture of the API. */
export function offerFile(link, file) {
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  show(link, true);
}

function why(job) {
  const { pictures } = job.progress;
  const done = pictures ? `${pictures} of ${job.options.variants.length} pictures ${pictures === 1 ? "is" : "are"} done.` : "";
  const far = job.links.preview ? "This is how far it had come." : "There was nothing to see yet.";
  const words = {
    failed: job.error && `${inSentences(job.error)} ${done}`,
    canceled: `Canceled. ${done || far}`,
  }[job.status];
  $("job-why").textContent = words?.trim() ?? "";
  show($("job-why"), Boolean(words));
}

export function announce(job) {
  const done = job.options.variants.length > 1 ? "The paintings are done." : "The painting is done.";
  const words = { succeeded: done, failed: "The painting failed.", canceled: "Canceled." }[job.status];
  if (words) say(words);
}
