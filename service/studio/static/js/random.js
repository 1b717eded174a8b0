// Unique names. Browsers have crypto.randomUUID on secure origins only, and the service may be on a LAN without TLS.
export function uniqueName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
