// Classifiers: one or several of a list of categories, for a text or a picture.
import { Crowd, fresh, list, loose, make, numberKeys, picture, preface } from "./base.js";

const MANY = 12;

/** A list of categories as radio buttons or checkboxes, with keys, and a filter where it is long. */
class Choices extends Crowd {
  get several() { return false; }
  build() {
    this.setAttribute("data-keys", "");
    this.categories = list(this.getAttribute("categories")).map((category) => (typeof category === "string" ? category : category.label ?? String(category)));
    const top = preface(this), target = this.target();
    this.group = make("fieldset", { class: "cw-choices" }, make("legend", { class: "cw-legend", text: this.several ? "Choose all that fit" : "Choose one" }));
    const id = fresh("choice");
    this.inputs = this.categories.map((category, index) => this.choice(category, id, index));
    if (this.several) this.none = this.choice(this.exclusion() ?? "None of these", id, this.categories.length, true);
    if (!this.categories.length) this.group.append(make("p", { class: "cw-state", text: "There are no categories to choose from." }));
    this.replaceChildren(top, target, this.group);
    if (this.categories.length > MANY) this.group.querySelector("legend").after(this.filter());
    this.comment();
    this.group.addEventListener("change", (event) => this.chosen(event.target));
    numberKeys(this, (index) => this.pick(index));
  }
  target() {
    const region = this.region("classification-target");
    return make("div", { class: "cw-target", dir: "auto" }, ...(region?.childNodes ?? []));
  }
  exclusion() { return null; }
  comment() {}
  choice(words, group, index, last = false) {
    const input = make("input", { type: this.several ? "checkbox" : "radio", name: null });
    if (!this.several) input.setAttribute("form", ""), (input.name = group);
    const key = index < 10 ? make("kbd", { "aria-hidden": "true", text: String((index + 1) % 10) }) : null;
    if (index < 10) input.setAttribute("aria-keyshortcuts", String((index + 1) % 10));
    const row = make("label", { class: last ? "cw-choice cw-none" : "cw-choice" }, input, make("span", { dir: "auto", text: words }), key);
    this.group.append(row);
    return input;
  }
  filter() {
    const field = make("input", { type: "search", class: "cw-field", placeholder: `Find one of ${this.categories.length}`, "aria-label": "Find a category" });
    field.addEventListener("input", () => {
      const wanted = field.value.toLocaleLowerCase();
      this.inputs.forEach((input, index) => { input.parentElement.hidden = !this.categories[index].toLocaleLowerCase().includes(wanted); });
    });
    return field;
  }
  pick(index) {
    const input = [...this.inputs, ...(this.none ? [this.none] : [])][index];
    if (!input) return false;
    input.click();
    input.focus();
    return true;
  }
  chosen(input) {
    if (this.none && input.checked) {
      if (input === this.none) this.inputs.forEach((other) => { other.checked = false; });
      else this.none.checked = false;
    }
    this.changed();
  }
  get picked() { return this.categories.filter((_, index) => this.inputs[index].checked); }
  get output() {
    if (this.several) return this.problem() ? undefined : { labels: this.picked };
    return this.picked.length ? { label: this.picked[0] } : undefined;
  }
  restore(value) {
    const wanted = this.several ? value.labels ?? [] : [value.label];
    this.inputs.forEach((input, index) => { input.checked = wanted.includes(this.categories[index]); });
    if (this.none) this.none.checked = wanted.length === 0;
  }
  problem() {
    if (this.picked.length || this.none?.checked || !this.categories.length) return null;
    return this.several ? `Choose what fits, or “${this.none.parentElement.querySelector("span").textContent}”.` : "Choose one of these.";
  }
}

export class Classifier extends Choices {}
export class ClassifierMulti extends Choices { get several() { return true; } }

/** Over a picture, with an overlay and a worker's comment. */
const overPicture = (Base) => class extends Base {
  target() {
    const overlay = loose(this.getAttribute("overlay"));
    const frame = picture(this.getAttribute("src"), this.getAttribute("alt") ?? "The picture to classify");
    if (overlay?.imageUrl) {
      const over = make("img", { class: "cw-overlay", alt: "", src: overlay.imageUrl });
      over.style.opacity = overlay.opacity ?? 0.5;
      frame.append(over);
    }
    return frame;
  }
  comment() {
    this.remark = make("textarea", { class: "cw-field", rows: 2, "aria-label": "Comment" });
    this.append(make("details", { class: "cw-comment" }, make("summary", { text: "Add a comment" }), this.remark));
    this.remark.addEventListener("input", () => this.changed());
  }
  get output() {
    const output = super.output, words = this.remark.value.trim();
    return output && words ? { ...output, workerComment: words } : output;
  }
  restore(value) {
    super.restore(value);
    this.remark.value = value.workerComment ?? "";
    this.remark.parentElement.open = Boolean(value.workerComment);
  }
};

export class ImageClassifier extends overPicture(Classifier) {}
export class ImageClassifierMulti extends overPicture(ClassifierMulti) {
  exclusion() { return loose(this.getAttribute("exclusion-category"))?.text ?? null; }
}
