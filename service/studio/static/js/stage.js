// The stage: the draft's photograph, or a transfer that runs or has ended.
import { $, h, say, show } from "./dom.js";
import { draft } from "./draft.js";
import { addToCurve, beginCurve, forgetCurve } from "./curve.js";
import { clearFrame, setFrame, setStage, showCompare } from "./easel.js";
import { pictureName } from "./names.js";
import { fetchPicture, showBlob, showPicture } from "./pictures.js";
import { OPTION_DEFAULTS } from "./service.js";
import { hideStrip } from "./strip.js";
import { ago, bytes, count, duration, isUnusual, number, optionName, percent, plain, STATUS, stylesOf, took } from "./words.js";

const SAID = ["size", "strength", "content_weight", "style_weight", "color", "iterations"]; // options with words of their own
const LIVE = new Set(["queued", "running"]);
const TITLE = document.title;

export function isLive(job) {
  return LIVE.has(job.status);
}

export function showDraft() {
  document.title = TITLE;
  hideStrip();
  show($("job-caption"), false);
  const { content } = draft;
  show($("draft-caption"), Boolean(content));
  setStage(content ? "picture" : "empty");
  if (!content) return;
  showCompare(false);
  setFrame(content.width, content.height);
  $("frame").classList.remove("waiting");
  $("after").alt = `Your photograph ${content.file.name}`;
  $("content-name").textContent = content.file.name;
  $("content-facts").textContent = `${content.width} × ${content.height}, ${bytes(content.file.size)}`;
  showBlob($("after"), content.file).catch(() => {});
}

/** Shows the picture that painters made of the draft, beside its photograph. */
export async function showInstant(content, blob, alt) {
  setStage("picture");
  setFrame(content.width, content.height);
  await showBlob($("after"), blob);
  $("after").alt = alt;
  if (!$("compare").hidden) return;
  await showBlob($("before"), content.file);
  $("before").alt = `Your photograph ${content.file.name}`;
  showCompare(true);
}

export function showMissing(words) {
  hideStrip();
  show($("draft-caption"), false);
  show($("job-caption"), true);
  for (const id of ["live", "job-why", "download", "cancel", "again", "delete", "job-details"]) show($(id), false);
  chip("lost", "Gone");
  $("job-styles").textContent = $("job-facts").textContent = "";
  setStage("lost", words);
}

/** Shows a transfer without its pictures, which `showPreview` and `showPainting` show. */
export function showJob(job) {
  const live = isLive(job);
  hideStrip();
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
  $("job-options").replaceChildren(...details(job, job.options, job.result));
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

/** Shows the photograph faintly: before the first preview, or if there never was one. */
export async function showWaiting(job, signal) {
  const { width, height } = job.options.content;
  clearFrame();
  setFrame(width, height);
  setStage("picture");
  $("frame").classList.add("waiting");
  $("after").alt = isLive(job) ? "The photograph that is to be painted" : "The photograph";
  await showPicture($("after"), `/v1/transfers/${job.id}/content`, signal);
}

export async function showPreview(job, url, signal) {
  setStage("picture");
  await showPicture($("after"), url, signal);
  $("frame").classList.remove("waiting");
  const far = isLive(job) ? "as far as it is" : "as far as it came";
  $("after").alt = `Painting in the style of ${stylesOf(job.options)}, ${far}`;
}

/** Shows one of a transfer's pictures beside the photograph. */
export async function showPainting(job, i, signal) {
  const { width, height } = job.result;
  const options = optionsOf(job, i);
  setStage("picture");
  const result = await fetchPicture(pathOf(job, i), signal);
  signal.throwIfAborted();
  offer(result, job, i);
  $("job-options").replaceChildren(...details(job, options, job.result.variants[i]));
  await showBlob($("after"), result, signal);
  setFrame(width, height);
  $("frame").classList.remove("waiting");
  $("after").alt = `Painting in the style of ${stylesOf(options)}`;
  if (!$("compare").hidden) return;
  await showPicture($("before"), `/v1/transfers/${job.id}/content`, signal);
  $("before").alt = "The photograph it was made from";
  showCompare(true);
}

/** The path of a transfer's picture. */
export function pathOf(job, i) {
  return job.options.variants.length ? `${job.links.image}?variant=${i}` : job.links.image;
}

/** The options of one of a transfer's pictures. */
function optionsOf({ options }, i) {
  return { ...options, ...options.variants[i], variants: [] };
}

function offer(blob, job, i) {
  offerFile($("download"), blob, pictureName(job.options, i));
}

/** Has a link download a picture. */
export function offerFile(link, blob, name) {
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${blob.type.split("/")[1].replace("jpeg", "jpg")}`;
  show(link, true);
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

function factsOf(job) {
  const { options, result, created_at: created } = job;
  const size = result ? `${result.width} × ${result.height}` : `${options.size} px`;
  const several = options.variants.length > 1 && count(options.variants.length, "picture", "pictures");
  return [size, several, took(job), ago(created)].filter(Boolean).join(" · ");
}

/** Options and figures of a picture: `result` is its own, or null. */
function details({ style_cache: cache, engine }, options, result) {
  const strength = options.strength == null ? null : percent(options.strength);
  const facts = {
    Styles: options.styles.map(styleInWords).join(", "),
    Strength: strength,
    "Content weight": number(options.content_weight),
    "Style weight": number(options.style_weight),
    Colour: { style: "the style’s", match: "matched to the photograph", luminance: "the photograph’s" }[options.color],
    Iterations: result ? `${result.iterations} of ${options.iterations}` : options.iterations,
    "Content loss": result && lossOf(result, "content"),
    "Style loss": result && lossOf(result, "style"),
    "Style cache": cache,
    Computed: engine && `${engine.device}, ${engine.precision}`,
  };
  const others = Object.keys(OPTION_DEFAULTS).filter((name) => !SAID.includes(name) && isUnusual(name, options[name]));
  for (const name of others) facts[optionName(name)] = plain(options[name]);
  for (const name of ["protect", "strength_map"]) if (options[name]) facts[optionName(name)] = "a mask";
  return Object.entries(facts)
    .filter(([, value]) => value != null)
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))));
}

/** One of a picture's losses in words; those of a painter's picture come some seconds after it. */
function lossOf({ losses }, term) {
  return losses ? number(losses[term]) : "not measured yet";
}

function styleInWords({ preset, weight, scale, mask, style_mask: part }) {
  const masked = mask || part ? ", masked" : "";
  return `${preset ?? "own picture"} (weight ${number(weight)}, scale ${number(scale)}${masked})`;
}

export function announce(job) {
  const done = job.options.variants.length > 1 ? "The paintings are done." : "The painting is done.";
  const words = { succeeded: done, failed: "The painting failed.", canceled: "Canceled." }[job.status];
  if (words) say(words);
}
