// Our own: from when to when something happens in a recording or a film, in seconds.
import { Crowd, list, loose, make, modified, numberKeys, preface, writing } from "./base.js";
import { colour } from "./colours.js";
import "./drawn.js";

const exact = (seconds) => Math.round(seconds * 100) / 100;

export class Timeline extends Crowd {
  build() {
    this.setAttribute("data-keys", "");
    this.labels = list(this.getAttribute("labels")).map((label) => label.label ?? label);
    const top = preface(this), src = this.getAttribute("src") ?? "", film = /\.(mp4|webm|mov|ogv|m4v)(\?|$)/i.test(src) || this.getAttribute("kind") === "video";
    this.segments = (loose(this.getAttribute("initial-value"))?.segments ?? loose(this.getAttribute("initial-value")) ?? []).map((segment) => ({ ...segment }));
    this.first = JSON.stringify(this.plain());
    this.label = this.labels[0];
    this.media = make(film ? "video" : "audio", { controls: true, preload: "metadata", playsinline: true, "aria-label": film ? "The film" : "The recording" });
    this.said = make("p", { class: "cw-state", role: "status", text: src ? "The recording is loading …" : "There is no recording here." });
    this.media.addEventListener("loadedmetadata", () => { this.said.textContent = "Press I where it begins and O where it ends."; this.draw(); });
    this.media.addEventListener("error", () => { this.said.textContent = "The recording can't be loaded. Try again, or return the task: that costs you nothing."; });
    this.media.addEventListener("timeupdate", () => this.head());
    this.track = make("div", { class: "cw-track", "aria-hidden": "true", onpointerdown: (event) => this.sweep(event) });
    this.row = make("fieldset", { class: "cw-row" }, make("legend", { class: "cw-legend", text: "Label" }), ...this.labels.map((label, index) => this.choice(label, index)));
    const button = (text, keys, onclick) => make("button", { type: "button", class: "cw-button", "aria-keyshortcuts": keys, onclick }, text, make("kbd", { "aria-hidden": "true", text: keys }));
    const tools = make("div", { class: "cw-tools" }, button("Begins here ", "I", () => this.begin()), button("Ends here ", "O", () => this.end()), button("Undo ", "U", () => this.undo()));
    this.table = make("ul", { class: "cw-list cw-segments", "aria-label": "Segments" });
    this.done = [];
    this.replaceChildren(top, this.media, this.track, this.row, tools, this.said, this.table);
    if (src) this.media.src = src;
    numberKeys(this, (index) => { const input = this.row.querySelectorAll("input")[index]; input?.click(); return Boolean(input); });
    this.addEventListener("keydown", (event) => this.key(event));
    this.draw();
  }
  choice(label, index) {
    const input = make("input", { type: "radio", checked: index === 0, onchange: () => { this.label = label; } });
    input.name = `cw-timeline-${this.name ?? ""}`;
    const row = make("label", { class: "cw-choice" }, input, make("i", { class: "cw-swatch", "aria-hidden": "true" }), make("span", { text: label }), make("kbd", { "aria-hidden": "true", text: String((index + 1) % 10) }));
    row.children[1].style.background = colour(index);
    return row;
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
    const act = { i: () => this.begin(), o: () => this.end(), u: () => this.undo(), k: () => (this.media.paused ? this.media.play() : this.media.pause()), j: () => this.seek(-1), l: () => this.seek(1), ",": () => this.seek(-0.1), ".": () => this.seek(0.1) }[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  }
  get length() { return Number.isFinite(this.media.duration) ? this.media.duration : 0; }
  seek(step) { this.media.currentTime = Math.min(this.length, Math.max(0, this.media.currentTime + step)); }
  begin(time = this.media.currentTime) { this.from = exact(time); this.said.textContent = `Begins at ${this.from} s. Press O where it ends.`; this.head(); }
  end(time = this.media.currentTime) {
    if (this.from === undefined) { this.said.textContent = "Press I where it begins first."; return; }
    const [start, end] = [this.from, exact(time)].sort((one, other) => one - other);
    if (start === end) { this.said.textContent = "It must end later than it begins."; return; }
    this.done.push(this.segments);
    this.segments = [...this.segments, { start, end, label: this.label }].sort((one, other) => one.start - other.start);
    this.from = undefined;
    this.said.textContent = `${this.label} from ${start} to ${end} s.`;
    this.draw();
    this.changed();
  }
  undo() {
    if (!this.done.length) return;
    this.segments = this.done.pop();
    this.draw();
    this.changed();
  }
  sweep(event) {
    if (!this.length || event.button) return;
    const time = ({ clientX }) => { const box = this.track.getBoundingClientRect(); return exact(Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * this.length); };
    const start = time(event);
    this.track.setPointerCapture(event.pointerId);
    this.track.addEventListener("pointerup", (up) => {
      const end = time(up);
      if (Math.abs(end - start) < this.length / 200) { this.media.currentTime = end; return; }
      this.begin(start);
      this.end(end);
    }, { once: true });
  }
  head() {
    this.needle ??= make("b", { class: "cw-needle" });
    this.track.append(this.needle);
    this.needle.style.left = `${this.length ? (100 * this.media.currentTime) / this.length : 0}%`;
  }
  draw() {
    this.track.replaceChildren(...this.segments.map((segment) => {
      const bar = make("span", { class: "cw-segment", text: segment.label });
      bar.style.setProperty("--mark", colour(this.labels.indexOf(segment.label)));
      bar.style.left = `${(100 * segment.start) / (this.length || 1)}%`;
      bar.style.width = `${(100 * (segment.end - segment.start)) / (this.length || 1)}%`;
      return bar;
    }));
    this.head();
    this.table.replaceChildren(...this.segments.map((segment) => this.line(segment)));
  }
  line(segment) {
    const field = (key, words) => make("input", { type: "number", class: "cw-field cw-small", min: 0, step: 0.01, value: segment[key], "aria-label": `${words} in seconds`, onchange: (event) => { if (event.target.value !== "") { segment[key] = exact(+event.target.value); this.draw(); this.changed(); } } });
    return make("li", {}, make("b", { text: segment.label }), field("start", "Begins"), "to", field("end", "Ends"), "s", make("button", { type: "button", class: "cw-button cw-icon", "aria-label": `Delete ${segment.label} from ${segment.start} s`, text: "×", onclick: () => { this.done.push(this.segments); this.segments = this.segments.filter((other) => other !== segment); this.draw(); this.changed(); } }));
  }
  plain() { return { segments: this.segments.map(({ start, end, label }) => ({ start, end, label })) }; }
  get output() { return modified(this, this.plain(), this.first); }
  restore(value) { this.segments = value.segments.map((segment) => ({ ...segment })); this.draw(); }
  problem() {
    const wrong = this.segments.find(({ start, end }) => !(start < end));
    return wrong ? `A segment must end after it begins: ${wrong.start} to ${wrong.end} s.` : null;
  }
}
