// The work view: shows a task, and takes an answer from the frame to the chain's edge. The answer is sealed (its hash is sent), the
// receipt for it checked and kept, and only then shown. Each step is on this browser's disk before the next one, so a reload goes on.
import { api, info } from "./api.js";
import { clockText } from "./clock.js";
import { mountTask } from "./crowd/host.js";
import { keep, kept } from "./receipts.js";

const $ = (id) => document.getElementById(id);
const section = $("work"), { job: JOB, account: WORKER } = section.dataset;
const SAVE_EVERY = 1500, SOON = 120, LOOK_EVERY = 10;
const HIT = "hit" in section.dataset && await import("./hit.js"); // its page sends the answer by itself
const MANNER = "signals" in section.dataset ? await import("./manner.js") : null;
let market, job, held = null, task = null, timer = 0, saving = 0, again = null;

const say = (sentence) => { $("status").textContent = sentence; };
const show = (id, shown) => { $(id).hidden = !shown; $(id).disabled = false; }; // what comes is there before, so that nothing moves
const clean = (answer) => JSON.parse(JSON.stringify(answer));

/** Runs what may fail; what went wrong is said, and with `retry` it can be tried again. */
async function guarded(act, retry = false) {
  show("again", false);
  try { return await act(); } catch (error) {
    say(error.message);
    again = retry ? act : null;
    show("again", retry);
    return undefined;
  }
}

async function page(path) {
  const response = await fetch(path, { credentials: "same-origin" }).catch(() => { throw new Error("The marketplace doesn't answer. Look at your connection and try again; nothing is lost."); });
  if (response.ok) return response.text();
  throw new Error((await response.json().catch(() => ({}))).detail ?? `The task can't be loaded (HTTP ${response.status}).`);
}

/** What seals an answer comes when somebody accepts: a look needs less, and an answer must not wait for it. */
const tools = async () => ({ ...(await import("./protocol.js")), ...(await import("./schema.js")) });

/** Refuses a job whose terms or content aren't what its id says: an answer to it might never be paid. */
async function check() {
  const { canonical, hex, jobId, keccak256 } = await tools();
  if (jobId(market, job.terms) !== job.id) throw new Error("The job's id isn't the hash of its terms. Don't work for it.");
  if (hex(keccak256(canonical(job.manifest))) !== job.content_hash || job.content_hash !== job.terms.content_hash) throw new Error("The job's content isn't what its terms promise. Don't work for it.");
}

/** What is shown: a page as text, or of a HIT where its page is. */
const content = (path, hit) => (HIT ? api("GET", hit) : page(path));

function mount(html, draft) {
  task?.close();
  if (section.getBoundingClientRect().top < 0) section.scrollIntoView(); // where the last one was sent from
  delete section.dataset.shown;
  const of = held?.id ?? "preview";
  const onshown = () => {
    section.dataset.shown = of;
    if (held && (document.activeElement === document.body || section.contains(document.activeElement))) task.frame.focus();
  };
  task = (HIT ? HIT.mountHit : mountTask)($("place"), { html, draft, title: section.dataset.title, onshown, onkey: press, onanswer: draftSoon, onsubmit: (answer, how) => submit(clean(answer), how), onload: () => guarded(sent) });
}

// ------------------------------------------------------------------------------------------------ looking and accepting

async function look() {
  held = null;
  clearInterval(timer);
  $("timer").textContent = "Nothing is reserved yet: this is only a look.";
  show("return", false);
  offerReports(false);
  const html = await content(`/work/${JOB}/preview.html`, `/v1/jobs/${JOB}/hit`);
  show("accept", true);
  mount(html);
}

async function accept() {
  say("");
  await guarded(async () => { await check(); await take(await api("POST", `/v1/jobs/${JOB}/assignments`, { unit: null })); }, false);
}

/** Begins, or after a reload goes on, with an assignment. */
async function take(assignment, again = false) {
  held = assignment;
  section.dataset.held = held.id;
  show("accept", false);
  if (held.state === "committed" && !HIT) return finish();
  show("return", true);
  offerReports(true);
  document.querySelector(".brief").open = false;
  const saved = again && !HIT && await api("GET", `/v1/assignments/${held.id}/draft`).catch((error) => { if (error.status === 404) return null; throw error; });
  mount(await content(`/work/assignments/${held.id}/task.html`, `/v1/assignments/${held.id}/hit`), saved ? saved.draft : undefined);
  MANNER?.begin(held.id);
  count();
  timer = setInterval(count, 1000);
  return undefined;
}

function count() {
  const left = Math.floor((new Date(held.expires_at) - Date.now()) / 1000);
  $("timer").textContent = left < 0 ? "The time is over: the task went back." : `${clockText(left)} left`;
  $("timer").classList.toggle("soon", left < SOON);
  if (left === SOON) say("Two minutes left.");
  if (HIT && left % LOOK_EVERY === 0) guarded(sent); // a page may send without going anywhere
  if (left < 0) {
    clearInterval(timer);
    show("return", false);
    offerReports(false);
    say("The time is over and the task went back to others. What you wrote is still here to copy; take the task anew to go on.");
    show("accept", true);
  }
}

async function giveBack() {
  await guarded(async () => {
    await api("POST", `/v1/assignments/${held.id}/return`);
    say("Returned. Somebody else can have it now.");
    await look();
  });
}

function draftSoon(answer) {
  if (!held || held.state !== "reserved") return;
  clearTimeout(saving);
  const draft = clean(answer ?? null), { id } = held;
  saving = setTimeout(() => api("PUT", `/v1/assignments/${id}/draft`, { draft }).then(
    () => { if (held?.id === id) $("keys").textContent = `Saved ${new Date().toLocaleTimeString([], { timeStyle: "short" })}. Send with Ctrl+Enter`; },
    (error) => say(`Your draft isn't saved: ${error.message}`),
  ), SAVE_EVERY);
}

