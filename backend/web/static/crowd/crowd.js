// Defines the crowd elements. What annotates pictures, and our own larger ones, come only where a page uses them.
import * as choices from "./choices.js";
import * as fields from "./fields.js";
import { Form } from "./form.js";
import * as layout from "./layout.js";

const READY = {
  "crowd-tab": layout.Tab, "crowd-tabs": layout.Tabs, "crowd-alert": layout.Alert, "crowd-badge": layout.Badge, "crowd-button": layout.Button,
  "crowd-card": layout.Card, "crowd-fab": layout.Fab, "crowd-icon-button": layout.IconButton, "crowd-instructions": layout.Instructions,
  "crowd-modal": layout.Modal, "crowd-toast": layout.Toast,
  "crowd-input": fields.Input, "crowd-text-area": fields.TextArea, "crowd-checkbox": fields.Checkbox, "crowd-toggle-button": fields.Toggle,
  "crowd-radio-group": fields.RadioGroup, "crowd-radio-button": fields.RadioButton, "crowd-slider": fields.Slider,
  "crowd-classifier": choices.Classifier, "crowd-classifier-multi-select": choices.ClassifierMulti,
  "crowd-image-classifier": choices.ImageClassifier, "crowd-image-classifier-multi-select": choices.ImageClassifierMulti,
};
const LATER = {
  "crowd-bounding-box": ["shapes", "Boxes"], "crowd-polygon": ["shapes", "Polygon"], "crowd-polyline": ["shapes", "Polyline"],
  "crowd-line": ["shapes", "Line"], "crowd-keypoint": ["shapes", "Keypoint"],
  "crowd-semantic-segmentation": ["masks", "Semantic"], "crowd-instance-segmentation": ["masks", "Instances"],
  "crowd-entity-annotation": ["entities", "Entities"], "x-crowd-pairwise": ["compare", "Pairwise"], "x-crowd-ranking": ["compare", "Ranking"],
  "x-crowd-timeline": ["timeline", "Timeline"],
};

/** Loads what the page uses, defines everything, and then the form, which gathers the others. */
export async function define(page = document) {
  for (const [tag, kind] of Object.entries(READY)) if (!customElements.get(tag)) customElements.define(tag, kind);
  const wanted = Object.entries(LATER).filter(([tag]) => page.querySelector(tag) && !customElements.get(tag));
  await Promise.all(wanted.map(async ([tag, [file, kind]]) => {
    const module = await import(`./${file}.js`);
    if (!customElements.get(tag)) customElements.define(tag, module[kind]);
  }));
  if (!customElements.get("crowd-form")) customElements.define("crowd-form", Form);
}
