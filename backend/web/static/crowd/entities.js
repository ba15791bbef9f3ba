// crowd-entity-annotation: names marked in a text. Offsets count Unicode characters, where script counts UTF-16 units.
import { Crowd, list, loose, make, modified, numberKeys, preface } from "./base.js";
import { colour } from "./colours.js";
import "./drawn.js";

/** For every UTF-16 place of the text as a text field shows it, the Unicode place in the text as given (a field drops \r before \n). */
export function places(text) {
  const shown = text.replace(/\r\n?/g, "\n"), map = [];
  let unit = 0, point = 0;
  for (const letter of shown) {
    for (let part = 0; part < letter.length; part++) map[unit++] = point;
    point += letter === "\n" && text.startsWith("\r\n", at(text, point)) ? 2 : 1;
  }
  map[unit] = point;
  return { shown, map };
}
/** Where a Unicode place is in UTF-16 units. */
function at(text, point) {
  if (!/[\ud800-\udfff]/.test(text)) return point;
  let unit = 0;
  for (; point > 0 && unit < text.length; point--) unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
  return unit;
}

export class Entities extends Crowd {
  build() {
    this.setAttribute("data-keys", "");
    this.labels = list(this.getAttribute("labels")).map((label) => (typeof label === "string" ? { label } : label));
    const text = this.getAttribute("text") ?? this.textContent, top = preface(this);
    const { shown, map } = places(text);
    this.shown = shown;
    this.map = map;
    this.entities = this.initial().sort(order);
    this.first = JSON.stringify(this.plain());
    this.undone = [];
    this.done = [];
    this.back = make("div", { class: "cw-marks", dir: "auto", "aria-hidden": "true" });
    this.field = make("textarea", { class: "cw-marked", dir: "auto", spellcheck: "false", inputmode: "none", "data-marks": "", "aria-readonly": "true", "aria-label": "The text. Select a name, then press a label's number; Delete takes a mark away." });
    this.field.value = shown;
    for (const kind of ["beforeinput", "drop", "paste", "cut"]) this.field.addEventListener(kind, (event) => event.preventDefault());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.row = make("div", { class: "cw-labels", role: "group", "aria-label": "Labels" }, ...this.labels.map((label, index) => this.button(label, index)));
    this.said = make("p", { class: "cw-state", role: "status", text: shown ? "Select a name in the text, then choose its label." : "There is no text here." });
    this.listed = make("ul", { class: "cw-list", "aria-label": "Marked names" });
    this.replaceChildren(top, this.row, make("div", { class: "cw-text" }, this.back, this.field), this.said, this.listed);
    numberKeys(this, (index) => this.label(index));
    this.draw();
  }
  initial() {
    const given = loose(this.getAttribute("initial-value"));
    const entities = Array.isArray(given) ? given : given?.entities ?? [];
    return entities.map(({ label, startOffset, endOffset }) => ({ label, startOffset, endOffset }));
  }
  button(label, index) {
    const button = make("button", { type: "button", class: "cw-label-button", title: label.fullDisplayName, "aria-keyshortcuts": index < 10 ? String((index + 1) % 10) : null, onclick: () => this.label(index) },
      make("i", { class: "cw-swatch", "aria-hidden": "true" }), make("span", { text: label.shortDisplayName ?? label.label }), index < 10 ? make("kbd", { "aria-hidden": "true", text: String((index + 1) % 10) }) : null);
    button.firstChild.style.background = colour(index);
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // the selection stays
    return button;
  }
  /** Marks what is selected. */
  label(index) {
    const label = this.labels[index];
    if (!label) return false;
    let { selectionStart: start, selectionEnd: end } = this.field;
    while (start < end && /\s/.test(this.shown[start])) start++;
    while (end > start && /\s/.test(this.shown[end - 1])) end--;
    if (start === end) { this.said.textContent = "Select a name in the text first."; return true; }
    const startOffset = this.map[start], endOffset = Math.max(this.map[end], this.map[start] + 1);
    this.keep();
    this.entities = this.entities.filter((other) => other.endOffset <= startOffset || other.startOffset >= endOffset);
    this.entities.push({ label: label.label, startOffset, endOffset });
    this.said.textContent = `“${this.shown.slice(start, end)}” is marked as ${label.fullDisplayName ?? label.label}.`;
    this.update();
    return true;
  }
  key(event) {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === "z") { event.preventDefault(); this.turn(event.shiftKey); }
    if (command && event.key.toLowerCase() === "y") { event.preventDefault(); this.turn(true); }
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      const from = this.map[this.field.selectionStart], to = Math.max(from + 1, this.map[this.field.selectionEnd]);
      this.drop(this.entities.find((entity) => entity.startOffset < to && entity.endOffset > from) ?? this.entities.find((entity) => entity.endOffset === from));
    }
  }
  drop(entity) {
    if (!entity) return;
    this.keep();
    this.entities = this.entities.filter((other) => other !== entity);
    this.update();
  }
  keep() { this.done.push(this.entities); this.undone = []; }
  turn(forward) {
    const [from, to] = forward ? [this.undone, this.done] : [this.done, this.undone];
    if (!from.length) return;
    to.push(this.entities);
    this.entities = from.pop();
    this.update();
  }
  update() { this.entities = [...this.entities].sort(order); this.draw(); this.changed(); }
  draw() {
    const unit = (point) => this.map.indexOf(point), parts = [];
    let last = 0;
    this.listed.replaceChildren();
    for (const entity of this.entities) {
      const start = unit(entity.startOffset), end = unit(entity.endOffset), index = this.labels.findIndex(({ label }) => label === entity.label);
      if (start < 0 || end < start) continue;
      const words = this.shown.slice(start, end), mark = make("mark", { text: words });
      mark.style.setProperty("--mark", colour(index));
      parts.push(this.shown.slice(last, start), mark);
      last = end;
      const item = make("li", {}, make("i", { class: "cw-swatch", "aria-hidden": "true" }), make("b", { text: entity.label }), make("span", { dir: "auto", text: words }), make("button", { type: "button", class: "cw-button cw-icon", "aria-label": `Take the mark off ${words}`, text: "×", onclick: () => this.drop(entity) }));
      item.firstChild.style.background = colour(index);
      this.listed.append(item);
    }
    this.back.replaceChildren(...parts, `${this.shown.slice(last)}\n`);
  }
  plain() { return { entities: this.entities.map(({ label, startOffset, endOffset }) => ({ label, startOffset, endOffset })) }; }
  get output() { return modified(this, this.plain(), this.first); }
  restore(value) { this.entities = value.entities ?? []; this.draw(); }
  focusFirst() { this.field.focus(); }
}
const order = (one, other) => one.startOffset - other.startOffset;
