// What every crowd element has in common: it is built once from its attributes, has an output, and says what is wrong with it.

/** An attribute's value as JSON; single quotes, bare keys and trailing commas are taken too. Text that isn't JSON comes back as it is. */
export function loose(text) {
  if (text === null || text === undefined || text.trim() === "") return null;
  try { return JSON.parse(text); } catch { /* the documented examples use single quotes */ }
  try { return JSON.parse(strict(text)); } catch { return text; }
}

function strict(text) {
  let out = "", at = 0;
  while (at < text.length) {
    const quote = text[at];
    if (quote === "'" || quote === '"') {
      const [string, next] = quoted(text, at + 1, quote);
      out += JSON.stringify(string);
      at = next;
      continue;
    }
    const word = /^[A-Za-z_$][\w$-]*/.exec(text.slice(at));
    if (word) {
      out += ["true", "false", "null"].includes(word[0]) ? word[0] : JSON.stringify(word[0]);
      at += word[0].length;
      continue;
    }
    const comma = /^,\s*(?=[\]}])/.exec(text.slice(at));
    if (comma) at += comma[0].length;
    else out += text[at++];
  }
  return out;
}

/** The string that begins at `at`; a quote that no delimiter follows is an apostrophe. */
function quoted(text, at, quote) {
  let string = "";
  for (; at < text.length; at++) {
    if (text[at] === "\\" && at + 1 < text.length) {
      const escape = text[++at];
      const known = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };
      if (escape === "u") { string += String.fromCharCode(parseInt(text.slice(at + 1, at + 5), 16)); at += 4; }
      else string += known[escape] ?? escape;
    } else if (text[at] === quote && /^\s*([,:\]}]|$)/.test(text.slice(at + 1))) return [string, at + 1];
    else string += text[at];
  }
  throw new SyntaxError("a string has no end");
}

/** An attribute's value as a list of strings or objects. */
export function list(text) {
  const value = loose(text);
  if (Array.isArray(value)) return value;
  return typeof value === "string" ? value.replace(/^\[|\]$/g, "").split(",").map((part) => part.trim()).filter(Boolean) : [];
}

let numbers = 0;
export const fresh = (stem) => `cw-${stem}-${++numbers}`;

/** An element with properties, attributes (aria-…, data-…, and whatever isn't a property), listeners (on…) and children. */
export function make(tag, given = {}, ...children) {
  const node = tag === "svg" || SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "text") node.textContent = value;
    else node.setAttribute(key === "class" ? "class" : key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
const SVG = new Set(["rect", "polygon", "polyline", "circle", "path", "g", "line", "title"]);

/** How long a text is, in Unicode characters. */
export const letters = (text) => [...text].length;

export class Crowd extends HTMLElement {
  connectedCallback() {
    if (this.built) return;
    this.built = true;
    this.build();
  }
  build() {}
  get name() { return this.getAttribute("name"); }
  set name(value) { this.setAttribute("name", value); }
  flag(name) { const value = this.getAttribute(name); return value !== null && value !== "false"; }
  number(name, fallback) {
    const text = this.getAttribute(name);
    return text === null || text.trim() === "" || !Number.isFinite(+text) ? fallback : +text;
  }
  /** What goes into the answer under `name`; undefined for nothing. */
  get output() { return undefined; }
  /** Sets what an earlier visit put into the answer. */
  restore() {}
  /** Why the answer can't be sent yet, in one sentence, or null. */
  problem() { return null; }
  changed() {
    this.tell(null);
    this.dispatchEvent(new CustomEvent("crowd-change", { bubbles: true }));
  }
  /** Shows a problem below the element, or takes it away. */
  tell(sentence) {
    if (!sentence && !this.told) return;
    this.told ??= this.appendChild(make("p", { class: "cw-problem", role: "alert" }));
    this.told.textContent = sentence ?? "";
    this.toggleAttribute("data-wrong", Boolean(sentence));
  }
  /** Where the keyboard goes when something is wrong here. */
  focusFirst() { (this.querySelector("input, textarea, select, [tabindex='0'], button") ?? this).focus(); }
  /** Takes a region such as `<short-instructions>` out of the element. */
  region(tag) {
    const found = [...this.children].find((child) => child.localName === tag);
    found?.remove();
    return found ?? null;
  }
}

/** Keys 1 to 9 and 0 choose one of ten, unless somebody is writing; `pick(index)` says whether there was such a one. */
export function numberKeys(element, pick) {
  const listen = (event) => {
    if (!element.isConnected) { document.removeEventListener("keydown", listen); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target) || document.querySelector("dialog[open]")) return;
    if (!/^[0-9]$/.test(event.key) || !foremost(element, event.target)) return;
    if (pick((+event.key + 9) % 10)) event.preventDefault();
  };
  document.addEventListener("keydown", listen);
}

