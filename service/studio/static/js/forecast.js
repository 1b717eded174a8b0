// What Paint would cost: the seconds it takes here, and how many of the tenant's pictures go first. Beside the button, before it is pressed.
import { $, show } from "./dom.js";
import { draft, onDraft } from "./draft.js";
import { canEstimate, estimate, measure } from "./estimate.js";
import { crowd, othersInWords } from "./queue.js";
import { duration } from "./words.js";

const EVERY_MS = 15_000;
const MEASURED = 8; // every so many times it is also asked what took how long
const UNKNOWN = "how long it takes isn’t known here yet";

let others = 0;
let asked = 0; // when the service was asked last
let known = 0; // times that it told since it was asked what took how long

function draw() {
  const time = timeInWords(estimate(draft));
  const unknown = !time && !others && known && canEstimate(draft) ? UNKNOWN : "";
  const found = [time || unknown, draft.content && others ? `after ${othersInWords(others)}` : ""].filter(Boolean);
  const words = found.join(", ");
  $("estimate").textContent = words.charAt(0).toUpperCase() + words.slice(1);
  show($("estimate"), Boolean(words));
}

function timeInWords(seconds) {
  if (!seconds) return "";
  const [low, high] = [duration(seconds.low), duration(seconds.high)];
  return low === high || seconds.high < 1.5 * seconds.low ? `about ${duration((seconds.low + seconds.high) / 2)}` : `${low} to ${high}`;
}

/** Asks the service how many wait and, `anew` or now and then, what took how long; says nothing of others while it doesn't answer. */
export async function refreshForecast(anew = true) {
  asked = Date.now();
  try {
    [others] = await Promise.all([crowd(), (!anew && known % MEASURED) || measure()]);
    known += 1;
  } catch {
    others = 0;
  }
  draw();
}

function refreshIfOld() {
  if (draft.content && !document.hidden && Date.now() - asked > EVERY_MS) refreshForecast(false);
}

export function setUpForecast() {
  onDraft(() => {
    draw();
    refreshIfOld();
  });
  document.addEventListener("visibilitychange", refreshIfOld);
  setInterval(refreshIfOld, EVERY_MS);
  refreshIfOld();
}
