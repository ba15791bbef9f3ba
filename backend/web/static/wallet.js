// The wallet: found, connected, signed in, and asked to sign only after the page has said in plain words what, how much and to whom.
//
//   import { connect, signIn, signOut, signTyped, send, api, session, WalletError } from "/static/wallet.js";
//
//   await connect()               → { address, provider, name }; asks which wallet unless one was chosen before, and puts it on our chain
//   await signIn()                → the address; a cookie session (EIP-4361), which `api` and every page then use
//   await signOut()
//   await session()               → { account, … } of GET /v1/session, or null
//   await signTyped(typed, more)  → 0x signature. `typed` is the eth_signTypedData_v4 object (as `typed_data` of a batch view). For an
//                                   approval give { batch } as the API wrote it: the dialog names its workers only if it hashes to what is signed.
//   await send({ to, data, value }) → the receipt, once the chain has it. `data` 0x calldata, `value` 0x hex or decimal.
//   await api(method, path, body), info(), session(): see api.js, which pages that sign nothing load alone
//
// Everything that a person can be told is thrown as WalletError: its message is a sentence, its `kind` one of
// none, closed, refused, chain, account, failed. A page shows `error.message` and lets one try again.
// On `document`: "piecework:account" ({ detail: { address, session } }) when the wallet is on another account than before.

import { api, info, session } from "./api.js";
import { describeCall, describeTyped, decimal } from "./plain.js";
import { bytes, checksummed, hex, recover, typedDigest } from "./protocol.js";

export { api, ApiError, info, session } from "./api.js";

export class WalletError extends Error {
  constructor(kind, sentence) { super(sentence); this.kind = kind; }
}

// ------------------------------------------------------------------------------------------------ finding wallets

const announced = new Map();
window.addEventListener("eip6963:announceProvider", ({ detail }) => {
  if (detail?.info?.rdns && detail.provider?.request) announced.set(detail.info.uuid ?? detail.info.rdns, detail);
});
const seek = () => window.dispatchEvent(new Event("eip6963:requestProvider"));
seek();

const REMEMBERED = "piecework.wallet";
const DEV = "dev.piecework";
const DEV_NAMES = ["deployer", "requester", "coordinator", "relayer", "worker 1", "worker 2", "worker 3", "worker 4", "worker 5", "worker 6"];

/** The devnet's own accounts: the node signs, so no key is ever in the page. */
function devWallet(rpcUrl, address) {
  const call = async (method, params = []) => {
    const response = await fetch(rpcUrl, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) })
      .catch(() => { throw new WalletError("failed", "The devnet doesn't answer."); });
    const { result, error } = await response.json();
    if (error) throw error;
    return result;
  };
  const signed = (signature) => { const raw = bytes(signature); if (raw[64] < 27) raw[64] += 27; return hex(raw); };
  const own = {
    eth_requestAccounts: async () => [address],
    eth_accounts: async () => [address],
    wallet_switchEthereumChain: async () => null,
    personal_sign: async ([message]) => signed(await call("eth_sign", [address, message])),
    eth_signTypedData_v4: async ([, text]) => signed(await call("eth_signTypedData_v4", [address, JSON.parse(text)])),
  };
  return { call, request: ({ method, params }) => (Object.hasOwn(own, method) ? own[method](params) : call(method, params)), on() {}, removeListener() {} };
}

async function found() {
  seek();
  await new Promise((resolve) => setTimeout(resolve, announced.size ? 0 : 60));
  const list = [...announced.values()].map(({ info: { name, icon, rdns }, provider }) => ({ id: rdns, name, icon, provider }));
  if (!list.length && window.ethereum?.request) list.push({ id: "injected", name: "The wallet of this browser", provider: window.ethereum });
  return list;
}