export const writing = (node) => node.matches?.("textarea:not([data-marks]), select, [contenteditable], input:not([type=radio]):not([type=checkbox]):not([type=range])");

/** The element that has the keyboard takes keys; where none has it, the first one on the page. */
function foremost(element, target) {
  if (element.contains(target)) return true;
  const keyed = [...document.querySelectorAll("[data-keys]")];
  return !keyed.some((other) => other.contains(target)) && keyed[0] === element;
}

/** Header, short instructions and a button for the full ones, as classifiers and annotation tools show them. */
export function preface(element) {
  const full = element.region("full-instructions"), brief = element.region("short-instructions");
  const top = make("div", { class: "cw-preface" });
  const header = element.getAttribute("header");
  if (header) top.append(make("h2", { class: "cw-header", text: header }));
  if (brief) top.append(make("div", { class: "cw-short" }, ...brief.childNodes));
  if (full) top.append(opener("Full instructions", full.getAttribute("header") ?? "Instructions", [...full.childNodes]));
  return top;
}

/** A button that opens a dialog with these contents. */
export function opener(words, title, contents) {
  const box = dialog(title, contents);
  const button = make("button", { type: "button", class: "cw-button cw-quiet", text: words, onclick: () => box.showModal() });
  return make("div", { class: "cw-opener" }, button, box);
}

export function dialog(title, contents) {
  const id = fresh("dialog");
  const box = make("dialog", { class: "cw-dialog", "aria-labelledby": id });
  const close = make("button", { type: "button", class: "cw-button cw-quiet", text: "Close", onclick: () => box.close() });
  box.append(make("div", { class: "cw-dialog-top" }, make("h2", { id, text: title }), close), make("div", { class: "cw-dialog-body", tabindex: "0", role: "group", "aria-labelledby": id }, ...contents));
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  return box;
}

/** A picture that says when it loads and when it can't. */
export function picture(src, alt, onload) {
  const frame = make("div", { class: "cw-picture", "data-state": src ? "loading" : "empty" });
  const words = make("p", { class: "cw-state", role: "status", text: src ? "The picture is loading …" : "There is no picture here." });
  frame.append(words);
  if (!src) return frame;
  const image = make("img", { alt, decoding: "async" });
  image.addEventListener("load", () => { frame.dataset.state = "shown"; words.remove(); onload?.(image); });
  image.addEventListener("error", () => {
    frame.dataset.state = "error";
    words.textContent = "The picture can't be loaded. Try again, or return the task: that costs you nothing.";
    if (frame.querySelector("button")) return;
    frame.append(make("button", { type: "button", class: "cw-button", text: "Try again", onclick: () => { image.src = ""; image.src = src; } }));
  });
  image.src = src;
  frame.append(image);
  return frame;
}

/** `initialValueModified`, where an initial value was given. */
export function modified(element, output, initial) {
  return element.hasAttribute("initial-value") ? { ...output, initialValueModified: JSON.stringify(output) !== initial } : output;
}
