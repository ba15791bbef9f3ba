// The marketplace's API for our own pages, under the cookie session.
//
//   await api(method, path, body, headers) → the answer's JSON (a File goes as it is, anything else as JSON); throws ApiError: its message is the problem's sentence, `status` HTTP's (0: no answer)
//   await info()                  → GET /v1/info, asked once
//   await session()               → { account, expires_at, payout } of GET /v1/session, or null

export class ApiError extends Error {
  constructor(status, sentence) { super(sentence); this.status = status; }
}

const CSRF = "piecework_csrf" + (location.port && `_${location.port}`);
const cookie = (name) => document.cookie.split("; ").find((pair) => pair.startsWith(name + "="))?.slice(name.length + 1);

/** The header that shows that a request comes from a page of ours. */
export function csrf() {
  const token = cookie(CSRF);
  return token ? { "x-csrf-token": decodeURIComponent(token) } : {};
}

export async function api(method, path, body, more = {}) {
  const headers = { accept: "application/json", ...more, ...(method !== "GET" && csrf()) };
  const file = body instanceof Blob;
  if (body !== undefined) headers["content-type"] = file ? body.type || "application/octet-stream" : "application/json";
  const options = { method, headers, credentials: "same-origin", body: file || body === undefined ? body : JSON.stringify(body) };
  const response = await fetch(path, options).catch(() => { throw new ApiError(0, "The marketplace doesn't answer. Look at your connection and try again; nothing is lost."); });
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let sentence = `The marketplace answered with HTTP ${response.status}.`;
  try { sentence = JSON.parse(text).detail ?? sentence; } catch { /* not a problem document */ }
  throw new ApiError(response.status, sentence);
}

let asked = null;
export const info = () => (asked ??= api("GET", "/v1/info").catch((error) => { asked = null; throw error; }));

export async function session() {
  if (!cookie(CSRF)) return null;
  try { return await api("GET", "/v1/session"); } catch (error) { if (error.status === 401) return null; throw error; }
}
