// How far a transfer is: in percent and seconds, and by the curve of its loss.
import { addToCurve } from "./curve.js";
import { $ } from "./dom.js";
import { before, othersInWords } from "./queue.js";
import { duration, STATUS } from "./words.js";

const ASK_MS = 4000; // between two questions how many go before

export function chip(kind, words) {
  $("job-status").dataset.kind = kind;
  $("job-status").textContent = words;
}

/** Shows a transfer's progress; the percents are those of the bar, as iterations at a coarse level count less. */
export function showProgress({ status, iteration, iterations, fraction, eta_seconds: eta, losses }) {
  const running = status === "running";
  const painted = `${Math.floor(100 * fraction)} % painted`;
  chip(status, STATUS[status]);
  if (running) $("bar").value = fraction;
  else $("bar").removeAttribute("value");
  if (running || !$("step").textContent.startsWith("Waiting")) $("step").textContent = running ? painted : "Waiting for a free worker";
  $("left").textContent = running ? leftInWords(fraction, eta) : "";
  document.title = `${running ? painted : STATUS[status]} – Studio`;
  if (losses) addToCurve({ iteration, iterations, fraction, loss: losses.total });
}

function leftInWords(fraction, eta) {
  if (fraction >= 1) return "Saving the picture …";
  return eta == null ? "Getting going …" : `About ${duration(eta)} left`;
}

/** Says how many go before a transfer, as long as it waits. */
export async function tellPlace(job, signal) {
  const waits = () => !signal.aborted && $("job-status").dataset.kind === "queued";
  while (waits()) {
    const others = await before(job).catch(() => null);
    if (!waits()) return;
    if (others !== null) $("step").textContent = others ? `Waiting: ${othersInWords(others)} first` : "Waiting: it is next";
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
}
