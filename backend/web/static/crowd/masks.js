// Segmentation: a brush that paints whole pixels, so that the PNG has no colour but the labels' own.
import { make } from "./base.js";
import { COLOURS, Stage } from "./stage.js";

const bytes = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const PNG = "data:image/png;base64,";

class Masks extends Stage {
  get help() { return "Paint with the pointer. By keyboard: arrows move the brush, Space puts it down and lifts it, [ and ] change its size, E erases."; }
  buttons() {
    this.size_ = make("input", { type: "range", min: 1, max: 100, value: 20, "aria-label": "Size of the brush" });
    this.eraser = make("button", { type: "button", class: "cw-button", "aria-pressed": "false", text: "Eraser", title: "Eraser (E)", onclick: () => this.erase() });
    return [...super.buttons(), make("label", { class: "cw-brush" }, "Brush ", this.size_), this.eraser];
  }
  erase(on = this.eraser.getAttribute("aria-pressed") !== "true") { this.eraser.setAttribute("aria-pressed", String(on)); }
  begin() {
    this.canvas = make("canvas", { class: "cw-mask", "aria-hidden": "true" });
    [this.canvas.width, this.canvas.height] = [this.width, this.height];
    this.layer.before(this.canvas);
    this.paint = this.canvas.getContext("2d", { willReadFrequently: true });
    this.mask = new Uint8Array(this.width * this.height);
    this.palette = ["#ffffff"];
    this.prepare();
    const given = this.waiting ?? this.initial();
    this.ready = given ? this.load(given) : Promise.resolve();
    this.ready.then(() => { if (!this.waiting) this.first = this.mask.slice(); });
  }
  prepare() {}
  /** Reads a mask from a PNG whose colours are known. */
  async load(given) {
    const src = given.src ?? (given.labeledImage ? PNG + given.labeledImage.pngImageData : null);
    this.mapping(given);
    if (!src) return;
    try {
      const image = Object.assign(new Image(), { crossOrigin: "anonymous", src });
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: this.width, height: this.height }), context = canvas.getContext("2d");
      context.imageSmoothingEnabled = false;
      context.drawImage(image, 0, 0, this.width, this.height);
      this.fill(context.getImageData(0, 0, this.width, this.height).data);
    } catch {
      this.said.textContent = "The mask to begin with can't be read: its server must allow other origins to read it.";
    }
  }
  mapping() {}
  fill(data) {
    const known = new Map(this.palette.map((hex, index) => [bytes(hex).join(), index]));
    for (let at = 0; at < this.mask.length; at++) this.mask[at] = data[4 * at + 3] ? known.get(`${data[4 * at]},${data[4 * at + 1]},${data[4 * at + 2]}`) ?? 0 : 0;
    this.refresh(0, 0, this.width, this.height);
  }
  get radius() { return (+this.size_.value / 2) * Math.max(1, Math.max(this.width, this.height) / 640); }
  get ink() { return this.eraser.getAttribute("aria-pressed") === "true" ? 0 : this.number_(); }
  pointerdown(event) {
    if (event.button) return;
    event.preventDefault();
    this.layer.focus({ preventScroll: true });
    this.layer.setPointerCapture(event.pointerId);
    this.stroke(this.point(event));
  }
  stroke(point) { this.keep(); this.touched = false; this.last = point; this.dab(point, point); }
  hover(point) {
    this.ring(point);
    if (!this.last) return;
    this.dab(this.last, point);
    this.last = point;
  }
  pointerup() { if (this.last) { this.last = null; this.changed(); } }
  /** Space puts the brush down where the cursor is, and lifts it. */
  click(point) { if (this.last) this.pointerup(); else this.stroke(point); }
  cancel() { this.pointerup(); }
  finish() { this.pointerup(); }
  keys(event) {
    const size = (factor) => () => { this.size_.value = Math.max(1, Math.round(+this.size_.value * factor)); };
    return { ...super.keys(event), "[": size(0.8), "]": size(1.25), e: () => this.erase() };
  }
  ring({ x, y }) {
    this.tip ??= this.shapes.appendChild(make("circle", { class: "cw-ring" }));
    for (const [key, value] of [["cx", x], ["cy", y], ["r", this.radius]]) this.tip.setAttribute(key, value);
  }
  dab(from, to) {
    const r = this.radius, ink = this.ink, length = Math.hypot(to.x - from.x, to.y - from.y), steps = Math.max(1, Math.ceil(length / Math.max(1, r / 2)));
    for (let step = 0; step <= steps; step++) this.disc(from.x + ((to.x - from.x) * step) / steps, from.y + ((to.y - from.y) * step) / steps, r, ink);
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - r - 1)), top = Math.max(0, Math.floor(Math.min(from.y, to.y) - r - 1));
    this.refresh(left, top, Math.min(this.width, Math.ceil(Math.max(from.x, to.x) + r + 1)) - left, Math.min(this.height, Math.ceil(Math.max(from.y, to.y) + r + 1)) - top);
  }
  disc(x, y, r, ink) {
    for (let row = Math.max(0, Math.ceil(y - r)); row <= Math.min(this.height - 1, y + r); row++) {
      const half = Math.sqrt(Math.max(0, r * r - (row - y) ** 2)), from = Math.max(0, Math.ceil(x - half)), to = Math.min(this.width - 1, Math.floor(x + half));
      if (to >= from) this.mask.fill(ink, row * this.width + from, row * this.width + to + 1);
    }
  }
  refresh(left, top, width, height) {
    if (width <= 0 || height <= 0) return;
    const image = this.paint.createImageData(width, height), palette = this.palette.map(bytes);
    for (let row = 0, at = 0; row < height; row++) {
      for (let column = 0; column < width; column++, at += 4) {
        const ink = this.mask[(top + row) * this.width + left + column];
        if (ink) image.data.set([...palette[ink], 255], at);
      }
    }
    this.paint.putImageData(image, left, top);
  }
  state() { return this.mask.slice(); }
  keep() { super.keep(); if (this.done.length > 20) this.done.shift(); }
  setState(mask) { this.mask = mask; this.refresh(0, 0, this.width, this.height); }
  png() {
    const canvas = Object.assign(document.createElement("canvas"), { width: this.width, height: this.height }), context = canvas.getContext("2d");
    const image = context.createImageData(this.width, this.height), palette = this.palette.map(bytes);
    for (let at = 0; at < this.mask.length; at++) image.data.set([...palette[this.mask[at]], 255], 4 * at);
    context.putImageData(image, 0, 0);
    return { pngImageData: canvas.toDataURL("image/png").slice(PNG.length) };
  }
  get used() { const seen = new Set(this.mask); seen.delete(0); return seen; }
  get output() {
    if (!this.mask) return undefined;
    const output = this.plain();
    return this.hasAttribute("initial-value") ? { ...output, initialValueModified: !this.first || this.mask.some((ink, at) => ink !== this.first[at]) } : output;
  }
  restore(value) { if (this.mask) this.load(value); else this.waiting = value; }
}

