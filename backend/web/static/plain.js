// What is about to be signed, in plain words, read from the very bytes that the wallet gets. What it can't read it says so.
import { decodeCall, signature } from "./calldata.js";
import { batchDigest, encodeType, hex } from "./protocol.js";

const NATIVE = "0x" + "0".repeat(40);
const TERMS = "(address requester,address operator,address token,uint128 reward,uint128 fee,address coordinator,address arbitrator,bytes arbitratorExtraData,uint128 contestDeposit,uint128 appealStake,uint64 closesAt,uint32 reviewWindow,uint32 appealWindow,bytes32 contentHash,bytes32 salt) terms";
const PERMIT = "(uint256 deadline,uint8 v,bytes32 r,bytes32 s) permit";
const AUTHORIZATION = "(uint256 validAfter,uint256 validBefore,uint8 v,bytes32 r,bytes32 s) authorization";
const OPENING = "(bytes32 batch,uint32 firstSlot,address[] workers,bytes places)";
const APPEAL = "(address worker,address sponsor,uint32 slots,uint64 appealedAt,bytes32 request) appeal";
const PAYOUT = "(uint256 creditMask,uint256 pushGas) payout";
const SIGNED = "(uint32 firstSlot,uint8 workerCount,bytes places,bytes32 answerRoot,bytes32 r,bytes32 vs,bytes approval)[] batches";
const OPENED = "(uint32 firstSlot,address[] workers,bytes places,bytes32 answerRoot,bytes32 r,bytes32 vs,uint8 place)[] batches";
const WITHDRAWAL = "(address owner,address token,address receiver,uint256 amount,uint256 maxFee,uint64 nonce,uint64 deadline) withdrawal";
const GRANT = "(address requester,address operator,address token,uint192 allowance,uint64 expiresAt,uint64 nonce,uint64 deadline) grant";

/** Base units with the token's decimals, never rounded. */
export function decimal(amount, decimals) {
  const digits = BigInt(amount).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  const rest = digits.slice(digits.length - decimals).replace(/0+$/, "").padEnd(Math.min(2, decimals), "0");
  return decimals ? `${whole}.${rest}` : whole;
}

