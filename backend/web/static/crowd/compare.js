// Our own: which of two is better, how clearly and why; and a few things put in order.
import { Crowd, fresh, letters, list, make, numberKeys, preface } from "./base.js";

const random = () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;

export class Pairwise extends Crowd {
  build() {
    this.setAttribute("data-keys", "");
    const top = preface(this), slots = { left: this.side("left"), right: this.side("right") };
    this.shownOrder = this.getAttribute("order") ?? (random() < 0.5 ? "left-right" : "right-left");
    const [first, second] = this.shownOrder.split("-");
    this.most = +(/\d+$/.exec(this.getAttribute("scale") ?? "7") ?? 7);
    const id = fresh("pair"), sides = [[first, "A is better"], ...(this.getAttribute("tie") === "false" ? [] : [["tie", "Equally good"]]), [second, "B is better"]];
    this.winners = sides.map(([value, words]) => this.radio(`${id}-winner`, value, words));
    this.strengths = Array.from({ length: this.most }, (_, index) => this.radio(`${id}-strength`, index + 1, String(index + 1), index + 1));
    this.need = this.getAttribute("rationale") === "required";
    this.reason = make("textarea", { class: "cw-field", rows: 3, id: `${id}-why`, dir: "auto" });
    const panel = (side, letter) => make("section", { class: "cw-side", "aria-label": letter }, make("h3", { text: letter }), make("div", { dir: "auto" }, ...slots[side]));
    this.scale = make("fieldset", { class: "cw-row" }, make("legend", { class: "cw-legend", text: `How clearly? 1 is barely, ${this.most} is beyond doubt` }), ...this.strengths.map((input) => input.parentElement));
    this.replaceChildren(top, make("div", { class: "cw-pair" }, panel(first, "A"), panel(second, "B")),
      make("fieldset", { class: "cw-row" }, make("legend", { class: "cw-legend", text: "Which is better?" }), ...this.winners.map((input) => input.parentElement)), this.scale);
    if (this.hasAttribute("rationale")) this.append(make("label", { class: "cw-label", for: `${id}-why`, text: this.need ? "Why? (required)" : "Why? (if you like)" }), this.reason);
    this.addEventListener("change", () => { this.scale.hidden = this.picked(this.winners) === "tie"; this.changed(); });
    this.reason.addEventListener("input", () => this.changed());
    numberKeys(this, (index) => { const input = this.strengths[index]; input?.click(); input?.focus(); return Boolean(input); });
  }
  side(name) {
    const child = [...this.children].find((node) => node.getAttribute("slot") === name);
    return child ? [child] : [make("p", { text: this.getAttribute(name) ?? "" })];
  }
  radio(name, value, words, key) {
    const input = make("input", { type: "radio", value, "aria-keyshortcuts": key && key < 10 ? key : null });
    input.name = name;
    make("label", { class: "cw-choice" }, input, make("span", { text: words }));
    return input;
  }
  picked(inputs) { return inputs.find((input) => input.checked)?.value; }
  get output() {
    const winner = this.picked(this.winners), strength = winner === "tie" ? 1 : +(this.picked(this.strengths) ?? 0), rationale = this.reason.value.trim();
    if (!winner || !strength) return undefined;
    return { winner, strength, ...(rationale ? { rationale } : {}), shown: this.shownOrder };
  }
  restore(value) {
    this.winners.forEach((input) => { input.checked = input.value === value.winner; });
    this.strengths.forEach((input) => { input.checked = +input.value === value.strength; });
    this.reason.value = value.rationale ?? "";
    this.scale.hidden = value.winner === "tie";
  }
  problem() {
    const winner = this.picked(this.winners);
    if (!winner) return "Say which is better.";
    if (winner !== "tie" && !this.picked(this.strengths)) return "Say how clearly it is better.";
    if (letters(this.reason.value) > 10000) return "Write at most 10,000 characters.";
    return this.need && !this.reason.value.trim() ? "Say why." : null;
  }
}

