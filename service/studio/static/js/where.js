// "Where": the masks over the photograph, for what stays, for the strength, and for each style.
import { goToDraft } from "./address.js";
import { paintMask } from "./brushwork.js";
import { $, h, icon, say, show } from "./dom.js";
import { change, draft, onDraft, removeExtra, setUnfinished, withStyle } from "./draft.js";
import { focusProblem } from "./focus.js";
import { clearProblemOf, showProblem } from "./problems.js";
import { sizeOf } from "./pictures.js";
import { offerUndo } from "./undo.js";

const ASPECT = 0.02; // by which a mask's aspect ratio may differ from the photograph's

/** The masks that belong to the whole picture; in the draft they are extras with these names. */
export const PLACES = {
  protect: {
    words: "What stays as it is: a mask",
    label: "What stays as it is",
    title: "What stays as it is",
    hint: "Paint over what the painting must not touch. A soft edge blends in.",
    tint: 0, // which of the photograph's colours of masks
    name: "stays.png",
  },
  strength_map: {
    words: "Where it is strong: a mask",
    label: "Where it is strong",
    title: "Where the style is strong",
    hint: "The style is at full strength where there is colour. Erase where it should be weaker, half with half the amount.",
    tint: 2,
    whole: true,
    name: "strength.png",
  },
};
let photograph = null; // the newest one's file
let old = new Set(); // masks that were there before it
const OF_STYLE = { hint: "Paint where this style goes. Styles without a mask go where the others leave room.", name: "where.png" };

/** Which of the photograph's colours the mask of a style at a place of the mix has. */
export function tintOfStyle(i) {
  return PLACES.protect.tint + 1 + i;
}

function maskOf(name) {
  return draft.extras.find((extra) => extra.name === name);
}

async function paintPlace(name) {
  const file = await paintedMask({ ...PLACES[name], file: maskOf(name)?.value }, "extras", (mask) => withMask(name, mask));
  if (file === undefined) return;
  clearProblemOf(document, name);
  say(file ? "The mask is kept." : "No mask: it would change nothing.");
}

/** The draft's extras with a mask at a place, or without one there. */
function withMask(name, file) {
  const others = draft.extras.filter((one) => one.name !== name);
  return file ? [...others, { name, words: PLACES[name].words, value: file }] : others;
}

/** Has a mask painted and puts it into a part of the draft; `withFile` returns that part with a mask. Resolves as paintMask does. */
async function paintedMask(about, part, withFile) {
  const file = await paintMask({ ...about, keep: (mask) => setUnfinished({ [part]: withFile(mask) }) });
  if (file !== undefined) change(part, withFile(file));
  setUnfinished(null);
  return file;
}

/** Lets the person paint the mask of a style of the mix. */
export async function paintStyleMask(id, name) {
  if (!draft.content) {
    await goToDraft();
    showProblem(document, "content", "Choose a photograph first");
    focusProblem();
    return;
  }
  const at = draft.mix.findIndex((one) => one.id === id);
  const about = { ...OF_STYLE, title: `Where ${name} goes`, tint: tintOfStyle(at), file: draft.mix[at].mask };
  await paintedMask(about, "mix", (mask) => withStyle(id, { mask: mask ?? undefined }));
}

function rowOf(name) {
  const remove = () => {
    const mask = maskOf(name);
    removeExtra(mask);
    clearProblemOf(document, name);
    $("where").querySelector(`[data-loc=${name}] button`).focus();
    offerUndo(`${PLACES[name].label}: the mask is taken out.`, () => change("extras", withMask(name, mask.value)));
  };
  return h(
    "div",
    { class: "field place", data: { loc: name } },
    h("span", {}, PLACES[name].label),
    h("button", { type: "button", class: "small", onclick: () => paintPlace(name) }, icon("brush"), h("span", {}, "Paint it")),
    h("button", { type: "button", class: "icon", "aria-label": `Take out: ${PLACES[name].label}`, onclick: remove }, icon("x")),
    h("p", { class: "problem", hidden: true }),
  );
}

function draw() {
  for (const row of $("where").querySelectorAll("[data-loc]")) {
    const { loc } = row.dataset;
    const [paint, remove] = row.querySelectorAll("button");
    const painted = Boolean(maskOf(loc));
    row.classList.toggle("painted", painted);
    paint.disabled = !draft.content;
    paint.querySelector("span").textContent = painted ? "Change" : "Paint it";
    paint.title = `${paint.textContent}: ${PLACES[loc].label}`;
    paint.setAttribute("aria-label", paint.title);
    show(remove, painted);
  }
}

/** The draft's masks over the photograph: [[place, file], …]. */
function masks() {
  const places = draft.extras.filter(({ name }) => name in PLACES).map(({ name, value }) => [name, value]);
  return [...places, ...draft.mix.flatMap(({ mask }, i) => (mask ? [[`styles.${i}`, mask]] : []))];
}

/** The places of masks that were painted over a photograph of another shape. */
export async function misfits() {
  const { content } = draft;
  if (!content) return [];
  const found = await Promise.all(
    masks().map(async ([loc, file]) => {
      const size = await sizeOf(file);
      const ratio = size && (size.width / size.height) * (content.height / content.width);
      return ratio && Math.abs(ratio - 1) > ASPECT && [loc, file];
    }),
  );
  const isStillThere = ([loc, file]) => masks().some(([place, mask]) => place === loc && mask === file); // the draft may be another by now
  return draft.content === content ? found.filter(Boolean).filter(isStillThere).map(([loc]) => loc) : [];
}

/** Says of masks that were painted over a photograph of another shape that they don't fit. Resolves with whether there are some. */
export async function checkFit() {
  const wrong = await misfits();
  for (const [loc] of masks()) {
    clearProblemOf(document, loc);
    if (wrong.includes(loc)) showProblem(document, loc, "Its mask was painted over a photograph of another shape: change it, or take it out");
  }
  return wrong.length > 0;
}

/** Says that there are masks which were painted over the photograph before this one. */
function tellOfOld() {
  const { content } = draft;
  if (content && content.file !== photograph) {
    if (photograph) old = new Set(masks().map(([, file]) => file));
    photograph = content.file;
  }
  show($("old-masks"), masks().some(([, file]) => old.has(file)));
}

export function setUpWhere() {
  $("where").append(...Object.keys(PLACES).map(rowOf));
  onDraft((what) => {
    if (what === "extras" || what === "content") draw();
    if (what === "content") checkFit();
    tellOfOld();
  });
  draw();
}
