// What has no output: instructions, tabs, dialogs, alerts, buttons, cards, badges, toasts.
import { Crowd, dialog, fresh, make } from "./base.js";

const GLYPHS = { add: "+", close: "×", done: "✓", check: "✓", delete: "⌫", help: "?", info: "i", search: "⌕", send: "➤", star: "★", edit: "✎", favorite: "♥", "arrow-back": "←", "arrow-forward": "→", "arrow-upward": "↑", "arrow-downward": "↓", menu: "≡", settings: "⚙", warning: "!", refresh: "↻" };
const glyph = (name) => GLYPHS[(name ?? "").replace(/^.*:/, "")] ?? "•";

/** Presses go to the element, too, so that a page's own onclick works. */
class Pressed extends Crowd {
  build() {
    const href = this.getAttribute("href"), words = [...this.childNodes];
    this.control = href
      ? make("a", { class: this.look(), href, target: "_blank", rel: "noopener noreferrer" })
      : make("button", { class: this.look(), type: "button", disabled: this.flag("disabled") });
    this.dress(words);
    this.replaceChildren(this.control);
    this.control.addEventListener("click", () => this.press());
  }
  dress(words) { this.control.append(...words); }
  press() {}
}

export class Button extends Pressed {
  static observedAttributes = ["disabled", "loading"];
  look() { return `cw-button cw-${{ primary: "primary", link: "link" }[this.getAttribute("variant") ?? this.getAttribute("type")] ?? "normal"}`; }
  dress(words) {
    const icon = this.getAttribute("icon"), mark = icon ? make("span", { "aria-hidden": "true", text: `${glyph(icon)} ` }) : null;
    const right = this.getAttribute("icon-align") === "right";
    this.control.append(...[right ? null : mark, ...words, right ? mark : null].filter(Boolean));
    this.attributeChangedCallback();
  }
  attributeChangedCallback() {
    if (!this.control || this.control.localName === "a") return;
    this.control.disabled = this.flag("disabled") || this.flag("loading");
    this.control.setAttribute("aria-busy", String(this.flag("loading")));
  }
  press() {
    const form = this.closest("crowd-form"), action = this.getAttribute("form-action");
    if (action === "submit") form?.submit();
    if (action === "reset") form?.querySelectorAll("input, textarea, select").forEach((input) => { input.value = input.defaultValue ?? ""; input.checked = input.defaultChecked; });
  }
}
export class IconButton extends Pressed {
  look() { return "cw-button cw-icon"; }
  dress() {
    this.control.append(make("span", { "aria-hidden": "true", text: glyph(this.getAttribute("icon")) }));
    this.control.setAttribute("aria-label", this.getAttribute("title") ?? this.getAttribute("label") ?? this.getAttribute("icon") ?? "Button");
  }
}
export class Fab extends Pressed {
  look() { return "cw-button cw-fab"; }
  dress() {
    const words = this.getAttribute("label");
    this.control.append(words && words.length < 3 ? words : glyph(this.getAttribute("icon")));
    this.control.setAttribute("aria-label", this.getAttribute("title") ?? words ?? this.getAttribute("icon") ?? "Button");
  }
}

export class Alert extends Crowd {
  build() {
    const type = this.getAttribute("type") ?? "info", words = [...this.childNodes];
    const name = { info: "Note", success: "Done", warning: "Careful", error: "Wrong" }[type] ?? "Note";
    const close = this.flag("dismissible") ? make("button", { type: "button", class: "cw-button cw-icon", "aria-label": "Dismiss", text: "×", onclick: () => this.remove() }) : null;
    this.setAttribute("role", type === "error" ? "alert" : "status");
    this.classList.add("cw-alert", `cw-${type}`);
    this.replaceChildren(make("strong", { text: name }), make("div", {}, ...words), ...(close ? [close] : []));
  }
}
export class Badge extends Crowd {
  build() {
    this.classList.add("cw-badge");
    const words = this.getAttribute("label") ?? "", icon = this.getAttribute("icon");
    this.append(icon ? make("span", { role: "img", "aria-label": words || icon, text: glyph(icon) }) : words);
  }
}
export class Card extends Crowd {
  build() {
    this.classList.add("cw-card");
    const heading = this.getAttribute("heading"), image = this.getAttribute("image");
    if (heading) this.prepend(make("h3", { text: heading }));
    if (image) this.prepend(make("img", { src: image, alt: heading ?? "" }));
  }
}
export class Toast extends Crowd {
  build() {
    this.setAttribute("role", "status");
    this.classList.add("cw-toast");
    const open = this.hasAttribute("text") ? this.getAttribute("text") : null;
    if (open) this.append(open);
    if (this.flag("opened")) this.show();
  }
  show() {
    this.setAttribute("opened", "");
    const duration = this.number("duration", 3000);
    if (duration > 0) setTimeout(() => this.hide(), duration);
  }
  hide() { this.removeAttribute("opened"); }
}

export class Modal extends Crowd {
  build() {
    const link = this.getAttribute("link-text") ?? "Open", words = [...this.childNodes];
    this.box = dialog(this.getAttribute("heading") ?? link, words);
    const icon = this.getAttribute("link-type") === "button" ? "cw-normal" : "cw-quiet";
    this.replaceChildren(make("button", { type: "button", class: `cw-button ${icon}`, text: link, onclick: () => this.open() }), this.box);
  }
  open() { this.box.showModal(); }
  close() { this.box.close(); }
}

export class Instructions extends Crowd {
  build() {
    const short = this.region("short-summary"), detailed = this.region("detailed-instructions");
    const examples = [["positive-example", "A good answer"], ["negative-example", "A bad answer"]]
      .map(([tag, title]) => [this.region(tag), title]).filter(([found]) => found)
      .map(([found, title]) => make("section", { class: found.localName === "positive-example" ? "cw-good" : "cw-bad" }, make("h3", { text: title }), ...found.childNodes));
    const link = this.getAttribute("link-text") ?? "View instructions";
    const box = dialog("Instructions", [...(short ? short.cloneNode(true).childNodes : []), ...(detailed?.childNodes ?? []), ...examples, ...this.childNodes]);
    const button = make("button", { type: "button", class: "cw-button cw-quiet", text: link, onclick: () => box.showModal() });
    this.replaceChildren(make("div", { class: "cw-short" }, ...(short?.childNodes ?? [])), button, box);
  }
}

export class Tab extends Crowd {}
export class Tabs extends Crowd {
  build() {
    const tabs = [...this.children].filter((child) => child.localName === "crowd-tab");
    const row = make("div", { role: "tablist", class: "cw-tabs" });
    this.pairs = tabs.map((panel, index) => {
      const id = fresh("tab");
      panel.id ||= `${id}-panel`;
      const button = make("button", { type: "button", role: "tab", id, "aria-controls": panel.id, text: panel.getAttribute("header") ?? `Tab ${index + 1}`, onclick: () => this.show(index) });
      for (const [key, value] of [["role", "tabpanel"], ["tabindex", "0"], ["aria-labelledby", id]]) panel.setAttribute(key, value);
      row.append(button);
      return [button, panel];
    });
    row.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = (this.at + step + this.pairs.length) % this.pairs.length;
      this.show(next);
      this.pairs[next][0].focus();
    });
    this.prepend(row);
    this.show(0);
  }
  show(at) {
    this.at = at;
    this.pairs.forEach(([button, panel], index) => {
      button.setAttribute("aria-selected", String(index === at));
      button.tabIndex = index === at ? 0 : -1;
      panel.hidden = index !== at;
    });
  }
}
