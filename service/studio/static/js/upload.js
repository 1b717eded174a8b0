// A request whose upload can be followed: fetch doesn't say how much of a body has gone.
const EMPTY = [204, 205, 304]; // statuses of responses without a body

/** Sends a request as fetch does; `onSent(bytes, all)` is called while its body goes. */
export function sendFollowed(path, { method = "GET", headers = {}, body, signal }, onSent) {
  const request = new XMLHttpRequest();
  request.open(method, path);
  request.responseType = "blob";
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  return new Promise((resolve, reject) => {
    const stop = () => request.abort();
    request.upload.addEventListener("progress", ({ loaded, total }) => onSent(loaded, total));
    request.addEventListener("load", () => resolve(responseOf(request)));
    request.addEventListener("error", () => reject(new TypeError("the request failed")));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("loadend", () => signal?.removeEventListener("abort", stop));
    signal?.throwIfAborted();
    signal?.addEventListener("abort", stop);
    request.send(body);
  });
}

function responseOf(request) {
  const { status, statusText, response } = request;
  const lines = request.getAllResponseHeaders().trim().split("\r\n").filter(Boolean);
  const headers = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
  return new Response(EMPTY.includes(status) ? null : response, { status, statusText, headers });
}

/** A response's body as a Blob; `onCame(bytes, all)` is called while it comes, `all` being null where nobody knows. */
export async function blobFollowed(response, onCame) {
  const all = Number(response.headers.get("Content-Length")) || null;
  const pieces = [];
  let came = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces, { type: response.headers.get("Content-Type") ?? "" });
    pieces.push(value);
    onCame((came += value.length), all);
  }
}