/** Every pixel belongs to a label's colour, or to none. */
export class Semantic extends Masks {
  prepare() { this.palette.push(...this.labels.map((label) => hex(this.tint(label)))); }
  mapping(given) {
    for (const [label, { color }] of Object.entries(given.labelMappings ?? {})) {
      const index = this.labels.indexOf(label);
      if (index >= 0) this.palette[index + 1] = hex(color);
    }
  }
  tint(label) { return this.palette?.[this.labels.indexOf(label) + 1] ?? super.tint(label); }
  number_() { return this.labels.indexOf(this.label) + 1; }
  plain() {
    const labelMappings = Object.fromEntries(this.labels.map((label, index) => [label, { color: this.palette[index + 1] }]));
    return { labeledImage: this.png(), labelMappings, inputImageProperties: this.size };
  }
}

/** Every thing has a colour of its own. */
export class Instances extends Masks {
  prepare() { this.instances = []; this.current = 0; this.listThem(); }
  buttons() { return [...super.buttons(), make("button", { type: "button", class: "cw-button", text: "Next thing", title: "Next thing (N)", onclick: () => this.next() })]; }
  keys(event) { return { ...super.keys(event), n: () => this.next() }; }
  next() { this.current = 0; this.erase(false); this.said.textContent = "The next stroke begins another thing."; this.listThem(); }
  relabel(label) { if (this.current) { this.instances[this.current - 1].label = label; this.listThem(); this.changed(); } }
  mapping(given) {
    this.instances = (given.instances ?? []).map(({ color, label }) => ({ color: hex(color), label }));
    this.palette = ["#ffffff", ...this.instances.map(({ color }) => color)];
    this.listThem();
  }
  number_() {
    if (!this.current) {
      this.instances.push({ color: this.free(), label: this.label });
      this.palette.push(this.instances.at(-1).color);
      this.current = this.instances.length;
      this.listThem();
    }
    return this.current;
  }
  /** A colour that no thing has yet. */
  free() {
    const taken = new Set(this.palette), plain = COLOURS.find((color) => !taken.has(color));
    if (plain) return plain;
    for (let turn = this.instances.length; ; turn++) {
      const color = `#${((turn * 0x9e3779b1) >>> 8).toString(16).padStart(6, "0")}`;
      if (!taken.has(color)) return color;
    }
  }
  listThem() {
    this.listed.replaceChildren(...this.instances.map(({ color, label }, index) => {
      const item = make("li", {}, make("i", { class: "cw-swatch", "aria-hidden": "true" }), make("button", { type: "button", class: "cw-button cw-link", text: `${index + 1}. ${label}`, "aria-pressed": String(this.current === index + 1), onclick: () => { this.current = index + 1; this.listThem(); this.listed.children[index].querySelector("button").focus(); } }));
      item.firstChild.style.background = color;
      return item;
    }));
  }
  plain() {
    const used = this.used;
    return { labeledImage: this.png(), instances: this.instances.filter((_, index) => used.has(index + 1)).map(({ color, label }) => ({ color, label })), inputImageProperties: this.size };
  }
}

/** #rrggbb of any colour that style sheets know. */
function hex(color) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = color;
  return context.fillStyle;
}
