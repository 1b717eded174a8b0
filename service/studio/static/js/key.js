// The API key, if the service asks for one: kept for this visit, or on this device if the person wants that.
import { $, ask, show } from "./dom.js";
import { device, visit } from "./memory.js";
import { clearProblems, showProblem } from "./problems.js";

const KEPT = "studio.key";

let key = visit.get(KEPT) ?? device.get(KEPT) ?? "";
let asking = null;
let declined = false;

export function currentKey() {
  return key;
}

/** A key other than `refused`; null if the person gives none. Calls at the same time share one dialog. */
export async function keyInsteadOf(refused) {
  if (key && key !== refused) return key;
  show($("key-button"), true);
  if (declined) return null;
  asking ??= askForKey(refused).finally(() => (asking = null));
  return asking;
}

async function askForKey(refused) {
  clearProblems($("key-form"));
  $("key").value = "";
  if (refused) showProblem($("key-form"), "key", "The service doesn’t know this key.");
  const given = (await ask($("key-dialog"))) === "given";
  declined = !given;
  if (!given) return null;
  key = $("key").value.trim();
  for (const memory of [device, visit]) memory.forget(KEPT);
  ($("key-keep").checked ? device : visit).set(KEPT, key);
  return key;
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = $("key").value.trim();
  if (/^[\x21-\x7e]+$/.test(typed)) $("key-dialog").close("given");
  else showProblem($("key-form"), "key", typed ? "A key has neither spaces nor accents." : "Type the key first.");
});

/** Asks again when the person wants to give a key after all, and calls `then` once there is one. */
export function onNewKey(then) {
  $("key-button").addEventListener("click", async () => {
    declined = false;
    if (await askForKey("")) then();
  });
}
