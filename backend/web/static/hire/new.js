// A new job in five steps on one page: the price always in view, a real unit rendered beside the form, and nothing lost on a reload.
import { api, csrf } from "/static/api.js";
import { mountTask } from "/static/crowd/host.js";
import { busy, fund, tell } from "/static/hire/act.js";
import { jobOf } from "/static/hire/draft.js";
import { units as baseUnits } from "/static/hire/money.js";
import { asked, draw as drawFrom, filled, keepApart, rest } from "/static/hire/more.js";
import { forget, keepRows, keptRows, remember, remembered } from "/static/hire/store.js";
import { columnsOf, guess, lacking, rowsOf, unitOf } from "/static/hire/units.js";

const form = document.getElementById("new"), $ = (id) => document.getElementById(id);
const { templates, fields } = JSON.parse($("templates").textContent);
const DECIMALS = Number(form.dataset.decimals), SYMBOL = form.dataset.symbol, FEE = BigInt(form.dataset.fee);
const DAY = 86_400, CHECKED = 200;
const kept = remembered();
let rows = [], source = "", mapping = kept.mapping ?? {}, alone = kept.alone ?? "", shown = 0, refused = null;

const decimal = (amount) => {
  const digits = amount.toString().padStart(DECIMALS + 1, "0"), whole = digits.slice(0, digits.length - DECIMALS).replace(/\B(?=(\d{3})+$)/g, ",");
  return DECIMALS ? `${whole}.${digits.slice(-DECIMALS).replace(/0+$/, "").padEnd(Math.min(2, DECIMALS), "0")}` : whole;
};
const make = (name, attributes = {}, ...children) => { const made = Object.assign(document.createElement(name), attributes); made.append(...children); return made; };
const kind = () => templates.find(({ name }) => name === form.elements.template.value);
const text = (name) => form.elements[name].value.trim();
const whole = (name) => (/^\d{1,9}$/.test(text(name)) ? Number(text(name)) : NaN);
const labels = () => text("labels").split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
const json = (name, empty) => { if (!text(name)) return empty; try { return JSON.parse(text(name)); } catch (error) { throw new Error(`This isn't JSON: ${error.message}.`); } };
const hasOptions = (one) => Object.keys(one.options.properties ?? {}).length > 0;

// ------------------------------------------------------------------------------------------------ keeping

function save() {
  const values = Object.fromEntries([...new FormData(form)].filter(([name]) => !name.startsWith("criterion")));
  remember({ ...kept, ...values, mapping, alone, criteria: criteria(), shown });
}

function restore() {
  for (const [name, value] of Object.entries(kept)) {
    const field = form.elements[name];
    if (field && typeof value === "string") field.value = value;
  }
  for (const one of kept.criteria ?? [{ code: "", text: "" }]) criterion(one);
}

// ------------------------------------------------------------------------------------------------ criteria

function criterion({ code, text: words }) {
  const row = make("div", { className: "criterion" },
    make("label", {}, "Code ", make("input", { name: "criterion-code", value: code, size: 12, placeholder: "wrong-label" })),
    make("label", { className: "wide" }, "What it means ", make("input", { name: "criterion-text", value: words, placeholder: "The label contradicts what the picture shows." })));
  const away = make("button", { type: "button", className: "plain", textContent: "Remove", ariaLabel: "Remove this criterion" });
  away.addEventListener("click", () => { row.remove(); changed(); });
  row.append(away);
  $("criteria").append(row);
}

const criteria = () => [...$("criteria").children].map((row) => { const [code, words] = row.querySelectorAll("input"); return { code: code.value.trim(), text: words.value.trim() }; });

// ------------------------------------------------------------------------------------------------ units

async function take(content, name) {
  try {
    rows = rowsOf(content, name);
  } catch (error) {
    faults(2, [error.message]);
    return;
  }
  source = name;
  mapping = {};
  alone = "";
  shown = 0;
  if (kept.from) kept.from.same = false; // units of its own
  guessMapping();
  await keepRows({ rows, source });
  changed();
}

