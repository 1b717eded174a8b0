// "Paint": sends the draft. A request without an answer is repeated with the same Idempotency-Key, so that it makes one job.
import { goToDraft, goToJob } from "./address.js";
import { call, form, Problem } from "./api.js";
import { $, h, say, show } from "./dom.js";
import { draft, hasOwnStyles, nameOf, onDraft, shares } from "./draft.js";
import { focusProblem, focusStage } from "./focus.js";
import { refreshGallery } from "./gallery.js";
import { patiently } from "./patience.js";
import { clearProblems, showProblem, showProblems } from "./problems.js";
import { Bar } from "./sending.js";
import { savedWords, shrunk } from "./shrink.js";
import { uniqueName } from "./random.js";
import { toRequest } from "./request.js";
import { pictureCount, seriesOf, walkProblem } from "./series.js";
import { wrongNumbers } from "./settings.js";
import { checkFit, PLACES } from "./where.js";
import { count } from "./words.js";

const TOO_LARGE = 413;

let sending = null;

async function send() {
  sending = new AbortController();
  try {
    await sendDraft();
  } finally {
    busy(false);
    sending = null;
  }
}

async function sendDraft() {
  clearProblems(document);
  tell("");
  if (await missing()) return;
  busy(true);
  try {
    const job = await posted(sending.signal);
    refreshGallery();
    goToJob(job.id);
    focusStage();
    say("Sent. The painting begins.");
  } catch (error) {
    if (!sending.signal.aborted) await explain(error);
  }
}

/** Says what the draft still lacks, beside its place. Resolves with whether something is missing. */
async function missing() {
  if (!draft.content) {
    await goToDraft();
    showProblem($("canvas"), "content", "Choose a photograph first");
  }
  const styled = draft.mix.length > 0 || hasOwnStyles(draft.extras);
  if (!styled) showProblem($("styles"), "styles", "Pick at least one style");
  const lost = styled && seriesOf(draft) === "walk" && walkProblem(draft.mix);
  if (lost) showProblem($("look"), "variants", lost);
  const wrong = wrongNumbers();
  for (const [name, words] of wrong) showProblem($("look"), name, words);
  const lacks = !draft.content || !styled || lost || wrong.length > 0 || (await checkFit());
  if (lacks && !focusProblem()) $("add-style").focus();
  return lacks;
}

async function posted(signal) {
  const { request, files } = toRequest(draft);
  const smaller = await shrunk({ request, files }, signal);
  const body = form(request, smaller.files);
  const bar = new Bar($("paint-sending"), "How much of the pictures has been sent");
  const onSent = bar.sent(savedWords(files, smaller.files));
  const options = { method: "POST", headers: { "Idempotency-Key": uniqueName() }, body, signal, onSent };
  const response = await patiently(() => call("v1/transfers", options), signal).finally(() => bar.end());
  return response.json();
}

async function explain(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.problem.errors?.some(({ loc }) => loc === "content")) await goToDraft();
  const words = showProblems(document, error.problem);
  if (error.status === TOO_LARGE) words.push("Choose smaller pictures.");
  tell(words.join(" "));
  focusProblem();
}

function tell(words) {
  $("paint-problem").textContent = words;
  show($("paint-problem"), Boolean(words));
}

function busy(is) {
  $("paint").setAttribute("aria-disabled", String(is));
  $("paint-label").textContent = is ? "Sending …" : "Paint";
  show($("stop-sending"), is);
}

function summary() {
  const { content, mix, settings, extras } = draft;
  const carried = extras.filter(({ name }) => name && !(name in PLACES));
  const none = hasOwnStyles(extras) ? "styles of their own" : "no style yet";
  const parts = shares(mix);
  const styles = mix.length > 2 ? count(mix.length, "style", "styles") : mix.filter((_, i) => parts[i]).map(nameOf).join(" + ");
  const words = [styles || none, settings.size && `${settings.size} px`];
  if (seriesOf(draft) !== "one") words.push(count(pictureCount(draft), "picture", "pictures"));
  if (carried.length) words.push(count(carried.length, "thing carried over", "things carried over"));
  const photograph = h("span", { id: "summary-photo" }, `${content?.file.name ?? "no photograph yet"} · `);
  $("summary").replaceChildren(photograph, words.filter(Boolean).join(" · "));
}

export function setUpSending() {
  $("look").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!sending) send();
  });
  $("styles").addEventListener("submit", (event) => event.preventDefault());
  $("stop-sending").addEventListener("click", () => {
    sending?.abort();
    $("paint").focus();
  });
  onDraft(() => {
    tell("");
    summary();
  });
  summary();
}
