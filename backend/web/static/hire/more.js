// A new job that is filled in from an old one: `/hire/new?from=JOB`, and with `&units=new` without its units.
import { api } from "/static/api.js";

const DAY = 86_400;
const TAKEN = ["title", "instructions", "template", "labels", "assignment_seconds", "reward", "estimated_seconds", "html", "answer_schema", "options", "keywords", "criteria", "ai_policy", "signals", "reports", "per_worker_limit", "auto_approval_seconds"];
const RULED = ["arbitrator", "arbitrator_extra_data", "contest_deposit", "appeal_stake"];

/** Which job the address asks for. */
export function asked() {
  const query = new URLSearchParams(location.search);
  return query.get("from") ? { job: query.get("from"), same: query.get("units") !== "new" } : null;
}

const pretty = (value) => (value && Object.keys(value).length ? JSON.stringify(value, null, 2) : "");
const part = (fields, names) => Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));

/**
 * What the form remembers of a job, and its units.
 * @param {(amount: bigint) => string} decimal base units as a person writes them.
 */
export async function filled({ job, same }, decimal) {
  const found = await api("GET", `/hire/jobs/${job}/more.json`), { fields } = found;
  const rows = same && !found.sealed ? await units(found.job) : null;
  const known = {
    template: fields.template, labels: (fields.labels ?? []).join("\n"), html: fields.html ?? "", answer_schema: pretty(fields.answer_schema), options: pretty(fields.options),
    slots: String(found.slots), title: fields.title, instructions: fields.instructions, keywords: (fields.keywords ?? []).join(", "), criteria: fields.criteria ?? [],
    ai_policy: fields.ai_policy, signals: fields.signals ? "yes" : "", reports: !fields.reports ? "" : fields.reports.screened_out ? "both" : "broken", per_worker_limit: String(fields.per_worker_limit ?? ""), minutes: String(Math.ceil(fields.assignment_seconds / 60)),
    reward: decimal(BigInt(fields.reward)).replaceAll(",", ""), seconds: String(fields.estimated_seconds ?? ""), days: String(found.days),
    approval: fields.auto_approval_seconds === null ? "" : String(fields.auto_approval_seconds / DAY), disputes: fields.arbitrator ? "same" : "nobody",
    from: {
      job: found.job, title: fields.title, workers: found.workers, gold: found.gold, sealed: same && found.sealed, same: Boolean(rows), apart: Boolean(rows && found.workers),
      ruled: part(fields, RULED), more: Object.fromEntries(Object.entries(fields).filter(([name]) => !TAKEN.includes(name) && !RULED.includes(name))),
    },
  };
  return { known, rows };
}

async function units(job) {
  const response = await fetch(`/hire/jobs/${job}/units.jsonl`).catch(() => null);
  if (!response?.ok) throw new Error("The units of the old job couldn't be read. Reload the page to try again.");
  return (await response.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** Asks for workers who never had one of these units, where that is wanted. */
export async function keepApart(from) {
  if (from?.same && from.apart) from.requirement = await api("POST", `/hire/jobs/${from.job}/more.json`, {});
}

/** The part of the job that the form has no fields for. */
export function rest(from, ruled) {
  if (!from) return {};
  const { qualifications = [], ...more } = from.more, mine = from.same && from.apart && from.requirement;
  const others = qualifications.filter((one) => one.qualification !== mine?.qualification);
  return { ...more, ...(ruled ? from.ruled : {}), qualifications: mine ? [...others, mine] : others };
}

/** Says where the form comes from, in the page's place for it. */
export function draw(place, from, changed) {
  place.hidden = !from;
  if (!from) return;
  const link = Object.assign(document.createElement("a"), { href: `/hire/jobs/${from.job}`, textContent: from.title });
  place.querySelector("[data-old]").replaceChildren(link);
  const notes = [from.sealed && "Its units are sealed; bring them again.", from.gold && "Its known units aren't taken along."].filter(Boolean);
  place.querySelector("[data-notes]").textContent = notes.join(" ");
  const choice = place.querySelector("[data-apart]"), box = choice.querySelector("input");
  choice.hidden = !(from.same && from.workers);
  choice.querySelector("[data-who]").textContent = from.workers === 1 ? "the worker who had" : `the ${from.workers.toLocaleString("en")} workers who had`;
  box.checked = from.apart;
  box.onchange = () => { from.apart = box.checked; changed(); };
}
