// The API's errors as words beside the control that caused them; `loc` names the field.
import { inWords, placeInWords } from "./labels.js";

/** Puts words beside the control of `loc` or of a part of it (styles.0.weight: styles.0, styles). Returns whether there is one. */
export function showProblem(root, loc, words) {
  const field = fieldOf(root, loc);
  if (!field) return false;
  const line = field.querySelector(".problem");
  const part = loc.slice(field.dataset.loc.length + 1); // of the field, as in styles.0 and mask
  const said = sentence(part ? `${placeInWords(/^\d/.test(part) ? loc : part)}: ${words}` : words);
  line.textContent = field.dataset.said ? `${line.textContent} ${said}` : said;
  line.hidden = false;
  line.id ||= `problem-${loc.replaceAll(".", "-")}`;
  field.dataset.said = "yes";
  field.closest("details")?.setAttribute("open", "");
  for (const control of controlsOf(field)) {
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", line.id);
  }
  return true;
}

/** A handler for a part of the page that couldn't be filled: it puts the problem's words into `element`. */
export function tellIn(element) {
  return (error) => {
    if (!error.problem) throw error;
    element.textContent = sentence(error.message);
    element.hidden = false;
  };
}

/** All that an API problem says, in sentences. */
export function inSentences({ errors = [], detail }) {
  if (!errors.length) return sentence(inWords(detail));
  return errors.map(({ loc, msg }) => sentence(`${placeInWords(loc)}: ${inWords(msg)}`)).join(" ");
}

/** Shows all errors of an API problem under `root`; returns the words for which there is no place. */
export function showProblems(root, problem) {
  const errors = problem.errors ?? [];
  if (!errors.length) return [inWords(problem.detail)];
  return errors.filter(({ loc, msg }) => !showProblem(root, loc, inWords(msg))).map((error) => inSentences({ errors: [error] }));
}

export function clearProblems(root) {
  for (const field of root.querySelectorAll("[data-said]")) clearField(field);
}

/** Clears the problem of a field that the person has changed. */
export function clearProblemOf(root, loc) {
  const field = fieldOf(root, loc);
  if (field?.dataset.said) clearField(field);
}

function clearField(field) {
  delete field.dataset.said;
  const line = field.querySelector(".problem");
  line.hidden = true;
  line.textContent = "";
  for (const control of controlsOf(field)) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}

/** The visible place for a field's problem. */
function fieldOf(root, loc) {
  for (let place = loc; place; place = place.slice(0, Math.max(0, place.lastIndexOf(".")))) {
    const found = [...root.querySelectorAll(`[data-loc="${CSS.escape(place)}"]`)];
    const field = found.find((one) => !one.closest("[hidden]"));
    if (field) return field;
  }
  return null;
}

function controlsOf(field) {
  return field.querySelectorAll("input, select, button:not([value])");
}

function sentence(words) {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