async function devAccounts({ devnet, rpc_url: rpcUrl }) {
  if (!devnet) return [];
  const accounts = await devWallet(rpcUrl).call("eth_accounts").catch(() => []);
  return accounts.map((address, at) => ({ id: `${DEV}/${address}`, name: DEV_NAMES[at] ?? `account ${at}`, address }));
}
const dev = (id, { rpc_url: rpcUrl }) => ({ id, name: "Dev wallet", provider: devWallet(rpcUrl, id.slice(DEV.length + 1)) });

let current = null;

async function choose(market) {
  const known = localStorage.getItem(REMEMBERED);
  const wallets = await found();
  const before = wallets.find((wallet) => wallet.id === known) ?? (market.devnet && known?.startsWith(DEV + "/") ? dev(known, market) : null);
  if (before) return before;
  const accounts = await devAccounts(market);
  if (!wallets.length && !accounts.length) throw new WalletError("none", "No wallet is in this browser. Install one (any that speaks EIP-6963 or EIP-1193 will do) and reload the page.");
  return pick(wallets, accounts, market);
}

/** Forgets which wallet was chosen, so that the next `connect` asks. */
export function forget() { localStorage.removeItem(REMEMBERED); current = null; }

/** Connects a wallet and puts it on the marketplace's chain. */
export async function connect() {
  const market = await info();
  if (!current) {
    const wallet = await choose(market);
    wallet.provider.on?.("accountsChanged", (accounts) => changed(accounts[0]));
    wallet.provider.on?.("disconnect", () => { current = null; });
    current = wallet;
  }
  const [address] = await ask("eth_requestAccounts", [], "connect");
  if (!address) throw new WalletError("none", "The wallet has no account to work with.");
  localStorage.setItem(REMEMBERED, current.id);
  current.address = address.toLowerCase();
  await onChain(market);
  return { address: current.address, provider: current.provider, name: current.name };
}

async function changed(account) {
  if (!current || !account || account.toLowerCase() === current.address) return;
  current.address = account.toLowerCase();
  const open = await session().catch(() => null);
  document.dispatchEvent(new CustomEvent("piecework:account", { detail: { address: current.address, session: open?.account ?? null } }));
}

/** One request to the wallet; its refusals become sentences. */
async function ask(method, params, what) {
  const wallet = current;
  try {
    return await wallet.provider.request({ method, params });
  } catch (error) {
    if (error instanceof WalletError) throw error;
    const code = error?.code ?? error?.data?.originalError?.code;
    const refused = { connect: "You didn't let this page see your account. Nothing happened.", sign: "You refused in the wallet. Nothing was signed.", send: "You refused in the wallet. Nothing was sent." };
    if (code === 4001 || code === "ACTION_REJECTED") throw new WalletError("refused", refused[what] ?? "You refused in the wallet.");
    if (code === -32002) throw new WalletError("failed", "The wallet is waiting for you already: open it and answer there.");
    const failure = new WalletError("failed", `The wallet says: ${String(error?.message ?? error).slice(0, 300)}`);
    failure.code = error?.data?.originalError?.code ?? code;
    throw failure;
  }
}

const chainOf = async () => Number(BigInt(await ask("eth_chainId", [])));

async function onChain(market) {
  if ((await chainOf()) === market.chain_id) return;
  const chainId = "0x" + market.chain_id.toString(16);
  try {
    await ask("wallet_switchEthereumChain", [{ chainId }], "chain");
  } catch (error) {
    if (error.code === 4902) {
      const chain = { chainId, chainName: market.devnet ? "Piecework devnet" : `Chain ${market.chain_id}`, rpcUrls: [market.rpc_url], nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 } };
      await ask("wallet_addEthereumChain", [chain], "chain").catch(() => null);
    }
  }
  const now = await chainOf();
  if (now !== market.chain_id) throw new WalletError("chain", `Your wallet is on chain ${now}, but this marketplace is on chain ${market.chain_id}. Switch it in the wallet and try again.`);
}

