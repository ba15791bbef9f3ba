// Boxes, polygons, polylines, lines and keypoints: one tool, whose shapes are lists of points.
import { make, modified } from "./base.js";
import { Stage } from "./stage.js";

const NEAR = 10;
const copy = (shapes) => shapes.map((shape) => ({ label: shape.label, vertices: shape.vertices.map((point) => ({ ...point })) }));

class Shapes extends Stage {
  /** least and most points, whether the last joins the first, the field of the output. */
  get kind() { return { least: 2, most: Infinity, closed: false, field: "polylines" }; }
  begin() {
    this.drawn = this.read(this.initial());
    this.first = JSON.stringify(this.plain());
    this.draft = null;
    this.picked = -1;
    if (this.waiting) this.restore(this.waiting);
    this.draw();
  }
  read(given) {
    const shapes = Array.isArray(given) ? given : given?.[this.kind.field] ?? [];
    return shapes.map((shape) => ({ label: shape.label, vertices: this.points(shape) }));
  }
  points(shape) { return (shape.vertices ?? []).map(({ x, y }) => ({ x, y })); }
  state() { return copy(this.drawn); }
  setState(shapes) { this.drawn = shapes; this.picked = -1; this.draft = null; }
  pointerdown(event) {
    if (event.button) return;
    event.preventDefault();
    this.layer.focus({ preventScroll: true });
    this.layer.setPointerCapture(event.pointerId);
    const point = this.point(event), grip = !this.draft && !event.shiftKey && this.grip(point);
    if (grip) { this.keep(); this.picked = grip.shape; this.held = { ...grip, from: point, moved: false }; this.draw(); return; }
    this.pressed = point;
    this.click(point);
  }
  /** A corner of a shape, or a shape, that is where the pointer is; the newest first. */
  grip(point) {
    const near = NEAR * this.unit;
    for (let shape = this.drawn.length - 1; shape >= 0; shape--) {
      const corners = this.corners(this.drawn[shape]), corner = corners.findIndex(({ x, y }) => Math.hypot(x - point.x, y - point.y) <= near);
      if (corner >= 0) return { shape, corner };
    }
    return null;
  }
  corners(shape) { return shape.vertices; }
  hover(point) {
    if (this.held) {
      this.held.moved = true;
      this.pull(this.drawn[this.held.shape], this.held.corner, point);
    } else if (!this.draft) return;
    this.tip = point;
    this.draw();
  }
  pull(shape, corner, point) { shape.vertices[corner] = point; }
  pointerup(event) {
    if (this.held) {
      if (!this.held.moved) this.done.pop();
      else this.changed();
      this.held = null;
      this.draw();
      return;
    }
    const point = this.point(event);
    if (this.draft && this.pressed && this.kind.most === 2 && Math.hypot(point.x - this.pressed.x, point.y - this.pressed.y) > 4 * this.unit) this.click(point);
    this.pressed = null;
  }
  click(point) {
    const { least, most, closed } = this.kind;
    if (!this.draft) this.draft = { label: this.label, vertices: [] };
    const [start] = this.draft.vertices;
    if (closed && this.draft.vertices.length >= least && Math.hypot(start.x - point.x, start.y - point.y) <= NEAR * this.unit) return this.finish();
    const last = this.draft.vertices.at(-1);
    if (last && Math.hypot(last.x - point.x, last.y - point.y) <= 2 * this.unit) return this.finish(); // a double click, or tap
    this.draft.vertices.push(point);
    if (this.draft.vertices.length >= most) return this.finish();
    this.said.textContent = `${this.draft.vertices.length} points. ${most === 2 ? "Space or a click sets the end." : "Enter or a double click finishes."}`;
    this.tip = point;
    return this.draw();
  }
  finish() {
    if (!this.draft) return;
    if (this.draft.vertices.length < this.kind.least) { this.said.textContent = `It needs at least ${this.kind.least} points.`; return; }
    this.keep();
    this.drawn.push(this.draft);
    this.picked = -1; // the next label is the next shape's
    this.draft = null;
    this.said.textContent = `${this.words(this.drawn.at(-1))} is drawn.`;
    this.draw();
    this.changed();
  }
  cancel() { this.draft = null; this.picked = -1; this.draw(); }
  turn(forward) {
    if (!this.draft || forward) return super.turn(forward);
    this.draft.vertices.pop();
    if (!this.draft.vertices.length) this.draft = null;
    return this.draw();
  }
  remove_(index = this.picked) {
    if (!this.drawn[index]) return;
    this.keep();
    this.drawn.splice(index, 1);
    this.picked = -1;
    this.draw();
    this.changed();
  }
  relabel(label) {
    if (this.draft) this.draft.label = label;
    else if (this.drawn?.[this.picked]) { this.keep(); this.drawn[this.picked].label = label; this.changed(); }
    this.draw();
  }
  draw() {
    if (!this.drawn) return;
    const nodes = this.drawn.flatMap((shape, index) => this.figure(shape, index === this.picked));
    if (this.draft) nodes.push(...this.figure({ label: this.draft.label, vertices: [...this.draft.vertices, this.tip ?? this.draft.vertices.at(-1)] }, true, true));
    this.shapes.replaceChildren(...nodes);
    this.listed.replaceChildren(...this.drawn.map((shape, index) => this.line(shape, index)));
  }
  figure(shape, picked, open = false) {
    const tint = this.tint(shape.label), node = this.outline(shape, open);
    node.setAttribute("class", `cw-shape${picked ? " cw-picked" : ""}`);
    node.style.setProperty("--mark", tint);
    const dots = this.corners(shape).map(({ x, y }) => make("circle", { cx: x, cy: y, r: (picked ? 5 : 3.5) * this.unit, class: "cw-dot" }));
    dots.forEach((dot) => dot.style.setProperty("--mark", tint));
    return [node, ...dots];
  }
  outline(shape, open) { return make(this.kind.closed && !open ? "polygon" : "polyline", { points: shape.vertices.map(({ x, y }) => `${x},${y}`).join(" ") }); }
  words(shape) { return shape.label; }
  line(shape, index) {
    const item = make("li", { class: index === this.picked ? "cw-picked" : null }, make("i", { class: "cw-swatch", "aria-hidden": "true" }),
      make("button", { type: "button", class: "cw-button cw-link", text: `${index + 1}. ${this.words(shape)}`, "aria-pressed": String(index === this.picked), onclick: () => { this.picked = index; this.draw(); this.listed.children[index].querySelector("button").focus(); }, onkeydown: (event) => this.nudge(event, index) }),
      make("button", { type: "button", class: "cw-button cw-icon", text: "×", "aria-label": `Delete ${index + 1}. ${this.words(shape)}`, onclick: () => { this.remove_(index); this.layer.focus(); } }));
    item.firstChild.style.background = this.tint(shape.label);
    return item;
  }
  /** Arrows move the shape whose line has the keyboard. */
  nudge(event, index) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.keep();
    this.drawn[index].vertices = this.drawn[index].vertices.map(({ x, y }) => this.inside({ x: x + step[0], y: y + step[1] }));
    this.draw();
    this.listed.children[index].querySelector("button").focus();
    this.changed();
  }
  plain() { return { [this.kind.field]: this.drawn.map((shape) => this.write(shape)), inputImageProperties: this.size }; }
  write({ label, vertices }) { return { label, vertices: vertices.map(({ x, y }) => ({ x, y })) }; }
  get output() { return this.drawn ? modified(this, this.plain(), this.first) : undefined; }
  restore(value) {
    if (!this.drawn) { this.waiting = value; return; }
    this.waiting = null;
    this.drawn = this.read(value);
    this.draw();
  }
  problem() { return super.problem() ?? (this.draft ? "Finish what you are drawing with Enter, or drop it with Escape." : null); }
}

