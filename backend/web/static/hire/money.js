// Topping up: a permit of exactly the amount, then the deposit. The page shows the new balance once the marketplace has seen it.
import { api } from "/static/api.js";
import { busy, until } from "/static/hire/act.js";

/** Base units of a decimal text; a sentence where it is none. */
export function units(text, decimals) {
  const found = /^(\d{1,30})(?:\.(\d*))?$/.exec(text.trim().replace(",", "."));
  if (!found || (found[2] ?? "").length > decimals) throw new Error(`“${text}” is not an amount; write it like 25.00${decimals ? `, with at most ${decimals} decimals` : ""}.`);
  return (BigInt(found[1]) * 10n ** BigInt(decimals) + BigInt((found[2] ?? "").padEnd(decimals, "0") || "0")).toString();
}

const balance = async () => (await api("GET", "/hire/money.json")).balance;

const form = document.querySelector("[data-deposit]");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  await busy(form.querySelector("button"), async (say) => {
    const { signTyped, send } = await import("/static/wallet.js");
    const amount = units(form.elements.amount.value, Number(form.dataset.decimals)), before = await balance();
    const { typed_data: typed } = await api("POST", "/hire/money/deposit.json", { amount });
    say("First you sign that the escrow may take exactly this much; then you send.");
    const signature = await signTyped(typed);
    const { transaction } = await api("POST", "/hire/money/deposit.json", { amount, signature, deadline: typed.message.deadline });
    await send(transaction);
    say("The chain has it. Waiting until the marketplace sees it …");
    await until(balance, (now) => now !== before);
    location.reload();
  });
});

document.querySelector("[data-play]")?.addEventListener("click", ({ target }) => busy(target, async () => {
  const { send } = await import("/static/wallet.js");
  const { transaction } = await api("POST", "/hire/money/play.json", { amount: target.dataset.play });
  await send(transaction);
  location.reload();
}));
