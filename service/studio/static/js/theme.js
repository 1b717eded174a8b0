// Light or dark, before anything is drawn: the system's choice until the button is pressed. This file is no module, so
// that it runs before the body is there.
(() => {
  const KEPT = "studio.theme";
  const root = document.documentElement;
  const machine = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : machine.matches);

  try {
    const kept = localStorage.getItem(KEPT);
    if (kept) root.dataset.theme = kept;
  } catch {
    // the browser allows no memory: use the system's choice
  }

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme-button");
    const show = () => button.setAttribute("aria-pressed", String(dark()));
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try {
        localStorage.setItem(KEPT, root.dataset.theme);
      } catch {
        // the choice holds until the next reload
      }
      show();
    });
    machine.addEventListener("change", show);
    show();
  });
})();
