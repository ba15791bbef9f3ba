// Reviewing: decisions one by one by key or button, and about many after a look. Every one can be taken back until it is signed.
import { api } from "/static/api.js";
import { busy, pay, tell } from "/static/hire/act.js";
import { mountTask } from "/static/crowd/host.js";

const root = document.querySelector("[data-review]"), job = root.dataset.review;
const said = document.getElementById("review-said");
const WORDS = { approved: "approved", rejected: "rejected", revealed: "waiting" };
const cards = () => [...root.querySelectorAll("[data-answer]")];

// ------------------------------------------------------------------------------------------------ one answer

function draw(card, state, reason = "") {
  card.classList.remove("revealed", "approved", "rejected");
  card.classList.add(state);
  card.dataset.state = state;
  const word = card.querySelector("[data-state-word]");
  word.className = `state ${state}`;
  word.textContent = WORDS[state];
  card.querySelector("[data-reason]").textContent = reason;
  const allowed = { approve: state !== "approved", reject: state === "revealed", undo: state !== "revealed" };
  for (const [name, open] of Object.entries(allowed)) card.querySelector(`[data-verdict=${name}]`).hidden = !open;
}

async function decide(card, body, state, reason, words) {
  card.dataset.busy = "";
  try {
    await api("POST", `/v1/jobs/${job}/reviews`, body);
    draw(card, state, reason);
    said.textContent = words;
    said.classList.remove("fault");
    return true;
  } catch (error) {
    said.textContent = error.message;
    said.classList.add("fault");
    return false;
  } finally {
    delete card.dataset.busy;
  }
}

const VERDICTS = {
  approve: (card) => decide(card, { approve: [card.dataset.answer] }, "approved", "", "Approved. Press u to take it back."),
  undo: (card) => decide(card, { undo: [card.dataset.answer] }, "revealed", "", "Taken back; it waits again."),
  reject(card) {
    if (card.querySelector(".picker")) return;
    const form = root.querySelector("[data-picker]").content.cloneNode(true).firstElementChild;
    const close = () => { form.remove(); card.focus(); };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const code = form.elements.code?.value ?? null, reason = form.elements.reason.value.trim();
      if (card.dataset.busy === undefined && await decide(card, { reject: [{ assignment: card.dataset.answer, code, reason }] }, "rejected", `${code ?? "rejected"}: ${reason}`, "Rejected, and the worker sees why. Press u to take it back.")) close(); // what couldn't be sent stays where it was written
    });
    form.querySelector("[data-cancel]").addEventListener("click", close);
    form.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
    card.append(form);
    form.elements.reason.focus();
  },
  async open(card) {
    const unit = card.closest("[data-unit]"), place = unit.querySelector("[data-frame]");
    if (place.dataset.of === card.dataset.answer) { place.hidden = true; place.dataset.of = ""; place.replaceChildren(); return; }
    const response = await fetch(`/hire/jobs/${job}/units/${unit.dataset.unit}.html`).catch(() => null);
    place.hidden = false;
    place.dataset.of = card.dataset.answer;
    if (!response?.ok) { place.textContent = "The task can't be shown now. Try again."; return; }
    const draft = JSON.parse(card.querySelector("[data-draft]").textContent);
    mountTask(place, { html: await response.text(), draft, title: `Unit ${unit.dataset.unit} with this answer` });
  },
};

function verdict(card, name) {
  const button = card.querySelector(`[data-verdict=${name}]`);
  if (button && !button.hidden && card.dataset.busy === undefined) VERDICTS[name](card);
}

root.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-verdict]");
  if (button) verdict(button.closest("[data-answer]"), button.dataset.verdict);
});

