// A bar that shows how much of an upload or a download is done.
import { h, show } from "./dom.js";
import { bytes, duration } from "./words.js";

const LEAST = 50_000; // bytes: what is smaller is there before a bar could be seen

/** A bar in an element of the page, which is hidden where nothing is under way. */
export class Bar {
  constructor(place, label) {
    this.place = place;
    this.bar = h("progress", { max: 1, "aria-label": label });
    this.words = h("p", { class: "hint" });
    this.clock = null; // ticks while nobody knows how much is left
    place.replaceChildren(this.bar, this.words);
    show(place, false);
  }

  /** A function for `onSent` of a call; `before` is said before the numbers. */
  sent(before = "") {
    return (some, all) => {
      if (all < LEAST || (some >= all && this.place.hidden)) return;
      if (some < all) this.put(some / all, `${before}${bytes(some)} of ${bytes(all)} sent`);
      else this.wait(`${before}Sent. The service looks at it …`);
    };
  }

  /** A function for `onCame` of a download. */
  came(some, all) {
    this.put(all && some / all, all ? `${bytes(some)} of ${bytes(all)}` : bytes(some));
  }

  /** Shows a share of the work, null where it isn't known, with words. */
  put(share, words) {
    clearInterval(this.clock);
    show(this.place, true);
    if (share === null || share >= 1) this.bar.removeAttribute("value");
    else this.bar.value = share;
    this.words.textContent = words;
  }

  /** Shows that the service is at work, and how long it has been: nobody knows how much is left. */
  wait(words) {
    const begun = Date.now();
    this.put(null, words);
    this.clock = setInterval(() => (this.words.textContent = `${words} ${duration((Date.now() - begun) / 1000)} so far`), 1000);
  }

  end() {
    clearInterval(this.clock);
    show(this.place, false);
  }
}
