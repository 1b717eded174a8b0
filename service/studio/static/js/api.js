// The service's HTTP API: one way of calling it, with the key where there is one.
import { currentKey, keyInsteadOf } from "./key.js";
import { sendFollowed } from "./upload.js";

const UNAUTHORIZED = 401;
export const FORBIDDEN = 403;
export const GONE = 404;
const NO_KEY = "This service asks for a key. Give it by the key at the top of the page.";

/** The service refused a request, with an RFC 9457 problem. */
export class Problem extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** No answer came: the service or the network can't be reached. */
export class Unreachable extends Error {
  constructor() {
    super("The service doesn’t answer.");
  }
}

/** The response to a request; `onSent(bytes, all)` is called while its body goes. Throws Problem, Unreachable, or the reason that `signal` was aborted with. */
export async function call(path, { headers = {}, ...options } = {}) {
  for (;;) {
    const key = currentKey();
    const response = await answerTo(path, { ...options, headers: key ? { ...headers, "X-API-Key": key } : headers });
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== UNAUTHORIZED) throw problem;
    if ((await keyInsteadOf(key)) === null) throw new Problem(UNAUTHORIZED, { ...problem.problem, detail: NO_KEY }, null);
  }
}

export async function getJson(path, signal) {
  return (await call(path, { signal })).json();
}

/** A JSON request whose pictures go as parts of a form: `files` is [[part name, File], …]. */
export function form(request, files) {
  const body = new FormData();
  body.append("request", JSON.stringify(request));
  for (const [part, file] of files) body.append(part, file, file.name);
  return body;
}

async function answerTo(path, { onSent, ...options }) {
  try {
    return await (onSent ? sendFollowed(path, options, onSent) : fetch(path, options));
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable();
  }
}

async function problemOf(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  let problem;
  try {
    problem = await response.json();
  } catch {
    problem = null; // a proxy's page, say
  }
  const detail = problem?.detail ?? `The service answered ${response.status} ${response.statusText}`.trim();
  return new Problem(response.status, { ...problem, detail }, retryAfter);
}