export class Polyline extends Shapes {}
export class Polygon extends Shapes { get kind() { return { least: 3, most: Infinity, closed: true, field: "polygons" }; } }
export class Line extends Shapes { get kind() { return { least: 2, most: 2, closed: false, field: "lines" }; } }

export class Keypoint extends Shapes {
  get kind() { return { least: 1, most: 1, closed: false, field: "keypoints" }; }
  points({ x, y }) { return [{ x, y }]; }
  outline({ vertices: [{ x, y }] }) { const arm = 9 * this.unit; return make("path", { d: `M${x - arm} ${y}h${2 * arm}M${x} ${y - arm}v${2 * arm}` }); }
  write({ label, vertices: [{ x, y }] }) { return { label, x, y }; }
}

/** A box is kept as two opposite corners. */
export class Boxes extends Shapes {
  get kind() { return { least: 2, most: 2, closed: false, field: "boundingBoxes" }; }
  points({ left, top, width, height }) { return [{ x: left, y: top }, { x: left + width, y: top + height }]; }
  corners({ vertices: [one, other = one] }) { return [one, { x: other.x, y: one.y }, other, { x: one.x, y: other.y }]; }
  pull(shape, corner, point) {
    const opposite = this.corners(shape)[(corner + 2) % 4];
    shape.vertices = [point, opposite];
    this.held.corner = 0;
  }
  outline({ vertices: [one, other = one] }) {
    return make("rect", { x: Math.min(one.x, other.x), y: Math.min(one.y, other.y), width: Math.abs(one.x - other.x), height: Math.abs(one.y - other.y) });
  }
  click(point) {
    const start = this.draft?.vertices[0];
    if (start && (start.x === point.x || start.y === point.y)) { this.said.textContent = "A box needs width and height."; return; }
    super.click(point);
  }
  write({ label, vertices: [one, other] }) {
    return { height: Math.abs(one.y - other.y), label, left: Math.min(one.x, other.x), top: Math.min(one.y, other.y), width: Math.abs(one.x - other.x) };
  }
  words(shape) { const { width, height } = this.write(shape.vertices.length > 1 ? shape : { ...shape, vertices: [shape.vertices[0], shape.vertices[0]] }); return `${shape.label}, ${width} × ${height}`; }
}
