// A transfer's card in the gallery: its picture, its styles, how it is, and a box to select it.
import { h, icon } from "./dom.js";
import { showPicture } from "./pictures.js";
import { inSentences } from "./problems.js";
import { ago, count, STATUS, stylesOf } from "./words.js";

export function cardOf(job) {
  const styles = stylesOf(job.options);
  const many = job.options.variants.length;
  const when = job.status === "succeeded" ? ago(job.finished_at) : STATUS[job.status];
  const how = job.options.method === "painter" ? "painter" : "Paint";
  const small = [when, many > 1 && count(many, "picture", "pictures"), `${job.options.size} px`, how].filter(Boolean).join(" · ");
  const label = h("span", { class: "label" }, h("strong", {}, styles), " ", h("small", {}, small));
  const reason = job.status === "failed" ? h("span", { class: "reason" }, job.error ? inSentences(job.error) : "") : null;
  return h(
    "li",
    { class: `card-${job.status}`, data: { job: job.id } },
    h("a", { href: `#/${job.id}` }, pictureOf(job), label, reason),
    h("label", { class: "pick" }, h("input", { type: "checkbox", "aria-label": `Select ${styles}, ${small}` })),
  );
}

function pictureOf(job) {
  const live = job.status === "queued" || job.status === "running";
  if (job.status === "failed") return h("span", { class: "blank" }, icon("alert"));
  const image = h("img", { alt: "", loading: "lazy" });
  const path = job.links.preview && !live ? job.links.preview : `v1/transfers/${job.id}/content`;
  showPicture(image, path).catch(() => image.classList.add("absent"));
  return image;
}