function guessMapping() {
  const one = kind(), names = columns();
  if (!one) return;
  const { required, either, may } = fields[one.name], all = [...required, ...either, ...may];
  mapping = Object.fromEntries(all.map((field) => [field, guess(field, names)]));
  if (required.length === 1 && !mapping[required[0]] && names.length === 1) mapping[required[0]] = names[0];
  if (one.name === "label" && names.length === 1) alone = names[0];
}

function drawUnits() {
  const one = kind(), names = columns(), place = $("mapping");
  $("loaded").textContent = rows.length ? `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "unit" : "units"} from ${source}.` : "";
  place.hidden = $("rows").hidden = !rows.length;
  place.replaceChildren();
  if (!rows.length || !one) return;
  const { required, either, may } = fields[one.name], all = [...required, ...either, ...may];
  const select = (label, value, none, set) => {
    const box = make("select", {}, make("option", { value: "", textContent: none }), ...names.map((name) => make("option", { value: name, textContent: name })));
    box.value = names.includes(value) ? value : "";
    box.addEventListener("change", () => { set(box.value); changed(); });
    return make("label", {}, label, " ", box);
  };
  if (names.length) {
    place.append(make("p", { className: "quiet", textContent: "Which column is what:" }));
    for (const field of all) place.append(select(required.includes(field) ? field : `${field} (optional)`, mapping[field], "no column", (value) => { mapping[field] = value; }));
    if (!all.length) place.append(select("A unit is", alone, "the whole row", (value) => { alone = value; }));
  }
  drawRows();
}

