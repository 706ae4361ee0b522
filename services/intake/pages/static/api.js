// Calls intake's own JSON API with the session's cookie. One way out of the page: everything else goes through `send`.

/** The JSON that a page carries for its scripts. */
export function carried(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** A text with its {placeholders} filled in. */
export function filled(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const texts = carried("texts");

/** What the service, or the way to it, said no with. `errors` are [{pointer, code, detail}]. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(said(status, problem));
    this.status = status;
    this.errors = (problem && problem.errors) || [];
  }

  /** The same, as one error of one field. */
  about() {
    this.errors = [{ pointer: "", code: "", detail: this.message }];
    return this;
  }
}

function said(status, problem) {
  if (status === 0) return texts.offline;
  if (status === 401) return texts.signed_out;
  if (status === 412) return texts.changed;
  if (status === 502 || status === 503 || status === 504 || status === 507) return texts.busy;
  return (problem && problem.detail) || filled(texts.failed, { status });
}

/**
 * Sends a request; `progress` gets the share sent (0..1), `arriving` the text of the answer so far.
 * Resolves to {status, text, json}; rejects with a Refusal.
 */
export function send(method, path, { body = null, headers = {}, progress = null, arriving = null } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (progress) request.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 0);
    if (arriving) request.onprogress = () => { if (request.status === 200) arriving(request.responseText); };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve({ status: request.status, text: request.responseText });
      else reject(new Refusal(request.status, parsed(request.responseText)));
    };
    request.onerror = request.onabort = request.ontimeout = () => reject(new Refusal(0, null));
    request.send(body);
  });
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

/** A JSON body out, a JSON answer (or null) back. */
export async function sendJson(method, path, body, options = {}) {
  const headers = { "Content-Type": "application/json", ...options.headers };
  const answer = await send(method, path, { ...options, headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  return answer.text ? JSON.parse(answer.text) : null;
}