// ------------------------------------------------------------------------------------------------ sealing and showing

async function submit(answer, how, reporting = false) {
  if (!held) { say("Accept the task first. Nothing was sent."); $("accept").focus(); return; }
  const { fault, commitment, hex } = await tools();
  const wrong = !reporting && fault(answer, job.answer_schema);
  if (wrong) { task.refuse(wrong); say(`The answer isn't what the job asks for. ${wrong}`); return; }
  clearTimeout(saving);
  MANNER?.say(how);
  await guarded(async () => {
    const before = await kept(held.id), now = before && (await api("GET", `/v1/assignments/${held.id}`));
    if (!now?.commitment) {
      const salt = hex(crypto.getRandomValues(new Uint8Array(32)));
      const sealed = commitment(JOB, held.slot, WORKER, salt, answer);
      await keep({ assignment: held.id, chain_id: market.chain_id, escrow: market.escrow, job: JOB, slot: held.slot, worker: WORKER, terms: job.terms, salt, answer, commitment: sealed, signature: null });
    }
    await finish();
  }, true);
}

/** Whether a report can be made of the task that is held. */
function offerReports(holding) {
  const box = $("reports");
  if (!box) return;
  box.hidden = !holding || box.dataset.left === "0";
  box.open = false;
  $("report").reset();
}

/** Sends a report in place of the answer: sealed, receipted and shown like it. */
async function report(event) {
  event.preventDefault();
  const answer = { $report: event.submitter.value, why: event.target.elements.why.value.trim() };
  if (!answer.why) { say("Say in a few words why."); return; }
  await submit(answer, null, true);
}

/** Gets the receipt for the answer that is kept here, and shows the answer. It may be repeated. */
async function finish() {
  clearInterval(timer);
  const { receiptDigest, recover } = await tools(), mine = await kept(held.id);
  if (!mine) {
    $("timer").textContent = "Sealed elsewhere.";
    throw new Error("You sealed your answer to this task in another browser. Open this page there, so that it can show the answer.");
  }
  say("Sealing …");
  const receipt = await api("POST", `/v1/assignments/${held.id}/commit`, { commitment: mine.commitment });
  held.state = "committed";
  show("return", false);
  offerReports(false);
  if (recover(receiptDigest(market, mine), receipt.signature) !== job.terms.coordinator) throw new Error("The receipt isn't signed by the job's coordinator. Your answer was not shown; keep it.");
  await keep({ ...mine, signature: receipt.signature });
  delete section.dataset.shown;
  const shown = await api("POST", `/v1/assignments/${held.id}/reveal`, { answer: mine.answer, salt: mine.salt, next: $("onward").checked });
  await MANNER?.tell(held.id);
  if ($("reports") && mine.answer?.$report) $("reports-left").textContent = $("reports").dataset.left = Math.max(0, $("reports").dataset.left - 1);
  return counted("The receipts are kept in this browser, and in your file on the page Earnings.", shown.next, shown.nothing_next);
}

/** Counts an answer, and goes on: with the next task, or a look at it. */
function counted(where, next, nothing) {
  section.dataset.answered = Number(section.dataset.answered ?? 0) + 1;
  $("done").textContent = `Sent ${section.dataset.answered} here. ${where}`;
  show("done", true);
  say("Sent. The receipt is yours.");
  if (next) return take(next);
  return look().catch((error) => over(nothing ?? error.message));
}

/** Goes on once a HIT's page has sent the answer. */
async function sent() {
  const id = held?.id;
  if (!id || !(await HIT.isSent(id)) || held?.id !== id) return;
  clearInterval(timer);
  held = null;
  show("return", false);
  delete section.dataset.shown;
  const { next, nothing } = $("onward").checked ? await HIT.next(JOB) : {};
  await counted(HIT.WHERE, next, nothing);
}

function over(sentence) {
  held = null;
  clearInterval(timer);
  task?.close();
  task = null;
  $("timer").textContent = "";
  for (const id of ["accept", "return"]) show(id, false);
  offerReports(false);
  $("place").innerHTML = '<p class="empty"><span></span> <a href="/work">Find other work</a> or look at <a href="/earnings">what you earned</a>.</p>';
  $("place").querySelector("span").textContent = sentence;
}

// ------------------------------------------------------------------------------------------------ beginning

$("onward").checked = localStorage.getItem("piecework.onward") === "yes";
$("onward").onchange = () => localStorage.setItem("piecework.onward", $("onward").checked ? "yes" : "no");
$("accept").onclick = accept;
$("return").onclick = giveBack;
if ($("report")) $("report").onsubmit = report;
$("again").onclick = () => again && guarded(again, true);
function press(code) {
  const button = { KeyA: $("accept"), KeyR: $("return") }[code];
  if (!button || button.hidden) return false;
  button.click();
  return true;
}
document.addEventListener("keydown", (event) => { if (event.altKey && !event.ctrlKey && !event.metaKey && press(event.code)) event.preventDefault(); });
document.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) task?.submit?.(); });

async function begin() {
  [market, job] = await Promise.all([info(), api("GET", `/v1/jobs/${JOB}`)]);
  if (section.dataset.held) await check();
  if (section.dataset.held) return take(await api("GET", `/v1/assignments/${section.dataset.held}`), true);
  if (section.dataset.obstacle) return over(section.dataset.obstacle);
  return look();
}
section.dataset.ready = "";
guarded(begin, true);
