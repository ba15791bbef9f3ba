// Inside the sandboxed frame: takes the page from the work page, shows it, and tells what the worker does. Nothing else goes in or out.
import { define } from "./crowd.js";

const PROTOCOL = "piecework-task/1";
let port = null;

const send = (type, values = {}) => port?.postMessage({ protocol: PROTOCOL, type, ...values });

/** Waits for the one page that the work page sends, with the port that everything else goes through. */
export function begin() {
  window.addEventListener("message", function load(event) {
    if (event.source !== window.parent || event.data?.protocol !== PROTOCOL || event.data.type !== "load" || !event.ports[0]) return;
    window.removeEventListener("message", load);
    port = event.ports[0];
    port.onmessage = ({ data }) => hear(data);
    write(event.data);
  });
  window.parent.postMessage({ protocol: PROTOCOL, type: "ready" }, "*"); // no secret: the work page looks at who says it
}

function write({ html, draft, theme }) {
  const head = [...document.querySelectorAll("[data-runtime]")].map((node) => node.outerHTML).join("");
  document.open();
  document.write(`<!doctype html><html lang="en"${theme ? ` data-theme="${theme === "dark" ? "dark" : "light"}"` : ""}>${head}${html}`);
  document.close();
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => wire(draft));
  else wire(draft);
}

async function wire(draft) {
  await define();
  const form = document.querySelector("crowd-form");
  if (draft !== undefined && draft !== null) form?.restore(draft);
  document.addEventListener("crowd-answer", ({ detail }) => later(detail.answer));
  document.addEventListener("crowd-submit", ({ detail }) => send("submit", { answer: detail.answer, manner: manner() }));
  document.addEventListener("submit", (event) => native(event));
  watch();
  document.addEventListener("keydown", (event) => { // the keyboard is in here, the work page's keys are out there
    if (event.isTrusted && event.altKey && !event.ctrlKey && !event.metaKey && /^Key[A-Z]$/.test(event.code)) send("key", { code: event.code });
  });
  new ResizeObserver(() => size()).observe(document.body);
  size();
  send("shown");
}

/** A page of the old kind has a form of its own; its fields are the answer. */
function native(event) {
  if (event.target.localName !== "form" || event.defaultPrevented) return;
  event.preventDefault();
  const answer = {};
  for (const [name, value] of new FormData(event.target)) {
    if (name === "assignmentId" || typeof value !== "string" || value === "") continue;
    answer[name] = Object.hasOwn(answer, name) ? `${answer[name]}|${value}` : value; // as MTurk joins several of one name
  }
  send("submit", { answer, manner: manner() });
}

/** How the answer came about, in numbers alone: what the page's own scripts pretend doesn't count. */
const written = { pasted: 0, at: 0, gaps: [] };
const WRITES = "input:not([type=radio], [type=checkbox], [type=range], [type=button], [type=submit], [type=hidden]), textarea";
/** Opening the document anew has taken away all that listened before. */
function watch() {
  document.addEventListener("input", ({ isTrusted, inputType, data, target }) => {
    if (!isTrusted || !target.matches?.(WRITES)) return;
    if (inputType === "insertFromPaste" || inputType === "insertFromDrop") written.pasted += data?.length ?? written.clip;
    const now = performance.now(), gap = now - written.at;
    if (written.at && gap < 2_000 && written.gaps.length < 1_000) written.gaps.push(gap);
    written.at = now;
  }, true);
  document.addEventListener("paste", ({ isTrusted, clipboardData }) => { if (isTrusted) written.clip = clipboardData?.getData("text").length ?? 0; }, true);
}

function manner() {
  const letters = [...document.querySelectorAll(WRITES)].reduce((sum, field) => sum + field.value.length, 0), { gaps } = written;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const spread = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  return { letters, pasted_share: letters ? Math.min(1, written.pasted / letters) : 0, rhythm: gaps.length >= 10 ? spread / mean : null };
}

let waiting = 0;
function later(answer) {
  clearTimeout(waiting);
  waiting = setTimeout(() => send("answer", { answer }), 250);
}
let last = 0;
function size() {
  const height = Math.ceil(document.body.getBoundingClientRect().bottom + parseFloat(getComputedStyle(document.body).marginBottom || 0));
  if (height !== last) send("size", { height: (last = height) });
}

function hear(data) {
  if (data?.protocol !== PROTOCOL) return;
  if (data.type === "submit") document.querySelector("crowd-form")?.submit() ?? document.querySelector("form")?.requestSubmit();
  if (data.type === "refused") document.querySelector("crowd-form")?.tell?.(String(data.sentence));
}

if (window.parent !== window) begin();
