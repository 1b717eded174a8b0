// Puts the page together.
import { jobInAddress } from "./address.js";
import { setUpBrush } from "./brushwork.js";
import { setUpCode } from "./code.js";
import { onDraft, restore, takeAlong } from "./draft.js";
import "./extras.js";
import { keepFocus } from "./focus.js";
import { setUpForecast } from "./forecast.js";
import { markOpen, refreshGallery } from "./gallery.js";
import { returnToInstant, setUpInstant } from "./instant.js";
import { leaveJob, openJob, setUpJob } from "./job.js";
import { setUpKey } from "./key.js";
import { setUpLessons } from "./lessons.js";
import "./mixer.js";
import { setUpPeek } from "./peek.js";
import { setUpPicking } from "./picker.js";
import { setUpLibrary } from "./library.js";
import { setUpPresets } from "./presets.js";
import { setUpSelection } from "./selection.js";
import { setUpSeries } from "./series_choice.js";
import { setUpSettings } from "./settings.js";
import { fillShelf } from "./shelf.js";
import { showDraft } from "./stage.js";
import { setUpSending } from "./submit.js";
import { setUpTints } from "./tints.js";
import { setUpViewer } from "./viewer.js";
import { setUpWhere } from "./where.js";

function route() {
  if (jobInAddress()) openJob(jobInAddress());
  else {
    leaveJob();
    showDraft();
    returnToInstant();
  }
  markOpen();
  keepFocus();
}

/** Shows the draft's photograph. The button that chose it makes room for it: the focus mustn't go with it. */
function showContent() {
  if (jobInAddress()) return;
  showDraft();
  keepFocus();
}

/** Has a link within the page scroll without a change of the address, which says what the stage shows. */
function keepAddress(link) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const target = document.querySelector(link.hash);
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  });
}

function load() {
  fillShelf();
  refreshGallery();
  route();
}

setUpPicking();
setUpPeek();
setUpSettings();
setUpSeries();
setUpBrush();
setUpWhere();
setUpTints();
setUpViewer();
setUpSelection();
setUpSending();
setUpPresets();
setUpLibrary();
setUpCode();
setUpJob();
onDraft((what) => what === "content" && showContent());
setUpKey(load, takeAlong);
document.querySelectorAll('[href="#stage"], [href="#gallery"]').forEach(keepAddress);
addEventListener("hashchange", () => {
  route();
  if (jobInAddress()) document.getElementById("stage").scrollIntoView();
});
await restore();
setUpInstant(); // what was restored is no change by the person
setUpLessons();
setUpForecast();
load();
document.documentElement.dataset.ready = "yes";
