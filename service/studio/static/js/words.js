// Numbers and jobs in words.
const UNITS = [[60, "s"], [60, "min"], [24, "h"]];

/** Seconds as "40 s", "3 min", "2 h". */
export function duration(seconds) {
  let value = Math.max(1, seconds);
  for (const [of, unit] of UNITS) {
    if (value < of || unit === "h") return `${value < 10 && unit !== "s" ? number(value, 2) : Math.round(value)} ${unit}`;
    value /= of;
  }
  return "";
}

export function bytes(count) {
  return count < 1e6 ? `${Math.max(1, Math.round(count / 1e3))} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** Some digits that count, without a tail of noughts. */
export function number(value, digits = 3) {
  return String(Number(value.toPrecision(digits)));
}

export function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

/** The styles of a job, as its options name them. */
export function stylesOf(options) {
  const names = options.styles.map((style) => style.preset ?? "own picture");
  const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names;
  return shown.join(" + ") || "several styles";
}

export const STATUS = {
  queued: "Waiting",
  running: "Painting",
  succeeded: "Done",
  failed: "Failed",
  canceled: "Canceled",
};

/** When something was, as people say it: "just now", "5 min ago", or the day. */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 86_400) return `${duration(seconds).replace(/\.\d/, "")} ago`;
  return new Date(iso).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}
