// Questions of a survey: text, numbers, dates, files, choices, sliders and switches.
import { Crowd, fresh, letters, make } from "./base.js";

const MOST_BYTES = 2 << 20;

/** A field with a label above and help below. */
class Field extends Crowd {
  build() {
    const id = fresh("field"), words = this.getAttribute("label");
    this.control = this.field();
    this.control.id = id;
    this.control.classList.add("cw-field");
    if (!words && !this.named()) this.control.setAttribute("aria-label", this.getAttribute("placeholder") ?? this.name ?? "Answer");
    for (const name of ["disabled", "required"]) if (this.flag(name)) this.control[name] = true;
    for (const name of ["placeholder"]) if (this.hasAttribute(name)) this.control.setAttribute(name, this.getAttribute(name));
    const star = this.flag("required") ? make("span", { class: "cw-required", text: " (required)" }) : null;
    this.append(...[words ? make("label", { for: id, class: "cw-label", text: words }, star) : null, this.control].filter(Boolean));
    this.control.addEventListener("input", () => this.typed());
    if (this.flag("auto-validate")) this.control.addEventListener("blur", () => this.tell(this.problem()));
    if (this.flag("auto-focus")) this.control.focus();
  }
  /** A label of the page's own stands before the element. */
  named() {
    const label = this.closest("label") ?? (this.id ? document.querySelector(`label[for="${CSS.escape(this.id)}"]`) : null);
    if (label) this.control.setAttribute("aria-label", label.textContent.trim());
    return label;
  }
  typed() { this.changed(); }
  get value() { return this.built ? this.control.value : this.getAttribute("value") ?? ""; }
  set value(text) { if (this.built) this.control.value = text; else this.setAttribute("value", text); }
  restore(value) { this.value = value; }
  problem() {
    if (this.flag("disabled")) return null;
    const text = this.value, least = this.number("min-length", 0), most = this.number("max-length", Infinity);
    if (!text) return this.flag("required") ? this.own("Write something here.") : null;
    if (letters(text) < least) return this.own(`Write at least ${least} characters; these are ${letters(text)}.`);
    if (letters(text) > most) return this.own(`Write at most ${most} characters; these are ${letters(text)}.`);
    return this.control.checkValidity() ? null : this.own(this.control.validationMessage);
  }
  own(sentence) { return this.getAttribute("error-message") ?? sentence; }
}

export class Input extends Field {
  field() {
    const input = make("input", { type: this.getAttribute("type") ?? "text", value: this.getAttribute("value") });
    for (const name of ["min", "max", "step"]) if (this.hasAttribute(name)) input.setAttribute(name, this.getAttribute(name));
    return input;
  }
  typed() {
    if (this.control.type === "file") return this.load();
    const allowed = this.getAttribute("allowed-pattern");
    if (allowed) this.control.value = [...this.control.value].filter((letter) => new RegExp(`^(?:${allowed})$`, "u").test(letter)).join("");
    this.changed();
  }
  load() {
    const file = this.control.files[0], reader = new FileReader();
    this.file = undefined;
    if (!file) return this.changed();
    if (file.size > MOST_BYTES) { this.control.value = ""; return this.tell("Files may have 2 MB at most."); }
    reader.addEventListener("load", () => { this.file = reader.result; this.changed(); });
    reader.readAsDataURL(file);
  }
  get output() { return (this.control.type === "file" ? this.file : this.value) || undefined; }
  restore(value) { if (this.control.type === "file") this.file = value; else this.value = value; }
}

export class TextArea extends Field {
  field() {
    const area = make("textarea", { rows: this.number("rows", 3), dir: "auto", lang: this.getAttribute("lang") });
    area.value = this.getAttribute("value") ?? "";
    return area;
  }
  build() {
    super.build();
    if (this.flag("char-counter") || this.hasAttribute("max-length")) this.append((this.counter = make("p", { class: "cw-counter" })));
    this.count();
    queueMicrotask(() => this.grow());
  }
  typed() { this.count(); this.grow(); this.changed(); }
  grow() {
    const rows = this.number("max-rows", 0) || 24;
    this.control.style.height = "auto";
    this.control.style.height = `min(${this.control.scrollHeight + 2}px, ${rows * 1.5}rem)`;
  }
  count() {
    if (!this.counter) return;
    const most = this.number("max-length", 0), now = letters(this.value);
    this.counter.textContent = most ? `${now.toLocaleString("en")} of ${most.toLocaleString("en")} characters` : `${now} characters`;
    this.counter.classList.toggle("cw-over", Boolean(most) && now > most);
  }
  get output() { return this.value; }
}

