// Blends: variants of a transfer that lead from one preset to another in even steps.

/** The blend that a transfer's variants make, as an extra of the draft; null where they make none, or a preset has changed. */
export function blendIn(options, past) {
  const { variants } = options;
  if (variants.length < 2 || !variants.every((own) => Object.keys(own).every((name) => name === "styles"))) return null;
  const walk = variants.map((own) => own.styles ?? options.styles);
  const [from, to, steps] = [walk[0][0]?.preset, walk.at(-1)[0]?.preset, variants.length - 1];
  if (!from || !to || !walk.every((styles, k) => isStep(styles, from, to, k / steps))) return null;
  const last = `variants.${steps}.styles.0`;
  if (!past.isUnchanged(from, "variants.0.styles.0") || !past.isUnchanged(to, last)) return null;
  return { name: "blend", words: `A blend from ${from} to ${to}: ${variants.length} pictures`, value: { from, to, steps } };
}

/** Whether the styles are those of step `t`: the two presets with their shares, and no other options. */
function isStep(styles, from, to, t) {
  const expected = [[from, 1 - t], [to, t]].filter(([, weight]) => weight > 0);
  const same = ({ preset, weight, scale, mask }, i) => preset === expected[i][0] && weight === expected[i][1] && scale === 1 && !mask;
  return styles.length === expected.length && styles.every((style, i) => same(style, i) && !style.style_mask);
}
