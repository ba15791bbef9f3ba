// The check, again and again: through the marketplace, or past it through one's own wallet.
import { decimal } from "./plain.js";
import { api, connect, info } from "./wallet.js";

const $ = (id) => document.getElementById(id);
const say = (sentence) => { $("status").textContent = sentence; };
const word = (address) => address.slice(2).padStart(64, "0");

async function guarded(act) {
  say("");
  try { await act(); } catch (error) { say(error.message); }
}

$("again").onclick = () => location.reload();

/** The balance as the visitor's own node has it at the block of the page's sum; the page has no hand in the answer. */
$("own").onclick = () => guarded(async () => {
  const market = await info(), { provider, name } = await connect(), sum = await api("GET", "/promises.json");
  const call = { to: market.token.address, data: `0x70a08231${word(market.escrow)}` };
  const balance = BigInt(await provider.request({ method: "eth_call", params: [call, `0x${sum.block_number.toString(16)}`] }));
  const block = await provider.request({ method: "eth_getBlockByNumber", params: [`0x${sum.block_number.toString(16)}`, false] });
  const said = `${name} says: at block ${sum.block_number} the escrow holds ${decimal(balance, market.token.decimals)} ${market.token.symbol}.`;
  if (block?.hash !== sum.block_hash) throw new Error(`${said} But your node has another block ${sum.block_number} than this page: one of them is behind, or on another chain.`);
  say(balance >= BigInt(sum.owed) ? `${said} That covers the ${decimal(sum.owed, market.token.decimals)} that it owes.` : `${said} That is less than the ${decimal(sum.owed, market.token.decimals)} that it owes.`);
});
