// Withdrawing with one signature, how one is paid, and the file that this browser holds.
import { api, info } from "./api.js";
import { all } from "./receipts.js";

const $ = (id) => document.getElementById(id);
const { account: ACCOUNT } = $("balance").dataset;
const UNDER_WAY = `piecework.withdrawal.${ACCOUNT}`;
const DAY = 86_400;
const say = (sentence) => { $("status").textContent = sentence; };

/** Base units of a decimal amount, or a sentence. */
function units(text, decimals) {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text.trim().replaceAll(",", ""));
  if (!match) throw new Error(`"${text}" is not an amount; write it like 0.05.`);
  if ((match[2] ?? "").length > decimals) throw new Error(`The token has ${decimals} decimals at most.`);
  return BigInt(match[1] + (match[2] ?? "").padEnd(decimals, "0"));
}

async function withdraw() {
  const { signTyped } = await import("./wallet.js");
  const { withdrawal } = await import("./protocol.js");
  const market = await info(), { address: token, decimals } = market.token;
  const { balances } = await api("GET", `/v1/accounts/${ACCOUNT}`);
  const { balance, nonce } = balances.find((entry) => entry.token === token);
  const amount = units($("amount").value, decimals);
  if (amount <= 0n) throw new Error("A withdrawal moves more than nothing.");
  if (amount > BigInt(balance)) throw new Error("That is more than your balance.");
  const body = { owner: ACCOUNT, token, receiver: $("receiver").value.trim().toLowerCase(), amount: String(amount), max_fee: "0", nonce, deadline: Math.floor(Date.now() / 1000) + DAY };
  const { max_fee: maxFee, ...rest } = body;
  const signature = await signTyped(withdrawal(market, { ...rest, maxFee, nonce: String(nonce), deadline: String(body.deadline) }));
  const { id } = await api("POST", "/v1/withdrawals", { ...body, signature });
  localStorage.setItem(UNDER_WAY, id);
  await follow(id);
}

/** Waits until the chain has it; a reload goes on waiting. */
async function follow(id) {
  say("On its way to the chain …");
  for (;;) {
    const found = await api("GET", `/v1/withdrawals/${id}`).catch((error) => { if (error.status === 404) return null; throw error; });
    if (!found || found.state === "confirmed" || found.state === "failed") {
      localStorage.removeItem(UNDER_WAY);
      if (found?.state === "failed") throw new Error(`The withdrawal failed: ${found.error ?? "the chain refused it"}. Your money is where it was.`);
      await mirrored(found);
      location.reload();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** The page reads the mirror, which may be a moment behind. */
async function mirrored(found) {
  for (let tries = 0; found && tries < 20; tries++) {
    const { withdrawals } = await api("GET", "/earnings.json");
    if (withdrawals.some((one) => one.transaction_hash === found.transaction_hash)) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function guarded(act, button) {
  say("");
  if (button) button.disabled = true;
  try { await act(); } catch (error) { say(error.message); }
  if (button) button.disabled = false;
}

$("withdraw")?.addEventListener("submit", (event) => { event.preventDefault(); guarded(withdraw, event.submitter); });
for (const choice of document.querySelectorAll("[name=payout]")) {
  choice.addEventListener("change", () => guarded(async () => {
    await api("PUT", "/v1/session/payout", { payout: choice.value });
    say(choice.value === "wallet" ? "From now on you are paid into your wallet." : "From now on what you earn gathers in your balance here.");
  }));
}
$("local").addEventListener("click", () => guarded(async () => {
  const mine = (await all()).filter((one) => one.worker === ACCOUNT && one.signature);
  if (!mine.length) throw new Error("This browser holds no receipts of this account.");
  const jobs = new Map(mine.map((one) => [one.job, { id: one.job, terms: one.terms, since_block: null }]));
  const [{ chain_id, escrow }] = mine;
  const receipts = mine.map(({ job, slot, commitment, signature, salt, answer, assignment }) => ({ job, slot, commitment, signature, salt, answer, assignment }));
  const document_ = { format: "piecework-holdings", version: 1, chain_id, escrow, worker: ACCOUNT, jobs: [...jobs.values()], receipts, batches: [], cursor: "", more: false };
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([JSON.stringify(document_) + "\n"], { type: "application/jsonl" })), download: `piecework-${ACCOUNT.slice(0, 10)}-browser.jsonl` });
  link.click();
  URL.revokeObjectURL(link.href);
}));
const underWay = localStorage.getItem(UNDER_WAY);
if (underWay) guarded(() => follow(underWay));
