// The stage: the draft's photograph, or one transfer, live or past.
import { $, h, say, show } from "./dom.js";
import { draft } from "./draft.js";
import { addToCurve, beginCurve, forgetCurve } from "./curve.js";
import { clearFrame, setFrame, setStage, showCompare } from "./easel.js";
import { fetchPicture, showBlob, showPicture } from "./pictures.js";
import { ago, bytes, duration, number, percent, STATUS, stylesOf } from "./words.js";

const LIVE = new Set(["queued", "running"]);
const TITLE = document.title;

export function isLive(job) {
  return LIVE.has(job.status);
}

export function showDraft() {
  document.title = TITLE;
  show($("job-caption"), false);
  const { content } = draft;
  show($("draft-caption"), Boolean(content));
  setStage(content ? "picture" : "empty");
  if (!content) return;
  showCompare(false);
  setFrame(content.width, content.height);
  $("after").alt = `Your photograph ${content.file.name}`;
  $("content-name").textContent = content.file.name;
  $("content-facts").textContent = `${content.width} × ${content.height}, ${bytes(content.file.size)}`;
  showBlob($("after"), content.file).catch(() => {});
}

export function showMissing(words) {
  show($("draft-caption"), false);
  show($("job-caption"), true);
  for (const id of ["live", "job-why", "download", "cancel", "again", "delete", "job-details"]) show($(id), false);
  chip("lost", "Gone");
  $("job-styles").textContent = $("job-facts").textContent = "";
  setStage("lost", words);
}

/** A transfer as it is now; pictures come by `showPreview` and `showResult`. */
export function showJob(job) {
  const live = isLive(job);
  document.title = live ? TITLE : `${STATUS[job.status]}: ${stylesOf(job.options)} – Studio`;
  show($("draft-caption"), false);
  show($("job-caption"), true);
  show($("job-details"), true);
  chip(job.status, STATUS[job.status]);
  $("job-styles").textContent = stylesOf(job.options);
  $("job-facts").textContent = factsOf(job);
  show($("live"), live);
  show($("cancel"), live);
  $("cancel").disabled = false;
  for (const id of ["again", "delete"]) show($(id), !live);
  show($("download"), false);
  why(job);
  $("job-options").replaceChildren(...details(job));
  if (live) {
    beginCurve(job.id);
    showProgress({ ...job.progress, status: job.status });
  } else forgetCurve(job.id);
}

export function showProgress({ status, iteration, iterations, fraction, eta_seconds: eta, losses }) {
  chip(status, STATUS[status]);
  if (status === "running") $("bar").value = fraction;
  else $("bar").removeAttribute("value");
  $("step").textContent = status === "running" ? `Iteration ${iteration} of ${iterations}` : "Waiting for a free worker";
  $("left").textContent = status === "running" ? (eta == null ? "Getting going …" : `About ${duration(eta)} left`) : "";
  document.title = status === "running" ? `${percent(fraction)} painted – Studio` : `${STATUS[status]} – Studio`;
  if (losses) addToCurve(iteration / (iterations || 1), losses.total);
}

/** What there is to see before the first preview: the photograph, faintly. */
export async function showWaiting(job, signal) {
  const { width, height } = job.options.content;
  clearFrame();
  setFrame(width, height);
  setStage("picture");
  $("frame").classList.add("waiting");
  $("after").alt = "The photograph, which is being painted";
  await showPicture($("after"), `/v1/transfers/${job.id}/content`, signal);
}

export async function showPreview(job, url, signal) {
  setStage("picture");
  await showPicture($("after"), url, signal);
  $("frame").classList.remove("waiting");
  $("after").alt = `Painting in the style of ${stylesOf(job.options)}, as far as it is`;
}

export async function showResult(job, signal) {
  const { width, height } = job.result;
  const here = `/v1/transfers/${job.id}`;
  setStage("picture");
  const result = await fetchPicture(`${here}/image`, signal);
  signal.throwIfAborted();
  offer(result, job);
  await showBlob($("after"), result, signal);
  setFrame(width, height);
  $("frame").classList.remove("waiting");
  $("after").alt = `Painting in the style of ${stylesOf(job.options)}`;
  await showPicture($("before"), `${here}/content`, signal);
  $("before").alt = "The photograph it was made from";
  showCompare(true);
}

function offer(blob, job) {
  URL.revokeObjectURL($("download").href);
  $("download").href = URL.createObjectURL(blob);
  $("download").download = `painting-${job.id.slice(0, 8)}.${job.options.format.replace("jpeg", "jpg")}`;
  show($("download"), true);
}

function chip(kind, words) {
  $("job-status").dataset.kind = kind;
  $("job-status").textContent = words;
}

function why(job) {
  const words = {
    failed: job.error?.detail,
    canceled: job.links.preview ? "Canceled. This is how far it had come." : "Canceled before there was anything to see.",
  }[job.status];
  $("job-why").textContent = words ?? "";
  show($("job-why"), Boolean(words));
}

function factsOf({ options, result, timings, created_at: created }) {
  const size = result ? `${result.width} × ${result.height}` : `${options.size} px`;
  return [size, timings.total_s && `painted in ${duration(timings.total_s)}`, ago(created)].filter(Boolean).join(" · ");
}

function details({ options, result, style_cache: cache, engine }) {
  const strength = options.strength == null ? null : percent(options.strength);
  const facts = {
    Styles: options.styles.map((s) => `${s.preset ?? "own picture"} (share ${number(s.weight)}, scale ${number(s.scale)})`).join(", "),
    Strength: strength,
    "Content weight": number(options.content_weight),
    "Style weight": number(options.style_weight),
    Colour: { style: "the style’s", match: "matched to the photograph", luminance: "the photograph’s" }[options.color],
    Iterations: result ? `${result.iterations} of ${options.iterations}` : options.iterations,
    "Content loss": result && number(result.losses.content),
    "Style loss": result && number(result.losses.style),
    "Style cache": cache,
    Computed: engine && `${engine.device}, ${engine.precision}`,
  };
  return Object.entries(facts)
    .filter(([, value]) => value != null)
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))));
}

export function announce(job) {
  const words = { succeeded: "The painting is done.", failed: "The painting failed.", canceled: "Canceled." }[job.status];
  if (words) say(words);
}