const KEYS = { a: "approve", r: "reject", u: "undo", o: "open" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  const all = cards().filter((card) => card.tabIndex === 0), at = all.indexOf(document.activeElement?.closest("[data-answer]"));
  if (event.key === "j" || event.key === "k") {
    const next = all[event.key === "j" ? at + 1 : Math.max(0, at - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  } else if (KEYS[event.key] && at >= 0) verdict(all[at], KEYS[event.key]);
  else return;
  event.preventDefault();
});

// ------------------------------------------------------------------------------------------------ HITs

/** Shows a HIT's page as its workers saw it before they accepted it; when it comes into view, because a page may be anybody's server's. */
async function showHit(place) {
  const { unit } = place.closest("[data-unit]").dataset;
  try {
    const [{ mountPage }, { url, frame_height: height }] = await Promise.all([import("/static/hit.js"), api("GET", `/v1/jobs/${job}/units/${unit}/hit`)]);
    mountPage(place, { url, height, title: `Unit ${unit} as its workers see it`, onload() {} });
  } catch (error) { place.querySelector("[role=status]").textContent = error.message; }
}

const views = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) if (isIntersecting) { views.unobserve(target); showHit(target); }
}, { rootMargin: "50%" });
for (const place of root.querySelectorAll("[data-hit]")) views.observe(place);

// ------------------------------------------------------------------------------------------------ many

const bulk = root.querySelector("[data-bulk]"), sample = root.querySelector("[data-sample]");
const field = (name) => bulk.elements[name]?.value.trim() ?? "";

function wanted() {
  const filter = { state: field("state"), ...JSON.parse(field("class") || "{}") };
  if (field("worker")) filter.worker = field("worker");
  if (field("unit")) filter.unit = Number(field("unit"));
  const rejecting = field("verdict") === "rejected";
  return { verdict: field("verdict"), filter, ...(rejecting && { reason: field("reason"), code: bulk.elements.code ? field("code") : null }) };
}

bulk.addEventListener("change", () => {
  bulk.querySelector("[data-reasons]").hidden = field("verdict") !== "rejected";
  sample.replaceChildren();
});

bulk.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = bulk.querySelector("[type=submit]"), asked = wanted();
  const found = await busy(button, () => api("POST", `/v1/jobs/${job}/reviews/bulk`, asked));
  if (!found) return;
  sample.replaceChildren();
  if (!found.count) { tell(button, "No answer is like that."); return; }
  const verb = { approved: "Approve", rejected: "Reject", undone: "Take back" }[asked.verdict];
  const list = document.createElement("ul");
  for (const one of found.sample) list.append(Object.assign(document.createElement("li"), { textContent: `Unit ${one.unit}: ${JSON.stringify(one.answer)} by ${one.worker.slice(0, 8)}…` }));
  const more = found.count - found.sample.length;
  if (more > 0) list.append(Object.assign(document.createElement("li"), { textContent: `and ${more.toLocaleString("en")} more` }));
  const yes = Object.assign(document.createElement("button"), { type: "button", className: "primary", textContent: `${verb} ${found.count.toLocaleString("en")} ${found.count === 1 ? "answer" : "answers"}` });
  yes.addEventListener("click", async () => {
    const done = await busy(yes, () => api("POST", `/v1/jobs/${job}/reviews/bulk`, { ...asked, token: found.token }));
    if (done) location.reload();
  });
  sample.append(list, yes);
  yes.focus();
});

// ------------------------------------------------------------------------------------------------ by file

const upload = root.querySelector("[data-upload]");
upload.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = upload.querySelector("[type=submit]"), [file] = upload.elements.file.files;
  const done = await busy(button, () => api("POST", `/v1/jobs/${job}/reviews/file`, file.slice(0, file.size, "text/csv")));
  if (!done) return;
  tell(button, `${done.approved.toLocaleString("en")} approved and ${done.rejected.toLocaleString("en")} rejected by the file; what it said before isn't counted again.`);
  upload.reset();
});

root.querySelector("[data-pay]")?.addEventListener("click", ({ target }) => busy(target, (say) => pay(job, say)));