/** The wallet on our chain and on the account of the session, or a sentence. */
async function ready() {
  const { address } = await connect();
  const open = await session();
  if (open && open.account !== address) {
    throw new WalletError("account", `Your wallet is on ${short(address)}, but you are signed in as ${short(open.account)}. Switch the account in the wallet, or sign in anew.`);
  }
  return address;
}
const short = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;

async function still(address, market) {
  const [now] = await ask("eth_accounts", []);
  if (now?.toLowerCase() !== address) throw new WalletError("account", "Your wallet changed to another account meanwhile. Nothing was signed; look at it again.");
  if ((await chainOf()) !== market.chain_id) throw new WalletError("chain", "Your wallet changed to another chain meanwhile. Nothing was signed; try again.");
}

async function mine(digest, signature, address) {
  if (recover(digest, signature) === address) return signature;
  if ((await ask("eth_getCode", [address, "latest"])) !== "0x") return signature; // a contract's account; the marketplace asks it
  throw new WalletError("account", "The wallet signed with another account than the one it showed. The signature was thrown away.");
}

// ------------------------------------------------------------------------------------------------ signing

export async function signIn() {
  const market = await info(), { address } = await connect();
  const c = await api("POST", "/v1/session/nonce");
  const seconds = (text) => new Date(text).toISOString().replace(/\.\d+Z$/, "Z");
  const message = `${c.domain} wants you to sign in with your Ethereum account:\n${checksummed(address)}\n\n${c.statement}\n\nURI: ${c.uri}\nVersion: 1\nChain ID: ${c.chain_id}\nNonce: ${c.nonce}\nIssued At: ${seconds(c.issued_at)}\nExpiration Time: ${seconds(c.expires_at)}`;
  if (c.domain !== location.host) throw new WalletError("failed", `This marketplace signs people in at ${c.domain}; open it there.`);
  const told = { title: "Sign in", rows: [["As", checksummed(address)], ["At", c.domain], ["It costs", "nothing, and moves no money"]] };
  const signature = await dialog(told, message, "Sign in (free)", async () => {
    await still(address, market);
    return ask("personal_sign", [hex(new TextEncoder().encode(message)), address], "sign");
  });
  await api("POST", "/v1/session", { message, signature, cookie: true });
  return address;
}

export async function signOut() {
  await api("DELETE", "/v1/session").catch((error) => { if (error.status !== 401) throw error; });
  forget();
}

export async function signTyped(typed, more = {}) {
  const market = await info(), address = await ready();
  const text = JSON.stringify(typed);
  const told = describeTyped(text, market, address, more);
  const signature = await dialog({ ...told, rows: [...told.rows, ["Signing costs", "nothing"]] }, JSON.stringify(typed, null, 2), "Sign (free)", async () => {
    await still(address, market);
    return ask("eth_signTypedData_v4", [address, text], "sign");
  });
  return mine(typedDigest(JSON.parse(text)), signature, address);
}

export async function send({ to, data = "0x", value = "0x0" }) {
  const market = await info(), from = await ready();
  const transaction = { from, to, data, value: "0x" + BigInt(value).toString(16) };
  const told = describeCall(transaction, market, from);
  const [gas, price] = await Promise.all([ask("eth_estimateGas", [transaction]).catch((error) => error), ask("eth_gasPrice", [])]);
  const fails = gas instanceof Error;
  const rows = [...told.rows, ["Gas", fails ? "unknown" : `about ${decimal((BigInt(gas) * BigInt(price) / 10n ** 12n) * 10n ** 12n, 18)} ETH`]];
  const warning = [told.warning, fails && `The chain would refuse this now: ${gas.message.replace("The wallet says: ", "")}`].filter(Boolean).join(" ");
  return dialog({ ...told, rows, warning }, JSON.stringify(transaction, null, 2), "Send", async (say) => {
    await still(from, market);
    const hash = await ask("eth_sendTransaction", [transaction], "send");
    say("Sent. Waiting for the chain …");
    return mined(hash);
  });
}