/** An instant (Unix seconds) as people say it here. */
export function instant(seconds) {
  if (BigInt(seconds) > 8_640_000_000_000n) return "for ever";
  return new Date(Number(seconds) * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
const span = (seconds) => {
  const s = Number(seconds);
  for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) if (s >= size) { const n = Math.round((s / size) * 10) / 10; return `${n} ${name}${n === 1 ? "" : "s"}`; }
  return s ? `${s} seconds` : "none";
};
const count = (number, noun) => `${Number(number).toLocaleString("en")} ${noun}${BigInt(number) === 1n ? "" : "s"}`;

function speaker(info, account) {
  const known = { [info.escrow]: "the escrow contract", [info.coordinator]: "the coordinator", [info.relayer]: "the relayer", [NATIVE]: "nobody", [account]: "you" };
  return {
    who: (address) => { const name = known[address.toLowerCase()]; return address === NATIVE ? name : name ? `${name} (${address})` : address; },
    money: (amount, token) => {
      if (token.toLowerCase() === info.token.address) return `${decimal(amount, info.token.decimals)} ${info.token.symbol}`;
      return token === NATIVE ? `${decimal(amount, 18)} ETH` : `${BigInt(amount)} base units of the token ${token}, which this page doesn't know`;
    },
  };
}

const lock = (verb) => ({ terms: t, slots }, { who, money }) => ({
  title: `${verb} and lock its money`,
  rows: [
    ["You lock", money(slots * (t.reward + t.fee), t.token)],
    ["For", `${count(slots, "answer")}; each pays its worker ${money(t.reward, t.token)}${t.fee ? `, and the protocol ${money(t.fee, t.token)}` : ""}`],
    ["It goes to", "the escrow contract. It leaves for workers whose answers are approved; what is free when the job closes comes back to the requester"],
    ["Requester", who(t.requester)],
    ["Closes", instant(t.closesAt)],
    ["Coordinator", who(t.coordinator)],
    ["May approve too", who(t.operator)],
    ["Disputes", t.arbitrator === NATIVE ? "no answer can be contested" : `are ruled on by ${t.arbitrator}; ${span(t.reviewWindow)} to contest (deposit ${money(t.contestDeposit, t.token)} an answer), ${span(t.appealWindow)} to appeal (stake ${money(t.appealStake, t.token)})`],
  ],
});
const withdrawing = (w, { who, money }) => ({
  title: "Withdraw from your balance",
  rows: [
    ["You withdraw", money(w.amount, w.token)],
    ["To", who(w.receiver)],
    ["From the balance of", who(w.owner)],
    ["For the carrier", BigInt(w.maxFee) ? `at most ${money(w.maxFee, w.token)} on top` : "nothing"],
    ["Valid until", instant(w.deadline)],
  ],
});
const granting = (g, { who, money }) => ({
  title: BigInt(g.allowance) ? "Let an operator spend from your balance" : "End what an operator may spend",
  rows: [["Operator", who(g.operator)], ["It may spend", money(g.allowance, g.token)], ["Until", instant(g.expiresAt)]],
  note: BigInt(g.allowance) ? "It can lock this money in jobs, contest with it and tip with it; it can't withdraw it." : "",
});
const simple = (title, ...rows) => ({ title, rows });
const named = (places) => (places.slice(2).match(/../g) ?? []).filter((pair) => pair !== "00").length;

/** Calls by what the contract calls them: on the escrow, or on a token. */
const CALLS = [
  ["escrow", `post(${TERMS},uint32 slots,uint8 source)`, (a, say) => {
    const said = lock("Post a job")(a, say);
    return { ...said, rows: [...said.rows, ["Paid from", a.source ? "your wallet" : "your balance in the escrow"]] };
  }],
  ["escrow", `postWithPermit(${TERMS},uint32 slots,${PERMIT})`, lock("Post a job")],
  ["escrow", `postWithAuthorization(${TERMS},uint32 slots,${AUTHORIZATION})`, lock("Post a job")],
  ["escrow", `fund(${TERMS},uint32 firstSlot,uint32 slots,bytes32 contentHash,uint8 source)`, lock("Add answers to a job")],
  ["escrow", `fundWithPermit(${TERMS},uint32 firstSlot,uint32 slots,bytes32 contentHash,${PERMIT})`, lock("Add answers to a job")],
  ["escrow", `fundWithAuthorization(${TERMS},uint32 firstSlot,uint32 slots,bytes32 contentHash,${AUTHORIZATION})`, lock("Add answers to a job")],
  ["escrow", `close(${TERMS})`, ({ terms: t }, { who, money }) => simple("Close a job", ["What is free goes back to", who(t.requester)], ["Reward of each answer", money(t.reward, t.token)], ["Answers that were taken", "stay as they are"])],
  ["escrow", "deposit(address token,uint256 amount)", (a, { money }) => simple("Move money into your balance", ["You move", money(a.amount, a.token)], ["To", "your balance in the escrow contract; you can withdraw it at any time"])],
  ["escrow", `depositWithPermit(address token,uint256 amount,${PERMIT})`, (a, { money }) => simple("Move money into your balance", ["You move", money(a.amount, a.token)], ["To", "your balance in the escrow contract; you can withdraw it at any time"])],
  ["escrow", "withdraw(address token,uint256 amount,address receiver)", (a, { who, money }) => simple("Withdraw from your balance", ["You withdraw", money(a.amount, a.token)], ["To", who(a.receiver)])],
  ["escrow", `withdrawWithSignature(${WITHDRAWAL},uint256 fee,bytes signature)`, ({ withdrawal, fee }, say) => {
    const said = withdrawing(withdrawal, say);
    return { ...said, title: "Carry a withdrawal that its owner signed", rows: [...said.rows, ["You get", say.money(fee, withdrawal.token)]] };
  }],
  ["escrow", `settle(${TERMS},address[] workers,${SIGNED},${PAYOUT})`, ({ terms: t, batches }, { money }) => {
    const slots = batches.reduce((sum, batch) => sum + named(batch.places), 0);
    return simple("Carry approved answers to the chain", ["They pay", `at most ${money(BigInt(slots) * t.reward, t.token)} to workers, for ${count(slots, "answer")}`], ["From", "what the job has locked; nothing of yours but the gas"]);
  }],
  ["escrow", `open(${TERMS},${OPENED},bytes signature)`, ({ terms: t, batches }, { money }) => simple("Put answers on the chain, to be paid without the requester", ["Answers", count(batches.reduce((sum, batch) => sum + named(batch.places), 0), "answer")], ["Each pays", money(t.reward, t.token)], ["They are paid", `${span(t.reviewWindow)} later, unless they are contested`])],
  ["escrow", `finalize(${TERMS},${OPENING} opening,uint256 slots,bytes approval,${PAYOUT})`, ({ terms: t, opening }, { money }) => simple("Have opened answers paid", ["They pay", `at most ${money(BigInt(named(opening.places)) * t.reward, t.token)} to workers`], ["From", "what the job has locked; nothing of yours but the gas"])],
  ["escrow", `contest(${TERMS},${OPENING} opening,bytes places,bytes32 reason)`, ({ terms: t, places }, { money }) => simple("Contest answers", ["Answers", count(named(places), "answer")], ["You lock as deposit", money(BigInt(named(places)) * t.contestDeposit, t.token)], ["It is lost", "to the worker with the answer, if an appeal goes against you or you give in"])],
  ["escrow", `appeal(${TERMS},${OPENING}[] openings,uint256[] placeOf,bytes signature)`, ({ terms: t }, { who, money }) => simple("Appeal for your contested answers", ["You stake", money(t.appealStake, t.token)], ["You get it back", "if you win, or if the requester doesn't answer"], ["It is ruled by", who(t.arbitrator)])],
  ["escrow", `reclaim(${TERMS},${OPENING} opening)`, ({ terms: t }, { who }) => simple("Take contested answers back", ["Their money goes to", who(t.requester)], ["Because", "nobody appealed in time"])],
  ["escrow", `concede(${TERMS},${OPENING} opening,uint256 slots,bytes approval)`, ({ terms: t, opening }, { money }) => simple("Give in: pay contested answers", ["They pay", `at most ${money(BigInt(named(opening.places)) * (t.reward + t.contestDeposit), t.token)} to workers, with your deposit`])],
  ["escrow", `defend(${TERMS},${APPEAL},string metaEvidence)`, ({ terms: t, appeal }, { who, money }) => simple("Defend against an appeal", ["Answers", count(appeal.slots, "answer")], ["At stake", money(appeal.slots * (t.reward + t.contestDeposit), t.token)], ["It is ruled by", who(t.arbitrator)])],
  ["escrow", `conclude(${TERMS},${APPEAL})`, ({ appeal }, { who }) => simple("End an appeal", ["Worker", who(appeal.worker)], ["Answers", count(appeal.slots, "answer")])],
  ["escrow", "submitEvidence(bytes32 appeal,string evidence)", (a) => simple("Show evidence in a dispute", ["Evidence", a.evidence], ["Everybody", "can read it, for ever"])],
  ["escrow", "setOperator(address operator,address token,uint192 allowance,uint64 expiresAt)", granting],
  ["escrow", `setOperatorWithSignature(${GRANT},bytes signature)`, ({ grant }, say) => granting(grant, say)],
  ["escrow", "tip(address from,address token,address[] receivers,uint256[] amounts,bytes32 note)", (a, { who, money }) => simple("Give a bonus", ["You give", money(a.amounts.reduce((sum, one) => sum + one, 0n), a.token)], ...a.receivers.slice(0, 20).map((receiver, at) => [`To ${who(receiver)}`, money(a.amounts[at] ?? 0n, a.token)]), ...(a.receivers.length > 20 ? [["And to", `${a.receivers.length - 20} others`]] : []), ["From the balance of", who(a.from)])],
  ["token", "approve(address spender,uint256 amount)", (a, { who, money }, info, to) => ({ ...simple("Let a contract take money from your wallet", ["It may take", a.amount >= 2n ** 255n ? "everything that you have and will have of this token" : money(a.amount, to)], ["Who may", who(a.spender)]), warning: a.spender === info.escrow ? "" : "This isn't the escrow contract. Don't sign it unless you know why." })],
  ["token", "transfer(address to,uint256 amount)", (a, { who, money }, info, to) => simple("Send money", ["You send", money(a.amount, to)], ["To", who(a.to)])],
  ["token", "mint(address receiver,uint256 amount)", (a, { who, money }, info, to) => simple("Make play money", ["Makes", money(a.amount, to)], ["For", who(a.receiver)], ["It is worth", "nothing: anyone can make it on a devnet"])],
];
let bySelector = null;
const calls = () => (bySelector ??= new Map(CALLS.map(([on, text, tell]) => { const read = signature(text); return [read.selector, { on, read, tell }]; })));

/**
 * What a transaction does.
 * @param {{to: string, data?: string, value?: string}} transaction as the wallet gets it.
 * @param {object} info of /v1/info. @param {string} account who sends it.
 * @returns {{title: string, rows: string[][], note?: string, warning?: string, known: boolean}}
 */
export function describeCall({ to, data = "0x", value = "0x0" }, info, account) {
  const say = speaker(info, account), coins = BigInt(value), target = String(to).toLowerCase();
  const along = coins ? [["It sends along", say.money(coins, NATIVE)]] : [];
  if (data === "0x") return { known: true, title: "Send coins", rows: [["You send", say.money(coins, NATIVE)], ["To", say.who(target)]] };
  const found = calls().get(data.slice(0, 10).toLowerCase());
  const unknown = (why) => ({ known: false, title: "A call that this page can't read", rows: [["To", say.who(target)], ...along], warning: `${why} Don't sign it unless you know what it does.` });
  if (!found) return unknown("Nobody here knows this call.");
  if (found.on === "escrow" && target !== info.escrow) return unknown(`It looks like a call of the escrow, but goes to ${target}.`);
  if (found.on === "token" && target === info.escrow) return unknown("It looks like a call of a token, but goes to the escrow.");
  let given;
  try { given = decodeCall(found.read, data); } catch (error) { return unknown(error.message); }
  const told = found.tell(given, say, info, target);
  return { known: true, ...told, rows: [...told.rows, ...along] };
}

const permitted = (m, { who, money }, info, domain) => ({
  title: "Let a contract take money from your wallet, once",
  rows: [["It may take", money(m.value, domain.verifyingContract)], ["Who may", who((m.spender ?? m.to).toLowerCase())], ["From", who((m.owner ?? m.from).toLowerCase())], ["Valid until", instant(m.deadline ?? m.validBefore)]],
  warning: (m.spender ?? m.to).toLowerCase() === info.escrow ? "" : "This isn't the escrow contract. Don't sign it unless you know why.",
});

/** Messages by what EIP-712 hashes of their type; `of` says whose domain they need. */
const MESSAGES = {
  "Withdrawal(address owner,address token,address receiver,uint256 amount,uint256 maxFee,uint64 nonce,uint64 deadline)": { of: "escrow", tell: withdrawing },
  "Approval(bytes32 batch,uint256 slots,uint256 amount)": { of: "escrow", tell: approving },
  "OperatorGrant(address requester,address operator,address token,uint192 allowance,uint64 expiresAt,uint64 nonce,uint64 deadline)": { of: "escrow", tell: granting },
  "OpenRequest(bytes32[] batches)": { of: "escrow", tell: (m) => simple("Have your answers put on the chain", ["Receipts", count(m.batches.length, "receipt")], ["Then", "they are paid after the review window, unless the requester contests them"]) },
  "AppealRequest(bytes32[] openings,uint256[] places)": { of: "escrow", tell: (m) => simple("Appeal for your contested answers", ["Openings", count(m.openings.length, "opening")], ["Who carries it", "pays the stake"]) },
  "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)": { of: "token", tell: permitted },
  "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)": { of: "token", tell: permitted },
};

function approving(m, { who }, info, domain, { batch, token = info.token.address }) {
  const { money } = speaker(info, "");
  const rows = [["You approve", count(m.slots, "answer")], ["It pays at most", money(m.amount, token) + ", fees included, from what the job has locked"]];
  if (!batch) return { title: "Approve answers", rows, warning: "This page wasn't told which answers are meant." };
  if (hex(batchDigest(info, batch)) !== m.batch.toLowerCase()) return { title: "Approve answers", rows, warning: "These aren't the answers that this page shows. Don't sign it." };
  const each = new Map();
  for (const pair of batch.places.slice(2).match(/../g) ?? []) if (pair !== "00") each.set(parseInt(pair, 16), (each.get(parseInt(pair, 16)) ?? 0) + 1);
  const most = [...each].slice(0, 20).map(([place, slots]) => [`To ${who(batch.workers[place - 1])}`, count(slots, "answer")]);
  return { title: "Approve answers", rows: [...rows, ...most, ...(each.size > 20 ? [["And to", `${each.size - 20} other workers`]] : [])] };
}

/**
 * What a typed message says.
 * @param {string} text the JSON, exactly as the wallet gets it.
 * @param {object} info of /v1/info. @param {string} account who signs. @param {{batch?: object, token?: string}} [with_] of an approval: its batch.
 */
export function describeTyped(text, info, account, with_ = {}) {
  const { types, primaryType, domain, message } = JSON.parse(text);
  const found = MESSAGES[encodeType(primaryType, types)];
  const raw = Object.entries(message).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
  const unknown = (why) => ({ known: false, title: "A message that this page can't read", rows: raw, warning: `${why} Don't sign it unless you know what it does.` });
  if (!found) return unknown("Nobody here knows this kind of message.");
  if (Number(domain.chainId) !== info.chain_id) return unknown(`It is for chain ${domain.chainId}, but this marketplace is on chain ${info.chain_id}.`);
  const ours = String(domain.verifyingContract).toLowerCase() === info.escrow;
  if (ours !== (found.of === "escrow")) return unknown(`It is for the contract ${domain.verifyingContract}.`);
  return { known: true, ...found.tell(message, speaker(info, account), info, domain, with_) };
}
