// A bar that shows how much of an upload or a download is done.
import { h, show } from "./dom.js";
import { bytes } from "./words.js";

const LEAST = 50_000; // bytes: what is smaller is there before a bar could be seen

/** A bar in an element of the page, which is hidden where nothing is under way. */
export class Bar {
  constructor(place, label) {
    this.place = place;
    this.bar = h("progress", { max: 1, "aria-label": label });
    this.words = h("p", { class: "hint" });
    place.replaceChildren(this.bar, this.words);
    show(place, false);
  }

  /** A function for `onSent` of a call; `before` is said before the numbers. */
  sent(before = "") {
    return (some, all) => {
      if (all < LEAST || (some >= all && this.place.hidden)) return;
      this.put(some / all, `${before}${some < all ? `${bytes(some)} of ${bytes(all)} sent` : "Sent. The service looks at it …"}`);
    };
  }

  /** A function for `onCame` of a download. */
  came(some, all) {
    this.put(all && some / all, all ? `${bytes(some)} of ${bytes(all)}` : bytes(some));
  }

  /** Shows a share of the work, null where it isn't known, with words. */
  put(share, words) {
    show(this.place, true);
    if (share === null || share >= 1) this.bar.removeAttribute("value");
    else this.bar.value = share;
    this.words.textContent = words;
  }

  end() {
    show(this.place, false);
  }
}
