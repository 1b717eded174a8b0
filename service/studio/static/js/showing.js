// What the stage shows of a transfer: its newest preview, or one of its pictures. Where there are several, a strip offers
// each as soon as it is done.
import { Problem } from "./api.js";
import { pathOf } from "./paintings.js";
import { isLive, showPainting, showPreview, showUnfinished } from "./stage.js";
import { fillCell, hideStrip, markCell, offerCells, sayCell, showStrip } from "./strip.js";
import { variantLabels } from "./words.js";

export class Showing {
  /** `save` saves the picture of a number; `fail` takes the error of a picture that can't be shown. */
  constructor(job, signal, { save, fail }) {
    Object.assign(this, { job, signal, fail });
    this.count = Math.max(1, job.options.variants.length);
    this.chosen = null; // the number of the picture on the stage; null while that is what is being painted
    this.done = 0;
    this.preview = null; // the address of the newest one
    this.turn = new AbortController(); // of what is loading: a newer choice or preview cancels it
    this.fetched = 0; // small pictures that have been asked for
    this.fetching = Promise.resolve(); // one after another: each is a full-size file
    if (this.count > 1) showStrip(variantLabels(job.options), (i) => this.press(i), save);
    else hideStrip();
  }

  /** Takes note of how many pictures are done, and whether the next one is being painted. */
  take(done, isPainting) {
    this.done = done;
    const painted = isPainting ? done : -1;
    offerCells(done, painted);
    if (this.chosen === null) markCell(painted);
    this.fill();
  }

  /** Takes a newer preview, and shows it unless the person looks at a picture that is done. */
  takePreview(url) {
    this.preview = url;
    if (this.chosen === null) this.look(null);
  }

  /** Shows what a transfer that has ended made: the chosen picture, or else the first; if none was finished, how far it came. */
  async end(job) {
    this.job = job;
    this.preview = job.links.preview;
    this.done = job.progress.pictures;
    if (!this.done) {
      hideStrip();
      return this.look(null);
    }
    offerCells(this.done);
    markCell(this.chosen ?? 0);
    await this.look(this.chosen ?? 0);
    this.fill();
  }

  press(i) {
    markCell(i);
    sayCell(i);
    this.look(i < this.done ? i : null);
  }

  look(i) {
    if (this.chosen !== null && i === null) showUnfinished(this.job);
    this.chosen = i;
    this.turn.abort();
    this.turn = new AbortController();
    const signal = AbortSignal.any([this.signal, this.turn.signal]);
    if (i !== null) return unlessUnreadable(showPainting(this.job, i, signal)).catch((error) => signal.aborted || this.fail(error));
    if (!this.preview) return undefined;
    const shown = showPreview(this.job, this.preview, signal);
    return isLive(this.job) ? shown.catch(() => {}) : shown; // a newer one will come
  }

  /** Fetches the small pictures of those that are done. */
  fill() {
    for (; this.count > 1 && this.fetched < this.done; this.fetched++) {
      const i = this.fetched;
      this.fetching = this.fetching.then(() => this.signal.aborted || fillCell(i, pathOf(this.job, i), this.signal));
    }
  }
}

/** Ignores a picture that this browser can't read, but not one that the service no longer has. */
export function unlessUnreadable(promise) {
  return promise.catch((error) => {
    if (error instanceof Problem) throw error;
  });
}
