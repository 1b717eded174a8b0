// The API key, if the service asks for one: kept for this visit, or on this device if the person wants that. What the page
// shows and remembers belongs to its key: another one begins with a new page.
import { crc32 } from "./crc.js";
import { $, ask, say, show } from "./dom.js";
import { device, visit } from "./memory.js";
import { clearProblems, showProblem } from "./problems.js";

const KEPT = "studio.key";
const OWNER = "studio.owner"; // the mark of the key that the rest of this visit's memory belongs to
const ASKED = "v1/styles?limit=1"; // to see whether the service knows a key
const UNAUTHORIZED = 401;
const UNKNOWN = "The service doesn’t know this key.";

let key = kept();
let asking = null;
let declined = false;
let leave = null; // (mark) called before the page begins anew with the key of that mark; false where that loses something

if ((visit.get(OWNER) ?? keyMark()) !== keyMark()) visit.forgetAllBut(KEPT);
visit.set(OWNER, keyMark());
show($("key-button"), Boolean(key));

function kept() {
  return visit.get(KEPT) ?? device.get(KEPT) ?? "";
}

export function currentKey() {
  return key;
}

/** What stands for a key beside what belongs to it: too short to tell the key. */
export function keyMark(of = key) {
  return of && crc32(new TextEncoder().encode(of)).toString(16);
}

/** A key other than `refused`; null if the person gives none. */
export async function keyInsteadOf(refused) {
  if (key && key !== refused) return key;
  show($("key-button"), true);
  if (declined) return null;
  const given = await askOnce(refused);
  declined = given === null;
  return given;
}

/** Asks for a key. Calls at the same time share one dialog. */
function askOnce(refused) {
  asking ??= askForKey(refused).finally(() => (asking = null));
  return asking;
}

async function askForKey(refused) {
  clearProblems($("key-form"));
  if (refused) showProblem($("key-form"), "key", UNKNOWN);
  show($("key-forget"), Boolean(key));
  const given = await ask($("key-dialog"));
  $("key").value = "";
  return given ? use(given) : null;
}

/** Keeps a key that the service knows. Another one than before begins with a new page, unless the browser can't keep it. */
async function use(given) {
  for (const memory of [device, visit]) memory.forget(KEPT);
  ($("key-keep").checked ? device : visit).set(KEPT, given);
  if (given !== key && (key || kept() === given)) {
    const isKept = await leave(keyMark(given));
    if (key || isKept) {
      location.reload();
      await new Promise(() => {});
    }
  }
  key = given;
  visit.set(OWNER, keyMark());
  return key;
}

function forget() {
  for (const memory of [device, visit]) memory.forget(KEPT);
  location.reload();
}

/** Why a key can't be used, in words; empty if it can. */
async function problemOf(typed) {
  if (!/^[\x21-\x7e]+$/.test(typed)) return typed ? "A key has neither spaces nor accents." : "Type the key first.";
  const response = await fetch(ASKED, { headers: { "X-API-Key": typed } }).catch(() => null);
  if (response?.status === UNAUTHORIZED) return UNKNOWN;
  return response?.status < 500 ? "" : "The service doesn’t answer. Try again.";
}

async function check() {
  const typed = $("key").value.trim();
  const problem = await problemOf(typed);
  if ($("key").value.trim() !== typed) return; // it was closed, or another one is being typed
  clearProblems($("key-form"));
  if (problem) {
    showProblem($("key-form"), "key", problem);
    say(problem);
  } else $("key-dialog").close(typed);
}

/** `load` is called when the person has given the page's key again, `leaving` as `leave` above. */
export function setUpKey(load, leaving) {
  leave = leaving;
  $("key-forget").addEventListener("click", forget);
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  $("key-button").addEventListener("click", async () => {
    if (!(await askOnce(""))) return;
    declined = false;
    load();
  });
}
