// Retries while the service can't be reached: with growing pauses, and a banner that says so.
import { Problem, Unreachable } from "./api.js";
import { $, show } from "./dom.js";
import { keepFocus } from "./focus.js";

const PAUSES_S = [1, 2, 3, 5, 8];
const PATIENCE_S = 120;
const LONGEST_PAUSE_S = 60; // a place may be free sooner than the service expects
const PASSING = new Set([429, 502, 503, 504]);

const waiting = new Set();

/** The result of `attempt`, after as many retries as it takes. Throws errors that don't pass. */
export async function patiently(attempt, signal) {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      const seconds = Math.min(error.retryAfter ?? PAUSES_S[Math.min(tries, PAUSES_S.length - 1)], LONGEST_PAUSE_S);
      await pause(error.message, seconds, signal);
    }
  }
}

export function isPassing(error) {
  if (error instanceof Unreachable) return true;
  return error instanceof Problem && PASSING.has(error.status) && !isLasting(error);
}

/** Whether a limit refuses for longer than anybody waits before the page: its words say what to do. Jobs that wait end. */
function isLasting(error) {
  const { name, used } = error.problem.limit ?? {};
  if (error.status !== 429 || (name === "waiting_jobs" && used > 0)) return false;
  return !(error.retryAfter <= PATIENCE_S && error.retryAfter);
}

/** Waits some seconds, or until the person presses "Try now" or the network is back. */
function pause(words, seconds, signal) {
  return new Promise((resolve, reject) => {
    const entry = { words, end: Date.now() + 1000 * seconds, done };
    const timer = setTimeout(done, 1000 * seconds);
    function done() {
      clearTimeout(timer);
      waiting.delete(entry);
      signal?.removeEventListener("abort", stopped);
      // the banner stays during the next try, so that it doesn't flicker
      setTimeout(draw, 400);
      resolve();
    }
    function stopped() {
      clearTimeout(timer);
      waiting.delete(entry);
      draw();
      reject(signal.reason);
    }
    signal?.addEventListener("abort", stopped, { once: true });
    waiting.add(entry);
    draw();
  });
}

function draw() {
  show($("banner"), waiting.size > 0);
  const [first] = [...waiting].sort((a, b) => a.end - b.end);
  if (!first) return keepFocus(); // which may have been on "Try now"
  const words = /[.!?]$/.test(first.words) ? first.words : `${first.words}.`;
  if ($("banner-text").textContent !== words) $("banner-text").textContent = words;
  const seconds = Math.max(1, Math.ceil((first.end - Date.now()) / 1000));
  $("banner-wait").textContent = `Nothing is lost. Trying again in ${seconds} s …`;
}

function tryNow() {
  for (const entry of [...waiting]) entry.done();
}

setInterval(() => waiting.size && draw(), 500);
$("banner-now").addEventListener("click", tryNow);
window.addEventListener("online", tryNow);