export class Ranking extends Crowd {
  build() {
    const top = preface(this), given = list(this.getAttribute("items")).map((item) => (typeof item === "object" ? item : { id: String(item) }));
    const own = new Map([...this.children].filter((node) => node.hasAttribute("data-id")).map((node) => [node.dataset.id, node]));
    this.items = given.length ? given : [...own.keys()].map((id) => ({ id }));
    if (this.getAttribute("order") !== "given") this.items = this.items.map((item) => [random(), item]).sort(([one], [other]) => one - other).map(([, item]) => item);
    this.listed = make("ol", { class: "cw-ranking", "aria-label": "From the best to the worst" });
    this.said = make("p", { class: "cw-state", role: "status", text: "The best one first: drag, or use the arrows." });
    this.rows = new Map(this.items.map((item) => [item.id, this.row(item, own.get(item.id))]));
    this.tied = new Set();
    this.replaceChildren(top, this.said, this.listed);
    this.draw();
  }
  row(item, own) {
    const words = String(item.title ?? item.source ?? item.text ?? item.id), press = (step) => this.move(item.id, step);
    const button = (text, name, step) => make("button", { type: "button", class: "cw-button cw-icon", text, "aria-label": `${name}: ${words}`, onclick: () => press(step) });
    const tie = make("input", { type: "checkbox", onchange: (event) => { event.target.checked ? this.tied.add(item.id) : this.tied.delete(item.id); this.changed(); } });
    const content = own ?? (item["source-ref"] ? make("img", { src: item["source-ref"], alt: words }) : make("span", { dir: "auto", text: words }));
    const node = make("li", { class: "cw-item", "data-id": item.id }, make("div", { class: "cw-item-body" }, content), make("div", { class: "cw-item-moves" },
      button("↑", "Up", -1), button("↓", "Down", 1), make("label", { class: "cw-tick" }, tie, make("span", { text: "as good as the one above" }))));
    node.addEventListener("keydown", (event) => {
      const step = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : 0;
      if (step) { event.preventDefault(); press(step); }
    });
    node.querySelector(".cw-item-body").addEventListener("pointerdown", (event) => this.drag(event, item.id));
    return node;
  }
  move(id, step) {
    const at = this.items.findIndex((item) => item.id === id), to = at + step;
    if (to < 0 || to >= this.items.length) return;
    this.items.splice(to, 0, ...this.items.splice(at, 1));
    this.said.textContent = `Now in place ${to + 1} of ${this.items.length}.`;
    const focused = document.activeElement;
    this.draw();
    if (this.contains(focused)) focused.focus();
    this.changed();
  }
  drag(event, id) {
    if (event.button) return;
    event.preventDefault();
    const node = this.rows.get(id), body = event.currentTarget;
    body.setPointerCapture(event.pointerId);
    node.classList.add("cw-dragged");
    const over = ({ clientY }) => {
      const at = this.items.findIndex((item) => item.id === id), box = (index) => this.rows.get(this.items[index]?.id)?.getBoundingClientRect();
      const above = box(at - 1), below = box(at + 1);
      if (above && clientY < above.top + above.height / 2) this.move(id, -1);
      else if (below && clientY > below.top + below.height / 2) this.move(id, 1);
    };
    body.addEventListener("pointermove", over);
    body.addEventListener("lostpointercapture", () => { body.removeEventListener("pointermove", over); node.classList.remove("cw-dragged"); }, { once: true });
  }
  draw() {
    this.items.forEach(({ id }, index) => {
      const row = this.rows.get(id), tie = row.querySelector("input");
      if (this.listed.children[index] !== row) this.listed.insertBefore(row, this.listed.children[index] ?? null);
      tie.disabled = index === 0;
      tie.checked = this.tied.has(id) && index > 0;
    });
  }
  get output() {
    const ties = [];
    let run = [];
    this.items.forEach(({ id }, index) => {
      if (index && this.tied.has(id)) run.push(id);
      else { if (run.length > 1) ties.push(run); run = [id]; }
    });
    if (run.length > 1) ties.push(run);
    return { order: this.items.map(({ id }) => id), ties };
  }
  restore({ order, ties = [] }) {
    this.items.sort((one, other) => order.indexOf(one.id) - order.indexOf(other.id));
    this.tied = new Set(ties.flatMap((tie) => tie.slice(1)));
    this.draw();
  }
}
