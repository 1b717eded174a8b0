// The reference: Swagger UI over the service's own description, with what it shows at first set right.
const FIRST = ["transfers", "styles"]; // the other groups come in the description's order

/** Take the examples out of optional parameters: Swagger UI would send them, and no such cursor exists. */
function withoutFilledIn(description) {
  for (const item of Object.values(description.paths)) {
    for (const operation of Object.values(item)) {
      for (const parameter of operation.parameters ?? []) {
        if (!parameter.required) delete parameter.example;
      }
    }
  }
  return description;
}

function rank(tag) {
  const place = FIRST.indexOf(tag);
  return place < 0 ? FIRST.length : place;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const base = new URL(".", document.baseURI);
for (const origin of document.querySelectorAll(".begin b")) origin.textContent = base.href.replace(/\/$/, "");

fetch(new URL("openapi.json", base)).then((answer) => answer.json()).then((description) => {
  SwaggerUIBundle({
    spec: withoutFilledIn(description), dom_id: "#docs", deepLinking: true, validatorUrl: null,
    tagsSorter: (one, other) => rank(one) - rank(other),
    defaultModelExpandDepth: 2,
  });
});