/** A checkbox, radio button or switch: `{value: ticked}` under its name; several of one name share an object. */
class Tick extends Crowd {
  build() {
    const words = [...this.childNodes];
    this.control = make("input", { type: this.kind });
    if (this.kind === "radio") this.control.name = this.ring();
    if (this.kind === "checkbox" && this.localName === "crowd-toggle-button") this.control.setAttribute("role", "switch");
    this.control.checked = this.flag("checked");
    this.control.disabled = this.flag("disabled") || this.closest("crowd-radio-group")?.hasAttribute("disabled");
    if (!this.textContent.trim()) this.control.setAttribute("aria-label", this.getAttribute("label") ?? (this.hasAttribute("value") ? this.getAttribute("value") : this.name ?? "on"));
    this.replaceChildren(make("label", { class: "cw-tick" }, this.control, make("span", { dir: "auto" }, ...words)));
    this.control.addEventListener("change", () => this.changed());
  }
  get kind() { return "checkbox"; }
  get checked() { return this.built ? this.control.checked : this.flag("checked"); }
  set checked(ticked) { if (this.built) this.control.checked = ticked; else this.toggleAttribute("checked", ticked); }
  get value() { return this.getAttribute("value") ?? "on"; }
  get output() { return { [this.value]: this.checked }; }
  restore(value) { if (value && this.value in value) this.checked = value[this.value]; }
  problem() { return this.flag("required") && !this.checked && !this.alike().some((other) => other.checked) ? "Tick this." : null; }
  alike() { return [...this.parentElement.querySelectorAll(this.localName)].filter((other) => other.name === this.name); }
}
export class Checkbox extends Tick {}
export class Toggle extends Tick { problem() { return null; } }
export class RadioButton extends Tick {
  get kind() { return "radio"; }
  ring() {
    const group = this.closest("crowd-radio-group");
    if (!group) return `cw-radio-${this.name ?? ""}`;
    return (group.ring ??= fresh("radio"));
  }
  get output() {
    const group = this.closest("crowd-radio-group[omit-empty]");
    return group && !group.buttons.some((button) => button.checked) ? undefined : super.output;
  }
  problem() { return null; }
}

export class RadioGroup extends Crowd {
  build() {
    this.setAttribute("role", "radiogroup");
    if (!this.hasAttribute("aria-label") && !this.hasAttribute("aria-labelledby")) this.setAttribute("aria-label", this.getAttribute("label") ?? "Choose one");
    if (this.getAttribute("label")) this.prepend(make("p", { class: "cw-label", text: this.getAttribute("label"), "aria-hidden": "true" }));
    this.addEventListener("crowd-change", () => this.tell(null));
    if (this.flag("allow-empty-selection")) this.addEventListener("click", (event) => this.release(event));
    this.addEventListener("pointerdown", () => { this.before = this.buttons.find((button) => button.checked); });
  }
  get buttons() { return [...this.querySelectorAll("crowd-radio-button")]; }
  release(event) {
    const button = event.target.closest("crowd-radio-button");
    if (event.target.localName === "input" && button === this.before) { button.checked = false; button.changed(); }
    this.before = null;
  }
  problem() {
    const needed = this.flag("required") || this.hasAttribute("required");
    return needed && !this.buttons.some((button) => button.checked) ? "Choose one of these." : null;
  }
}

export class Slider extends Crowd {
  build() {
    const min = this.number("min", 0), max = this.number("max", 100), id = fresh("slider");
    this.control = make("input", { type: "range", min, max, step: this.getAttribute("step") ?? 1, id });
    this.control.value = this.number("value", min);
    this.control.disabled = this.flag("disabled");
    const words = this.getAttribute("label");
    if (!words) this.control.setAttribute("aria-label", this.name ?? "Value");
    this.shown = this.flag("editable")
      ? make("input", { type: "number", class: "cw-field cw-small", min, max, step: this.getAttribute("step") ?? 1, "aria-label": `${words ?? this.name ?? "Value"} as a number` })
      : make("output", { for: id });
    if (words) this.append(make("label", { for: id, class: "cw-label", text: words }));
    this.append(make("div", { class: "cw-slider" }, make("span", { class: "cw-end", text: min }), this.control, make("span", { class: "cw-end", text: max }), this.shown));
    this.show();
    this.control.addEventListener("input", () => { this.show(); this.changed(); });
    this.shown.addEventListener("change", () => { this.control.value = this.shown.value; this.show(); this.changed(); });
  }
  show() { this.shown.value = this.control.value; }
  get value() { return this.control.value; }
  set value(value) { this.control.value = value; this.show(); }
  get output() { return +this.control.value; }
  restore(value) { this.value = value; }
}
