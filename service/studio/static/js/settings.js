// The controls of "Look": they show the draft's settings and change them.
import { $, show } from "./dom.js";
import { draft, onDraft, removeExtra, setSettings } from "./draft.js";
import { clearProblemOf, clearProblems } from "./problems.js";
import { OPTION_DEFAULTS } from "./service.js";
import { seriesOf } from "./series.js";
import { number, percent } from "./words.js";

const form = $("look");
const UNUSED = { strengths: ["strength", "content_weight", "style_weight"], seeds: ["init"] }; // controls in whose place a series has its own values

function read(control) {
  if (control.type !== "range") return control.value;
  const value = Number(control.value);
  return "log" in control.dataset ? Number((10 ** value).toPrecision(3)) : value;
}

function draw() {
  const { settings } = draft;
  for (const [name, value] of Object.entries(settings)) {
    const control = form.elements[name];
    if (control === document.activeElement && control.type === "number") continue; // not while the person types in it
    const shown = control.dataset && "log" in control.dataset ? Math.log10(value) : value;
    if (String(control.value) !== String(shown)) control.value = shown;
  }
  for (const name of Object.values(UNUSED).flat()) $(name).disabled = UNUSED[seriesOf(draft)]?.includes(name) ?? false;
  show($("by-strength"), settings.dial === "strength");
  show($("by-weights"), settings.dial === "weights");
  show($("quality-field"), settings.format !== "png");
  label("strength", percent(settings.strength));
  for (const name of ["content_weight", "style_weight"]) label(name, number(settings[name]));
  for (const button of $("sizes").children) {
    button.setAttribute("aria-pressed", String(button.value === settings.size));
  }
}

function label(name, words) {
  $(`${name}-shown`).textContent = words;
  $(name).setAttribute("aria-valuetext", words);
}

/** The number fields with a value that the service would refuse: [[name, what it must be], …]. */
export function wrongNumbers() {
  const wrong = [...form.querySelectorAll("input[type=number]")].filter((input) => !input.checkValidity() && !input.closest("[hidden]"));
  return wrong.map(({ name, min, max }) => [name, `A whole number${max ? ` from ${min} to ${max}` : `, ${min} or more`}`]);
}

export function setUpSettings() {
  $("iterations").placeholder = OPTION_DEFAULTS.iterations;
  form.addEventListener("input", ({ target }) => {
    if (!target.name) return;
    clearProblemOf(form, target.name);
    if (target.name === "dial") clearProblems(form);
    const value = read(target); // first, as a change of the draft draws the controls
    draft.extras.filter(({ name }) => name === target.name).forEach(removeExtra); // for example an initial image
    setSettings({ [target.name]: value });
  });
  $("sizes").addEventListener("click", ({ target }) => {
    if (!target.value) return;
    clearProblemOf(form, "size");
    setSettings({ size: target.value });
  });
  $("fine").addEventListener("toggle", () => $("fine").open && $("fine").scrollIntoView({ block: "nearest" }));
  onDraft((what) => (what === "settings" || what === "extras") && draw());
  draw();
}
