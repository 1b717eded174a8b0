// Names that nobody else gives: crypto.randomUUID is there on secure origins alone, and the service may be on a LAN.
export function uniqueName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
