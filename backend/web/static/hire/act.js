// What a requester's buttons do that money hangs on. Each says in its own place how far it is, and why it stopped.
import { api } from "/static/api.js";

export function tell(button, sentence, wrong = false) {
  const place = button.closest("[data-place], .attention, section, main").querySelector("[data-status]");
  if (!place) return;
  place.textContent = sentence;
  place.classList.toggle("fault", wrong);
}

/** Runs `work` for a button that can't be pressed again meanwhile; what is thrown is said. */
export async function busy(button, work) {
  button.disabled = true;
  button.dataset.busy = "";
  tell(button, "");
  try {
    return await work((sentence) => tell(button, sentence));
  } catch (error) {
    tell(button, error.message, true);
    return undefined;
  } finally {
    button.disabled = false;
    delete button.dataset.busy;
  }
}

/** Waits until the coordinator says what the chain already knows. */
export async function until(look, found, seconds = 60) {
  for (let end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((wait) => setTimeout(wait, 300))) {
    const seen = await look();
    if (found(seen)) return seen;
  }
  throw new Error("The chain has it, but this page hasn't seen it yet. Reload the page in a moment.");
}

/** Locks a described job's money: by one signature from the wallet, which is carried to the chain for nothing where the job is worth
 * it, or by one transaction from the balance. */
export async function fund(job, say) {
  const { signTyped, send } = await import("/static/wallet.js");
  const plan = await api("GET", `/hire/jobs/${job}/funding.json`);
  if (plan.done) return;
  if (plan.missing && plan.missing !== "0") throw new Error(plan.detail);
  let { transaction } = plan, { carried } = plan;
  if (plan.typed_data) {
    const signature = await signTyped(plan.typed_data);
    ({ transaction, carried } = await api("POST", `/hire/jobs/${job}/funding.json`, { signature, deadline: plan.typed_data.message.validBefore }));
  }
  if (carried) {
    say("Signed. It is carried to the chain, which costs you nothing …");
    const end = await until(() => api("GET", `/hire/jobs/${job}/funding.json`), ({ done, error }) => done || error);
    if (!end.done) throw new Error(`The chain refused it: ${end.error}`);
    return;
  }
  await send(transaction);
  say("The money is locked. Waiting until the marketplace sees it …");
  await until(() => api("GET", `/v1/jobs/${job}`), ({ state }) => state !== "draft");
}

/** Has what is approved cut into batches, and signs each. */
export async function pay(job, say) {
  const { signTyped } = await import("/static/wallet.js");
  const { items } = await api("POST", `/v1/jobs/${job}/batches`, {});
  const waiting = items.filter((batch) => batch.state === "signed");
  for (const [at, batch] of waiting.entries()) {
    if (waiting.length > 1) say(`Batch ${at + 1} of ${waiting.length}`);
    const signature = await signTyped(batch.typed_data, { batch });
    await api("POST", `/v1/batches/${batch.digest}/approval`, { signature });
  }
  say(waiting.length ? "Signed. It goes to the chain now, and nothing more is needed of you." : "Everything that is approved is signed already; the chain will have it in a moment.");
}

/** Ends a job whose time is over. */
export async function close(job, say) {
  const { send } = await import("/static/wallet.js");
  await send((await api("GET", `/hire/jobs/${job}/close.json`)).transaction);
  say("The chain has closed it. Waiting until the marketplace sees it …");
  await until(() => api("GET", `/v1/jobs/${job}`), ({ state }) => state === "closed");
}

const waits = async (job) => (await api("GET", `/hire/jobs/${job}/disputes.json`)).items.map(({ id }) => id);

/** Contests what was rejected of an opening: a transaction for each reason. */
export async function contest(job, say, { of }) {
  const { send } = await import("/static/wallet.js");
  const { transactions } = await api("POST", `/hire/jobs/${job}/openings/${of}/contest.json`, {});
  for (const transaction of transactions) await send(transaction);
  say("The chain has it. Waiting until the marketplace sees it …");
  await until(() => waits(job), (items) => !items.includes(of));
}

/** Takes an appeal before the arbitrator. */
export async function defend(job, say, { of }) {
  const { send } = await import("/static/wallet.js");
  await send(await api("POST", `/v1/appeals/${of}/defend`, {}));
  say("The chain has it. Waiting until the marketplace sees it …");
  await until(() => waits(job), (items) => !items.includes(of));
}

const DEEDS = { fund, pay, close, contest, defend };

export const act = (button, job) => busy(button, async (say) => {
  await DEEDS[button.dataset.act](job, say, button.dataset);
  if (button.dataset.act !== "pay") location.reload();
});
