// Messages, bonuses and blocks.
import { api } from "/static/api.js";
import { busy, tell, until } from "/static/hire/act.js";
import { units } from "/static/hire/money.js";

function onSubmit(selector, work) {
  for (const form of document.querySelectorAll(selector)) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await busy(form.querySelector("[type=submit]"), (say) => work(form.elements, say, form));
    });
  }
}

onSubmit("[data-write]", async (given) => {
  const workers = given.workers.value.split(",").map((name) => name.trim()).filter(Boolean);
  const { items } = await api("POST", "/v1/messages", { job: given.job.value.trim(), workers, text: given.text.value });
  const deaf = items.filter(({ thread }) => !thread).length;
  if (deaf) throw new Error(`${deaf} of ${items.length} take no messages of yours; the others have it.`);
  location.reload();
});

const given = (note) => api("GET", `/v1/bonuses/${note}`);

async function give(bonus, say) {
  const { send } = await import("/static/wallet.js");
  await send(bonus.transaction);
  say("The chain has it. Waiting until the marketplace sees it …");
  await until(() => given(bonus.note), (one) => one?.transaction_hash);
  location.assign("/hire/people");
}

onSubmit("[data-give]", async ({ assignment, amount, reason }, say, form) => {
  form.dataset.request ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
  const body = { request: form.dataset.request, assignment: assignment.value.trim(), amount: units(amount.value, Number(form.dataset.decimals)), reason: reason.value };
  await give(await api("POST", "/v1/bonuses", body), say);
});

onSubmit("[data-block]", async ({ worker, reason }) => {
  await api("PUT", `/v1/blocks/${encodeURIComponent(worker.value.trim())}`, { reason: reason.value });
  location.assign("/hire/people");
});

document.addEventListener("click", async ({ target }) => {
  const lift = target.closest("[data-lift]"), bonus = target.closest("[data-bonus]");
  if (lift) await busy(lift, async () => { await api("DELETE", `/v1/blocks/${lift.dataset.lift}`); location.reload(); });
  if (bonus) await busy(bonus, async (say) => give(await given(bonus.dataset.bonus), say));
});

const thread = document.querySelector("[data-thread]");
if (thread?.dataset.newest) api("PUT", `/v1/threads/${thread.dataset.thread}/read`, { number: thread.dataset.newest }).catch((error) => tell(thread.querySelector("button"), error.message, true));
