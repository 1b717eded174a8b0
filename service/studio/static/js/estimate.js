// How long the draft would take here, from what the service's ended transfers took. It is silent where none was like it.
import { getJson } from "./api.js";
import { hasOwnStyles } from "./draft.js";
import { isSize } from "./instant_request.js";
import { OPTION_DEFAULTS } from "./service.js";
import { pictureCount, seriesOf } from "./series.js";

const SAMPLE = 50; // ended transfers that are looked at
const NEAREST = 5; // of them count
const AS_NEAR = 1.5; // times as many pixels as the nearest one's difference: others are left out
const FAR = 8; // times as much work, or as little: from there on a measurement says nothing
const SPREAD = 4; // highest to lowest figure, beyond which they say nothing
const SAME = ["levels", "tolerance", "optimizer"]; // options that change the time of an iteration, or their number

let measured = [];

/** Takes what ended transfers took. */
export async function measure() {
  const { items } = await getJson(`v1/transfers?status=succeeded&limit=${SAMPLE}`);
  measured = items.filter(({ options, result }) => options.method !== "painter" && result.iterations > 0).map(sampleOf);
}

function sampleOf({ options, result, timings }) {
  const pictures = Math.max(1, options.variants.length);
  const done = result.iterations / pictures;
  return {
    options,
    kind: kindOf(pictures, options.variants[0]?.init ?? options.init),
    pixels: result.width * result.height,
    done, // iterations of one picture
    most: done < options.iterations ? done : Infinity, // the iterations after which it had converged
    seconds: (timings.total_s - timings.queued_s) / pictures,
  };
}

/** What tells transfers apart whose pictures take different numbers of iterations: several or one, and how they begin. */
function kindOf(pictures, init) {
  return `${pictures > 1} ${typeof init === "string" ? init : "image"}`;
}

/** Whether the draft has all that its time depends on. */
export function canEstimate(draft) {
  return workOf(draft) !== null && (draft.mix.length > 0 || hasOwnStyles(draft.extras));
}

/** Seconds of painting for the draft, {low, high}; null where nothing like it has been measured. */
export function estimate(draft) {
  const work = workOf(draft);
  if (!work) return null;
  const far = ({ pixels }) => Math.abs(Math.log(work.pixels / pixels));
  const like = measured.filter((sample) => far(sample) < Math.log(FAR) && SAME.every((name) => sample.options[name] === work[name]));
  const ofKind = like.filter(({ kind }) => kind === work.kind);
  const known = ofKind.length ? ofKind : like;
  const nearest = Math.min(...known.map(far)) + Math.log(AS_NEAR);
  const found = known.filter((sample) => far(sample) <= nearest).slice(0, NEAREST).map((sample) => secondsBy(sample, work));
  const [low, high] = [Math.min(...found), Math.max(...found)];
  return found.length && high / low < SPREAD ? { low, high } : null;
}

/** The draft's pixels, iterations and pictures; null while something of it is missing. */
function workOf({ content, mix, settings, extras }) {
  const given = Object.fromEntries(extras.map(({ name, value }) => [name, value]));
  const [size, iterations] = [Number(settings.size), Number(settings.iterations || OPTION_DEFAULTS.iterations)];
  if (!content || !isSize(settings.size) || !(iterations > 0) || given.method === "painter") return null;
  const { width, height } = content;
  const same = Object.fromEntries(SAME.map((name) => [name, given[name] ?? OPTION_DEFAULTS[name]]));
  const pictures = pictureCount({ mix, settings, extras });
  const init = seriesOf({ settings, extras }) === "seeds" ? "random" : (given.init ?? settings.init);
  return { ...same, kind: kindOf(pictures, init), pixels: (size * size * Math.min(width, height)) / Math.max(width, height), iterations, pictures };
}

function secondsBy(sample, work) {
  const iterations = Math.min(work.iterations, sample.most);
  return sample.seconds * (work.pixels / sample.pixels) * (iterations / sample.done) * work.pictures;
}