async function mined(hash) {
  for (let wait = 100, until = Date.now() + 180_000; Date.now() < until; wait = Math.min(wait * 1.5, 3000)) {
    const receipt = await ask("eth_getTransactionReceipt", [hash]);
    if (receipt?.status === "0x0") throw new WalletError("failed", `The chain refused the transaction ${hash}; only its gas is gone.`);
    if (receipt) return receipt;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  throw new WalletError("failed", `The chain hasn't taken the transaction ${hash} yet. It may still; look before you send it again.`);
}

// ------------------------------------------------------------------------------------------------ dialogs

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function modal(title, ...children) {
  const box = element("dialog", { className: "wallet" }, element("h2", { id: "wallet-title", textContent: title }), ...children);
  box.setAttribute("aria-labelledby", "wallet-title");
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

/** Shows what will be signed; runs `act` when the person agrees, and answers with what it does. */
function dialog(told, raw, verb, act) {
  return new Promise((resolve, reject) => {
    const facts = element("dl", {}, ...told.rows.map(([name, value]) => element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }))));
    const status = element("p", { className: "status" });
    status.setAttribute("role", "status");
    const yes = element("button", { type: "button", className: "primary", textContent: verb });
    const no = element("button", { type: "button", textContent: "Cancel" });
    const bytesShown = element("pre", { textContent: raw, tabIndex: 0, ariaLabel: "The bytes" });
    const parts = [facts, element("details", {}, element("summary", { textContent: "Exactly what the wallet gets" }), bytesShown), status, element("p", { className: "buttons" }, yes, no)];
    if (told.note) parts.unshift(element("p", { textContent: told.note }));
    if (told.warning) parts.unshift(element("p", { className: "warning", role: "alert", textContent: told.warning }));
    const box = modal(told.title, ...parts);
    let done = false;
    const end = (settle, value) => { if (done) return; done = true; box.close(); box.remove(); settle(value); };
    box.addEventListener("cancel", (event) => { event.preventDefault(); no.click(); });
    no.onclick = () => end(reject, new WalletError("closed", "You closed the window. Nothing was signed."));
    yes.onclick = async () => {
      yes.disabled = true;
      status.textContent = "Look at your wallet …";
      try { end(resolve, await act((text) => { status.textContent = text; no.disabled = true; })); } catch (error) { end(reject, error); }
    };
  });
}

function pick(wallets, accounts, market) {
  return new Promise((resolve, reject) => {
    const list = element("ul", { className: "choices" });
    const part = [];
    if (wallets.length) part.push(list);
    const box = modal("Connect a wallet", ...part);
    const end = (settle, value) => { box.close(); box.remove(); settle(value); };
    for (const wallet of wallets) {
      const button = element("button", { type: "button" }, ...(wallet.icon?.startsWith("data:image/") ? [element("img", { src: wallet.icon, alt: "", width: 24, height: 24 })] : []), wallet.name);
      button.onclick = () => end(resolve, wallet);
      list.append(element("li", {}, button));
    }
    if (accounts.length) {
      const select = element("select", { id: "dev-account" }, ...accounts.map(({ id, name, address }) => element("option", { value: id, textContent: `${name} (${short(address)})` })));
      select.selectedIndex = Math.min(4, accounts.length - 1);
      const use = element("button", { type: "button", textContent: "Use the dev wallet" });
      use.onclick = () => end(resolve, dev(select.value, market));
      box.append(element("section", { className: "dev" }, element("p", {}, element("strong", { textContent: "Dev wallet. " }), "This is a devnet: everybody has the keys of these accounts, and its money is worth nothing."), element("label", { htmlFor: "dev-account", textContent: "Account " }), select, " ", use));
    }
    const no = element("button", { type: "button", textContent: "Cancel" });
    no.onclick = () => end(reject, new WalletError("closed", "No wallet was chosen."));
    box.addEventListener("cancel", () => reject(new WalletError("closed", "No wallet was chosen.")));
    box.append(element("p", { className: "buttons" }, no));
  });
}
