// The instant picture: what the presets' painters make of the draft, shown while the person chooses.
import { goToDraft, jobInAddress } from "./address.js";
import { call, FORBIDDEN, form, getJson, Problem } from "./api.js";
import { $, say, show } from "./dom.js";
import { draft, onDraft } from "./draft.js";
import { watch } from "./events.js";
import { refreshGallery } from "./gallery.js";
import { discard, keepOpened, supersedeBy } from "./instant_jobs.js";
import { isSame, isSize, toInstantRequest } from "./instant_request.js";
import { isWatching } from "./job.js";
import { forgetPainted } from "./known.js";
import { onPainters } from "./painters.js";
import { patiently } from "./patience.js";
import { fetchPicture } from "./pictures.js";
import { inSentences } from "./problems.js";
import { uniqueName } from "./random.js";
import { fillShelf } from "./shelf.js";
import { shrunk } from "./shrink.js";
import { isLive, offerFile, showDraft, showInstant } from "./stage.js";
import { misfits } from "./where.js";
import { briefly, listed } from "./words.js";

const PAUSE_MS = 150; // a dial that moves on within this time asks for nothing yet
const WAIT_S = 2; // the service answers with the finished picture within this time, or with a job to be watched
const SETTLED_MS = 1500; // without a newer picture until the gallery shows the last one

let last = null; // {asked, blob, seconds} of the newest picture, or {asked, problem}
let next = null; // the newest request that hasn't been sent
let current = null; // {asked, abort} of the one that has been
let pausing, settling; // timers
let isForbidden = false; // the key lacks a scope: another key begins with a new page

/** Asks for the picture of the draft as it is now, unless it is there or on its way. */
function refresh() {
  if (jobInAddress() || !isSize(draft.settings.size)) return;
  const asked = toInstantRequest(draft);
  if (!asked) forget();
  else if (last && isSame(last.asked, asked)) stayWithLast(asked);
  else if (!isForbidden && !isOnItsWay(asked)) askFor(asked);
}

/** Shows the last picture again where the stage has come back to the draft. */
export function returnToInstant() {
  refresh();
  const asked = toInstantRequest(draft);
  if (asked && last && isSame(last.asked, asked)) put();
}

function isOnItsWay(asked) {
  const newest = next ?? (current?.abort.signal.aborted ? null : current?.asked);
  return newest != null && isSame(newest, asked);
}

/** Gives up what is on its way; says anew what the last picture leaves out. */
function stayWithLast(asked) {
  const differs = asked.leftOut !== last.asked.leftOut;
  last.asked = asked;
  if (!differs && !next && (!current || current.abort.signal.aborted)) return;
  stop();
  put();
}

function stop() {
  clearTimeout(pausing);
  current?.abort.abort();
  next = null;
}

/** After a change by the person: what has been painted makes room for the draft. */
async function follow(what) {
  if (jobInAddress() && what !== "content" && !isWatching() && toInstantRequest(draft)) await goToDraft();
  refresh();
}

function forget() {
  stop();
  if (last) showDraft();
  last = null;
  show($("instant"), false);
}

function askFor(asked) {
  stop();
  next = asked;
  pausing = setTimeout(paintAll, PAUSE_MS);
  tell("Painting …");
}

/** One request at a time: each is answered in a moment, and then only the newest is sent. */
async function paintAll() {
  if (current) return;
  while (next) {
    const asked = next;
    next = null;
    current = { asked, abort: new AbortController() };
    await paint(asked, current.abort.signal).finally(() => (current = null));
  }
}

async function paint(asked, signal) {
  const begun = performance.now();
  let job = null;
  try {
    if ((await misfits()).length) throw new Error("A mask was painted over a photograph of another shape.");
    job = await posted(asked, signal);
    if (isLive(job)) job = await ended(job, signal);
    if (job.status !== "succeeded") throw new Error(job.error ? inSentences(job.error) : `The picture was ${job.status}.`);
    const blob = await fetchPicture(job.links.image, signal);
    signal.throwIfAborted();
    last = { asked, blob, seconds: (performance.now() - begun) / 1000 };
    forgetPainted(asked.names);
    supersedeBy(job.id);
  } catch (error) {
    if (job) discard(job.id);
    if (signal.aborted) return;
    isForbidden = error.status === FORBIDDEN;
    last = { asked, problem: error instanceof Problem ? inSentences(error.problem) : error.message };
    if (error instanceof Problem) fillShelf(); // a painter may have gone
  }
  clearTimeout(settling);
  settling = setTimeout(refreshGallery, SETTLED_MS);
  put();
}

/** Given up while its pictures are made smaller, but not once it is sent: without its answer nobody would know the job that has to be deleted. */
async function posted({ request, files }, signal) {
  const headers = { Prefer: `wait=${WAIT_S}`, "Idempotency-Key": uniqueName() };
  const parts = await shrunk({ request, files }, signal);
  const send = () => call("v1/transfers", { method: "POST", headers, body: form(request, parts.files) });
  return (await patiently(send, signal)).json();
}

async function ended(job, signal) {
  signal.throwIfAborted();
  if (job.status === "queued") tell("Waiting for a free worker …");
  for await (const { name, data } of watch(job.links, signal)) if (name === "done") return data;
  return patiently(() => getJson(job.links.self, signal), signal);
}

/** Shows the last picture, or why there is none. */
function put() {
  if (jobInAddress() || !last) return;
  const { asked, blob, seconds, problem } = last;
  if (problem) {
    showDraft();
    return tell(`No picture at once. ${problem}`);
  }
  showInstant(draft.content, blob, `Painting in the style of ${listed(asked.names)}`).catch(() => {});
  const words = `Painted in ${briefly(seconds)} by the ${asked.names.length > 1 ? "painters" : "painter"} of ${listed(asked.names)}.`;
  tell(asked.leftOut ? `${words} Only Paint uses ${asked.leftOut}.` : words, blob);
  say(words);
}

function tell(words, blob = null) {
  show($("instant"), true);
  $("instant-words").textContent = words;
  if (blob) offerFile($("instant-download"), blob);
  show($("instant-download"), Boolean(blob));
}

export function setUpInstant() {
  onDraft(follow);
  onPainters(refresh);
  addEventListener("hashchange", keepOpened);
  keepOpened();
}
