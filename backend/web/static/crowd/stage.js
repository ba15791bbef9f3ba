// A picture to draw on: zoom, a cursor for the keyboard, labels by number, undo and redo. Coordinates are the picture's own pixels.
import { Crowd, list, loose, make, numberKeys, picture, preface, writing } from "./base.js";
import { COLOURS, colour } from "./colours.js";
import "./drawn.js";

const STEP = 10;

export class Stage extends Crowd {
  get help() { return "Draw with the pointer. By keyboard: arrows move the cursor (with Shift by one pixel), Space draws."; }
  build() {
    this.setAttribute("data-keys", "");
    this.labels = list(this.getAttribute("labels")).map((label) => label.label ?? label);
    this.colours = list(this.getAttribute("label-colors"));
    this.label = this.labels[0];
    this.zoom = 1;
    this.cursor = null;
    this.done = [];
    this.undone = [];
    const top = preface(this);
    this.frame = picture(this.getAttribute("src"), this.getAttribute("alt") ?? "The picture to annotate", (image) => this.open(image));
    this.view = make("div", { class: "cw-view" }, this.frame);
    this.row = make("div", { class: "cw-labels", role: "radiogroup", "aria-label": "Label" }, ...this.labels.map((label, index) => this.choice(label, index)));
    this.said = make("p", { class: "cw-state", role: "status", text: this.help });
    this.listed = make("ul", { class: "cw-list", "aria-label": "What is drawn" });
    this.tools = make("div", { class: "cw-tools" }, ...this.buttons());
    this.replaceChildren(top, this.row, this.tools, this.view, this.said, this.listed);
    numberKeys(this, (index) => this.choose(index));
  }
  buttons() {
    const button = (text, name, keys, onclick) => make("button", { type: "button", class: "cw-button cw-icon", "aria-label": name, title: `${name} (${keys})`, text, onclick });
    return [
      button("−", "Smaller", "-", () => this.scale(this.zoom / 1.5)), button("+", "Larger", "+", () => this.scale(this.zoom * 1.5)),
      button("1:1", "1:1, the whole picture", "Home", () => this.scale(1)), button("↶", "Undo", "Ctrl+Z", () => this.turn(false)), button("↷", "Redo", "Ctrl+Shift+Z", () => this.turn(true)),
    ];
  }
  choice(label, index) {
    const input = make("input", { type: "radio", checked: index === 0, onchange: () => { this.label = label; this.relabel(label); } });
    input.name = `cw-label-${this.name ?? ""}`;
    const row = make("label", { class: "cw-label-button" }, input, make("i", { class: "cw-swatch", "aria-hidden": "true" }), make("span", { dir: "auto", text: label }), index < 10 ? make("kbd", { "aria-hidden": "true", text: String((index + 1) % 10) }) : null);
    row.children[1].style.background = this.tint(label);
    return row;
  }
  choose(index) {
    const input = this.row.querySelectorAll("input")[index];
    input?.click();
    return Boolean(input);
  }
  relabel() {}
  tint(label) { const index = this.labels.indexOf(label); return this.colours[index] ?? colour(index); }
  /** The picture is there: a layer of its size to draw on. */
  open(image) {
    if (this.layer) return;
    [this.width, this.height] = [image.naturalWidth, image.naturalHeight];
    this.frame.classList.add("cw-drawn");
    this.layer = make("svg", { class: "cw-layer", viewBox: `0 0 ${this.width} ${this.height}`, tabindex: "0", role: "application", "aria-label": this.help });
    this.shapes = this.layer.appendChild(make("g"));
    this.cross = this.layer.appendChild(make("path", { class: "cw-cross" }));
    this.frame.append(this.layer);
    for (const kind of ["pointerdown", "pointermove", "pointerup"]) this.layer.addEventListener(kind, (event) => this[kind](event));
    this.layer.addEventListener("keydown", (event) => this.key(event));
    this.layer.addEventListener("blur", () => { this.cross.setAttribute("d", ""); });
    this.view.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); this.scale(this.zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15)); } }, { passive: false });
    this.begin();
  }
  begin() {}
  /** Where a pointer is in the picture, kept inside it. */
  point({ clientX, clientY }) {
    const box = this.layer.getBoundingClientRect();
    return this.inside({ x: ((clientX - box.left) / box.width) * this.width, y: ((clientY - box.top) / box.height) * this.height });
  }
  inside({ x, y }) { return { x: Math.round(Math.min(this.width, Math.max(0, x))), y: Math.round(Math.min(this.height, Math.max(0, y))) }; }
  /** How many of the picture's pixels one on the screen is. */
  get unit() { return this.width / (this.layer.getBoundingClientRect().width || this.width); }
  scale(zoom) {
    if (!this.layer) return;
    const view = this.view, middle = [(view.scrollLeft + view.clientWidth / 2) / this.zoom, (view.scrollTop + view.clientHeight / 2) / this.zoom];
    this.zoom = Math.min(16, Math.max(1, zoom));
    this.frame.style.width = `${100 * this.zoom}%`;
    view.scrollTo(middle[0] * this.zoom - view.clientWidth / 2, middle[1] * this.zoom - view.clientHeight / 2);
    this.draw();
  }
  key(event) {
    if (writing(event.target)) return;
    const key = event.key, command = event.ctrlKey || event.metaKey;
    const act = command ? { z: () => this.turn(event.shiftKey), Z: () => this.turn(true), y: () => this.turn(true) }[key] : this.keys(event)[key];
    if (!act) return;
    event.preventDefault();
    act();
  }
  keys(event) {
    const step = event.shiftKey ? 1 : STEP, walk = (x, y) => () => this.walk(x * step, y * step);
    return {
      ArrowLeft: walk(-1, 0), ArrowRight: walk(1, 0), ArrowUp: walk(0, -1), ArrowDown: walk(0, 1),
      " ": () => this.click(this.here()), Enter: () => this.finish(), Escape: () => this.cancel(), Delete: () => this.remove_(), Backspace: () => this.remove_(),
      "+": () => this.scale(this.zoom * 1.5), "=": () => this.scale(this.zoom * 1.5), "-": () => this.scale(this.zoom / 1.5), Home: () => this.scale(1),
    };
  }
  here() { return (this.cursor ??= { x: Math.round(this.width / 2), y: Math.round(this.height / 2) }); }
  walk(x, y) {
    const { x: left, y: top } = this.here();
    this.cursor = this.inside({ x: left + x, y: top + y });
    this.showCursor();
    this.hover(this.cursor);
    this.said.textContent = `${this.cursor.x}, ${this.cursor.y}`;
  }
  showCursor() {
    const { x, y } = this.cursor, arm = 12 * this.unit;
    this.cross.setAttribute("d", `M${x - arm} ${y}h${2 * arm}M${x} ${y - arm}v${2 * arm}`);
  }
  pointermove(event) { this.hover(this.point(event)); }
  pointerup() {}
  click() {}
  hover() {}
  finish() {}
  cancel() {}
  remove_() {}
  draw() {}
  turn(forward) {
    const [from, to] = forward ? [this.undone, this.done] : [this.done, this.undone];
    if (!from.length) return;
    to.push(this.state());
    this.setState(from.pop());
    this.draw();
    this.changed();
  }
  keep() { this.done.push(this.state()); this.undone = []; }
  get size() { return { height: this.height, width: this.width }; }
  initial() { return loose(this.getAttribute("initial-value")); }
  problem() { return this.layer ? null : "The picture isn't there yet."; }
  focusFirst() { (this.layer ?? this).focus(); }
}
export { COLOURS };
