// The API's errors as words beside what caused them: a field that is wrong is named by its `loc`.

/** Puts words beside the control of `loc` or of what it lies in (styles.0.weight: styles.0, styles). Whether there is one. */
export function showProblem(root, loc, words) {
  const field = fieldOf(root, loc);
  if (!field) return false;
  const line = field.querySelector(".problem");
  line.textContent = field.dataset.said ? `${line.textContent} ${sentence(words)}` : sentence(words);
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

/** For a part of the page that couldn't be filled: the problem's words in the place of what would be there. */
export function tellIn(element) {
  return (error) => {
    if (!error.problem) throw error;
    element.textContent = sentence(error.message);
    element.hidden = false;
  };
}

/** Shows all fields of an API problem under `root`; gives the words that found no place. */
export function showProblems(root, problem) {
  const errors = problem.errors ?? [];
  if (!errors.length) return [problem.detail];
  return errors.filter(({ loc, msg }) => !showProblem(root, loc, msg)).map(({ loc, msg }) => `${loc}: ${msg}`);
}

export function clearProblems(root) {
  for (const field of root.querySelectorAll("[data-said]")) clearField(field);
}

/** What is changed is no longer what was wrong. */
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
