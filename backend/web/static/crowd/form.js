// crowd-form: gathers what every element says into one answer, checks it, and sends it.
import { Crowd, make } from "./base.js";

export class Form extends Crowd {
  build() {
    const own = this.querySelector('crowd-button[form-action="submit"], button[type=submit], input[type=submit]');
    if (!own) this.append(make("div", { class: "cw-actions" }, make("button", { type: "button", class: "cw-button cw-primary", text: "Submit answer", onclick: () => this.submit() })));
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button, input[type=submit]");
      if (button && !button.closest("form") && (button.type === "submit" || button.getAttribute("type") === "submit")) { event.preventDefault(); this.submit(); }
    });
    this.addEventListener("crowd-change", () => this.say("crowd-answer"));
    this.addEventListener("input", (event) => { if (event.target.name) this.say("crowd-answer"); });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.submit(); }
    });
  }
  get elements() { return [...this.querySelectorAll("*")].filter((node) => node instanceof Crowd && node.name); }
  get natives() { return [...this.querySelectorAll("input[name], select[name], textarea[name]")].filter((node) => !node.closest("[data-keys]") && !(node.parentElement?.closest(".cw-tick"))); }
  /** The answer: each element's output under its name; what is undefined isn't there. */
  get output() {
    const answer = {};
    for (const element of this.elements) {
      const output = element.output;
      if (output === undefined) continue;
      const before = Object.hasOwn(answer, element.name) ? answer[element.name] : undefined;
      const merged = plain(before) && plain(output) ? { ...before, ...output } : output;
      Object.defineProperty(answer, element.name, { value: merged, enumerable: true, configurable: true, writable: true });
    }
    for (const input of this.natives) {
      if (/^(submit|button|reset|image)$/.test(input.type) || input.disabled) continue;
      if (input.type === "radio" || input.type === "checkbox") {
        answer[input.name] = { ...(plain(answer[input.name]) ? answer[input.name] : {}), [input.value]: input.checked };
      } else if (input.value) answer[input.name] = input.value;
    }
    return answer;
  }
  /** What of the output is the answer: all of it, or what the attribute `answer="name.field"` points at. */
  get answer() {
    const path = this.getAttribute("answer");
    return path ? path.split(".").reduce((value, key) => (value === undefined ? undefined : value[key]), this.output) : this.output;
  }
  restore(answer) {
    const path = this.getAttribute("answer");
    const whole = path ? path.split(".").reduceRight((value, key) => ({ [key]: value }), answer) : answer;
    for (const element of this.elements) if (Object.hasOwn(whole, element.name)) element.restore(whole[element.name]);
    for (const input of this.natives) {
      const value = whole[input.name];
      if (value === undefined) continue;
      if (input.type === "radio" || input.type === "checkbox") input.checked = Boolean(value[input.value]);
      else input.value = value;
    }
  }
  /** Every element with a problem, each saying its own. */
  check() {
    const all = [...this.querySelectorAll("*")].filter((node) => node instanceof Crowd);
    const wrong = all.filter((element) => { const sentence = element.problem(); element.tell(sentence); return sentence; });
    return wrong.concat(this.natives.filter((input) => !input.reportValidity()));
  }
  submit() {
    const [first] = this.check();
    if (first) {
      (first.focusFirst ? first.focusFirst() : first.focus());
      return false;
    }
    const event = new Event("submit", { bubbles: true, cancelable: true });
    const goes = this.dispatchEvent(event);
    if (goes) this.say("crowd-submit");
    return goes;
  }
  say(kind) { this.dispatchEvent(new CustomEvent(kind, { bubbles: true, detail: { answer: this.answer } })); }
}

const plain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
