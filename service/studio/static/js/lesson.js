// A preset's row among the painters: the offer to teach it one, how it learns, or why it could not.
import { $, h, icon, say, show } from "./dom.js";
import { learns, painterOf } from "./painters.js";
import { showNothing, showPicture } from "./pictures.js";
import { emptyPlot, plot } from "./plot.js";
import { stopTeaching, teach } from "./teaching.js";
import { duration, number, percent } from "./words.js";

/** A row: its `element`, which `update` brings up to date and `leave` takes away. */
export class Lesson {
  constructor(name) {
    this.name = name;
    this.busy = false; // while a request of the button is under way
    this.refused = ""; // the words of the last one that the service refused
    this.words = h("p", { class: "hint" });
    this.bar = h("progress", { max: 1, value: 0, "aria-label": `How far ${name} has learned` });
    this.curve = emptyPlot();
    this.loss = h("output", {});
    this.figure = h("figure", { class: "curve" }, this.curve, h("figcaption", {}, "Loss on held-out pictures ", this.loss));
    this.sheet = h("img", { class: "sheet", alt: `Four pictures as ${name} paints them now`, width: 512, height: 512 });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.button = h("button", { type: "button", class: "small", onclick: () => this.press() });
    const parts = [h("strong", { title: name }, name), this.words, this.bar, this.figure, this.sheet, this.problem, this.button];
    this.element = h("li", { class: "lesson", data: { lesson: name } }, parts);
  }

  update() {
    const { status, fraction, eta_seconds: eta, losses, sheet, error, size, lost } = painterOf(this.name);
    const live = learns(this.name);
    this.element.dataset.status = status;
    this.words.textContent = live ? progressWords(status, fraction, eta) : "";
    this.setBar(live, status, fraction);
    this.setCurve(live ? (losses ?? []) : []);
    this.setSheet(live ? sheet : undefined);
    this.tell(this.refused || troubleWords(status, error, lost));
    const again = size == null ? "Cancel" : "Cancel, and remove its painter";
    this.label(live ? "x" : "spark", live ? again : status === "failed" ? "Try again" : "Teach it");
  }

  setBar(live, status, fraction) {
    show(this.bar, live);
    if (status === "learning" || fraction > 0) this.bar.value = fraction ?? 0;
    else this.bar.removeAttribute("value");
  }

  /** A check whose losses aren't there, or weren't finite, is left out. */
  setCurve(checks) {
    const points = checks.filter(({ total }) => total != null).map(({ seconds, total }) => [seconds, total]);
    show(this.figure, points.length > 0);
    if (!points.length) return;
    const [first, last] = [points[0], points.at(-1)];
    const span = last[0] - first[0] || 1;
    this.loss.textContent = number(last[1]);
    const words = `Loss so far: from ${number(first[1])} to ${number(last[1])}`;
    plot(this.curve, points.map(([seconds, total]) => [(seconds - first[0]) / span, total]), words);
  }

  /** Shows the newest sheet; an older one that is still loading is given up. */
  setSheet(path) {
    show(this.sheet, Boolean(path));
    if (path === this.path) return;
    this.path = path;
    this.loading?.abort();
    if (!path) return showNothing(this.sheet);
    this.loading = new AbortController();
    showPicture(this.sheet, path, this.loading.signal).catch(() => {}); // a newer one will come
  }

  label(symbol, words) {
    if (this.button.textContent === words) return;
    this.button.replaceChildren(icon(symbol), words);
    this.button.setAttribute("aria-label", `${words}: ${this.name}`);
  }

  async press() {
    if (this.busy) return;
    this.busy = true;
    this.button.setAttribute("aria-disabled", "true");
    this.refused = "";
    const live = learns(this.name);
    try {
      await (live ? stopTeaching(this.name) : teach(this.name));
      say(live ? "Canceled." : `${this.name} begins to learn.`);
    } catch (error) {
      this.refused = error.message;
    } finally {
      this.busy = false;
      this.button.removeAttribute("aria-disabled");
      this.update();
    }
  }

  tell(words) {
    this.problem.textContent = words;
    show(this.problem, Boolean(words));
  }

  leave() {
    if (this.element.contains(document.activeElement)) $("add-style").focus();
    this.loading?.abort();
    showNothing(this.sheet);
    this.element.remove();
  }
}

function troubleWords(status, error, lost) {
  if (lost) return `How it learns can’t be shown: ${lost}`;
  if (status !== "failed") return "";
  return error ? `It could not learn: ${error.detail}` : "It could not learn."; // why is being looked up
}

function progressWords(status, fraction, eta) {
  const far = fraction > 0 ? `${percent(fraction)} learned. ` : "";
  if (status === "queued") return `${far}Waiting: other jobs go first.`;
  return `${far}${eta == null ? "Getting going …" : `About ${duration(eta)} left.`}`;
}