function drawRows() {
  const found = columnsOf(rows), names = found.length ? found : ["unit"], wrong = new Map(lack().filter(({ row }) => row).map((one) => [`${one.row}/${one.column ?? ""}`, one]));
  const first = new Set([...[0, 1, 2, 3, 4], ...[...wrong.values()].map(({ row }) => row - 1)].filter((at) => at < rows.length).slice(0, 12));
  const cell = (at, name) => {
    const value = found.length ? rows[at]?.[name] : rows[at], bad = wrong.has(`${at + 1}/${name}`) || wrong.has(`${at + 1}/`);
    return make("td", { textContent: typeof value === "string" ? value.slice(0, 80) : JSON.stringify(value)?.slice(0, 80) ?? "", className: bad ? "fault" : "" });
  };
  const head = make("tr", {}, make("th", { textContent: "unit" }), ...names.map((name) => make("th", { textContent: name })));
  const body = [...first].sort((a, b) => a - b).map((at) => make("tr", {}, make("td", { className: "number", textContent: at + 1 }), ...names.map((name) => cell(at, name))));
  $("rows").replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

const used = () => Object.fromEntries(Object.entries(mapping).filter(([, column]) => column));
/** Rows with columns that are put together to units; the units of another job are whole already. */
const columns = () => (kept.from?.same ? [] : columnsOf(rows));
const content = (row) => (columns().length ? unitOf(row, used(), alone) : row);
const lack = () => [...(refused ? [refused] : []), ...(rows.length && kind() && columns().length ? lacking(rows, fields[kind().name], mapping) : [])];

// ------------------------------------------------------------------------------------------------ the job

const FALSE_REPORT = { code: "false-report", text: "What was reported isn't so: the task works as the instructions say, or the worker does qualify for it." };

/** The job as the API takes it, with the first units. Throws a sentence, with the step that it belongs to. */
function job() {
  const one = kind(), at = (step, sentence) => Object.assign(new Error(sentence), { step });
  if (!one) throw at(1, "Choose what kind of task it is.");
  const parse = (name, empty) => { try { return json(name, empty); } catch (error) { throw at(1, `${name}: ${error.message}`); } };
  const slots = whole("slots"), minutes = whole("minutes"), days = whole("days"), limit = text("per_worker_limit"), reports = text("reports");
  if (!rows.length) throw at(2, "Bring units: a file, or pasted rows.");
  if (!(slots >= 1)) throw at(2, "Each unit asks for at least one answer.");
  if (!(minutes >= 1)) throw at(3, "A worker needs at least a minute.");
  if (!(days >= 1)) throw at(4, "The job stays open for at least a day.");
  if (limit && !(whole("per_worker_limit") >= 1)) throw at(3, "The most answers by one worker is a whole number, or empty.");
  if (text("approval") && !/^\d+(\.\d+)?$/.test(text("approval"))) throw at(4, "The days until an approval are a number, or empty.");
  let reward;
  try { reward = baseUnits(text("reward"), DECIMALS); } catch (error) { throw at(4, error.message); }
  if (reward === "0") throw at(4, "The reward is more than nothing.");
  return {
    ...rest(kept.from, text("disputes") === "same"),
    title: text("title"), instructions: text("instructions"), template: one.name, reward,
    labels: one.most_labels && labels().length ? labels() : null,
    options: hasOptions(one) ? parse("options", {}) : {},
    ...(one.name === "html" && { html: form.elements.html.value, answer_schema: parse("answer_schema", null) }),
    keywords: text("keywords").split(",").map((word) => word.trim()).filter(Boolean),
    criteria: [...criteria().filter(({ code, text: words }) => code || words), ...(reports && !criteria().some(({ code }) => code === FALSE_REPORT.code) ? [FALSE_REPORT] : [])],
    reports: reports ? { broken: true, screened_out: reports === "both" } : null,
    ai_policy: text("ai_policy"), signals: text("signals") === "yes" || null,
    per_worker_limit: limit ? Number(limit) : null,
    assignment_seconds: minutes * 60, estimated_seconds: whole("seconds") >= 1 ? whole("seconds") : null,
    auto_approval_seconds: text("approval") ? Math.round(Number(text("approval")) * DAY) : null,
    ...(!kept.from && { review_window_seconds: DAY, appeal_window_seconds: DAY }),
    ...(text("disputes") === "council" && { arbitrator: form.dataset.council, contest_deposit: String(BigInt(reward) / 10n) }),
    units: rows.slice(0, CHECKED).map((row) => ({ content: content(row), slots })),
  };
}

function price() {
  const slots = BigInt(whole("slots") || 0) * BigInt(rows.length);
  let reward = 0n;
  try { reward = BigInt(baseUnits(text("reward"), DECIMALS)); } catch { /* said at its step */ }
  const fee = (reward * FEE) / 10_000n;
  return { slots, reward, fee, total: slots * (reward + fee) };
}

function drawPrice() {
  const { slots, reward, fee, total } = price(), seconds = whole("seconds");
  $("total").replaceChildren(slots && reward ? decimal(total) : "–", make("span", { className: "quiet", textContent: slots && reward ? ` ${SYMBOL} at most` : "" }));
  $("sum").textContent = slots && reward ? `${rows.length.toLocaleString("en")} units × ${whole("slots")} answers × ${decimal(reward)}${fee ? ` and ${decimal(fee)} protocol fee` : ""}` : "Choose a template and bring units to see what it costs.";
  $("hourly").textContent = reward && seconds >= 1 ? `That is ${decimal((reward * 3600n) / BigInt(seconds))} ${SYMBOL} an hour for a worker who takes ${seconds} seconds.` : "Say how long an answer takes to see what an hour pays.";
  const facts = [["kind", kind()?.title ?? "–"], ["units", rows.length.toLocaleString("en")], ["answers", slots.toLocaleString("en")], ["an answer pays", `${decimal(reward)} ${SYMBOL}`], ["you lock", `${decimal(total)} ${SYMBOL}`]];
  $("summary").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
}

// ------------------------------------------------------------------------------------------------ checking

const STEPS = { template: 1, labels: 1, options: 1, html: 1, answer_schema: 1, units: 2, title: 3, instructions: 3, description: 3, keywords: 3, criteria: 3, ai_policy: 3, per_worker_limit: 3, assignment_seconds: 3, qualifications: 3, answers_per_worker: 2 };

function faults(step, sentences) {
  document.querySelector(`[data-faults="${step}"]`).replaceChildren(...sentences.slice(0, 12).map((sentence) => make("li", { textContent: sentence })), ...(sentences.length > 12 ? [make("li", { textContent: `and ${sentences.length - 12} more` })] : []));
  document.querySelector(`[data-step="${step}"]`).dataset.state = sentences.length ? "faulty" : "good";
}

async function check() {
  const found = { 1: [], 2: lack().map(({ sentence }) => sentence), 3: [], 4: [] };
  let body = null;
  try { body = job(); } catch (error) { found[error.step ?? 4].push(error.message); }
  if (body) {
    const draft = { ...body, salt: "0x" + "00".repeat(32), closes_at: closesAt() };
    const said = await api("POST", "/v1/jobs/check", draft);
    const told = found[2].length > 0; // in the words of the columns, which say more
    for (const { field, sentence } of said.faults) if (field !== "units" || !told) found[STEPS[field] ?? 4].push(sentence);
    if (!body.instructions) found[3].push("Say what workers shall do.");
  }
  for (const step of [1, 2, 3, 4]) faults(step, [...new Set(found[step])]);
  return body && !Object.values(found).flat().length ? body : null;
}

function closesAt() {
  const days = whole("days");
  if (kept.closes?.days !== days || kept.closes.at < Date.now() / 1000 + DAY / 2) kept.closes = { days, at: Math.floor(Date.now() / 1000) + days * DAY };
  return kept.closes.at;
}

// ------------------------------------------------------------------------------------------------ preview

let asking = 0;
async function preview() {
  const one = kind(), mine = ++asking, place = $("preview"), said = $("preview-said");
  if (!one) { place.replaceChildren(); said.textContent = "Choose a kind of task."; return; }
  shown = Math.min(shown, Math.max(0, rows.length - 1));
  $("which").textContent = rows.length ? `unit ${(shown + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}` : "an example";
  $("earlier").disabled = shown < 1;
  $("later").disabled = shown >= rows.length - 1;
  try {
    const options = hasOptions(one) ? json("options", {}) : {};
    const body = { template: one.name, content: rows.length ? content(rows[shown]) : one.unit_example, labels: labels().length ? labels() : one.labels_example, options, instructions: text("instructions"), html: one.name === "html" ? form.elements.html.value : null };
    const html = await taskPage(body);
    if (mine !== asking) return;
    said.textContent = "";
    mountTask(place, { html, title: "The task as workers see it", onsubmit() { said.textContent = "A worker's answer would be sent now."; } });
  } catch (error) {
    if (mine !== asking) return;
    place.replaceChildren();
    said.textContent = error.message;
  }
}

async function taskPage(body) {
  const response = await fetch("/hire/new/preview", { method: "POST", headers: { "content-type": "application/json", ...csrf() }, body: JSON.stringify(body) }).catch(() => { throw new Error("The marketplace doesn't answer; the preview waits."); });
  const answer = await response.text();
  if (response.ok) return answer;
  let sentence = "The preview can't be made.";
  try { sentence = JSON.parse(answer).detail; } catch { /* no problem document */ }
  throw new Error(sentence);
}

// ------------------------------------------------------------------------------------------------ putting it together

function drawKind() {
  const one = kind();
  for (const place of document.querySelectorAll("[data-for]")) {
    const name = place.dataset.for;
    place.hidden = !one || (name === "labels" ? !one.most_labels : name === "options" ? !hasOptions(one) : one.name !== "html");
  }
  if (!one) return;
  form.elements.labels.placeholder = one.labels_example.join("\n");
}

let waiting, checking;
function changed() {
  refused = null;
  save();
  drawFrom($("from"), kept.from, changed);
  drawKind();
  drawUnits();
  drawPrice();
  clearTimeout(waiting);
  waiting = setTimeout(preview, 250);
  clearTimeout(checking);
  if (kind() && rows.length) checking = setTimeout(() => check().catch(() => null), 900);
}

form.addEventListener("input", ({ target }) => { if (target.id !== "pasted" && target.type !== "file") changed(); });
form.addEventListener("change", ({ target }) => {
  if (target.name !== "template") return;
  if (hasOptions(kind())) form.elements.options.value = Object.keys(kind().options_example).length && kind().options.required?.length ? JSON.stringify(kind().options_example, null, 2) : "";
  guessMapping();
  changed();
});
$("file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  const content = await file.text();
  target.value = ""; // so that the same file, mended, can be chosen again
  await take(content, file.name);
});
$("paste").addEventListener("click", () => take($("pasted").value, "what you pasted"));
$("more-criteria").addEventListener("click", () => { criterion({ code: "", text: "" }); $("criteria").lastElementChild.querySelector("input").focus(); });
$("earlier").addEventListener("click", () => { shown -= 1; save(); preview(); });
$("later").addEventListener("click", () => { shown += 1; save(); preview(); });
$("forget").addEventListener("click", async () => { if (confirm("Forget all that you entered for this job?")) { await forget(); location.reload(); } });

/** The job's id, once its units are in; a reload on the way goes on by itself. */
async function described({ units: _, ...body }, say) {
  const bar = $("sent");
  const tellShare = (sentence, share) => { say(sentence); bar.hidden = share === undefined; bar.value = share ?? 0; };
  kept.going = true;
  save();
  try {
    const id = await jobOf({ ...body, closes_at: closesAt() }, rows.map(content), whole("slots"), { known: kept.draft, keep: (known) => { kept.draft = known; save(); }, say: tellShare });
    kept.going = false;
    return id;
  } catch (error) {
    kept.going = !error.status && !error.row; // an outage is got over, a fault isn't
    if (error.row) {
      refused = { row: error.row, column: mapping[error.column], sentence: error.message };
      faults(2, [error.message]);
      drawUnits();
    }
    throw error;
  } finally {
    bar.hidden = true;
    save();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = $("fund");
  busy(button, async (say) => {
    await keepApart(kept.from);
    const body = await check();
    if (!body) { document.querySelector('[data-state="faulty"]')?.focus(); throw new Error("Something is missing; it is said at its step."); }
    const made = await described(body, say);
    say("");
    await fund(made, say);
    await forget();
    location.assign(`/hire/jobs/${made}`);
  });
});

const old = asked();
if (old && (!(kept.template || kept.title) || confirm("This replaces what you have entered for another job. Replace it?"))) {
  try {
    const { known, rows: brought } = await filled(old, decimal);
    await forget();
    Object.assign(kept, { draft: undefined, going: false, closes: undefined, mapping: {}, alone: "", shown: 0 }, known);
    mapping = {};
    remember(kept);
    if (brought) await keepRows({ rows: brought, source: "the job before" });
  } catch (error) { tell($("fund"), error.message, true); }
}
if (old) history.replaceState(null, "", "/hire/new");
restore();
const before = await keptRows();
if (before?.rows) ({ rows, source } = before);
shown = Number(kept.shown) || 0;
drawKind();
drawFrom($("from"), kept.from, changed);
drawUnits();
drawPrice();
preview();
if (kind() && rows.length) check().catch((error) => tell($("fund"), error.message, true));
form.dataset.ready = "";
if (kept.going && rows.length) {
  busy($("fund"), async (say) => {
    const body = await check();
    if (!body) return;
    await described(body, say);
    say("Your units are in. Fund the job when you are ready.");
  });
}
