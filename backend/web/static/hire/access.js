// Operators and keys. An allowance is signed here and carried to the chain for nothing; a secret is shown once.
import { api } from "/static/api.js";
import { busy, until } from "/static/hire/act.js";
import { units } from "/static/hire/money.js";

const DAY = 86_400, now = () => Math.floor(Date.now() / 1000);
const make = (name, attributes = {}, ...children) => { const made = Object.assign(document.createElement(name), attributes); made.append(...children); return made; };

function onSubmit(selector, work) {
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest(selector);
    if (!form) return;
    event.preventDefault();
    await busy(form.querySelector("[type=submit]"), (say) => work(form.elements, say, form));
  });
}

const days = (text) => { if (!/^\d{1,4}$/.test(text.trim())) throw new Error("Days are a whole number."); return Number(text); };

async function allow(operator, allowance, expires, say) {
  const { signTyped } = await import("/static/wallet.js");
  const terms = { allowance, expires_at: expires, deadline: now() + 3600 };
  const { typed_data: typed } = await api("POST", `/v1/operators/${operator}/message`, terms);
  const signature = await signTyped(typed);
  const { id } = await api("POST", `/v1/operators/${operator}/grants`, { ...terms, nonce: Number(typed.message.nonce), signature });
  say("Signed. It is carried to the chain, which costs you nothing …");
  const carried = await until(() => api("GET", `/v1/operators/${operator}/grants/${id}`), ({ state }) => state === "confirmed" || state === "failed");
  if (carried.state === "failed") throw new Error(carried.error ?? "The chain refused it.");
  await until(() => api("GET", "/hire/access.json"), ({ operators }) => operators.some((one) => one.address === operator && one.allowance === allowance));
}

onSubmit("[data-operator]", async ({ name }) => { await api("POST", "/v1/operators", { name: name.value }); location.reload(); });

onSubmit("[data-allow]", async ({ amount, days: length }, say, form) => {
  await allow(form.dataset.allow, units(amount.value, Number(form.dataset.decimals)), now() + days(length.value) * DAY, say);
  location.reload();
});

document.addEventListener("click", async ({ target }) => {
  const end = target.closest("[data-end]"), revoke = target.closest("[data-revoke]");
  if (end) await busy(end, async (say) => {
    const { operators } = await api("GET", "/hire/access.json"), one = operators.find(({ address }) => address === end.dataset.end);
    if (one.allowance !== "0") await allow(one.address, "0", 0, say);
    if (!one.revoked_at) await api("DELETE", `/v1/operators/${one.address}`);
    location.reload();
  });
  if (revoke) await busy(revoke, async () => { await api("DELETE", revoke.dataset.revoke); location.reload(); });
});

/** Shows what is never shown again, and puts the keyboard there. */
function reveal(form, note, facts) {
  const place = form.closest("[data-place]").querySelector("[data-secret]");
  place.replaceChildren(make("p", { textContent: note }), make("dl", { className: "fields" }, ...facts.map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", {}, make("code", { textContent: value }))))));
  place.hidden = false;
  place.focus();
  form.reset();
  form.closest("details").open = false;
}

onSubmit("[data-key]", async (given, say, form) => {
  const scopes = [...form.querySelectorAll("[name=scope]:checked")].map(({ value }) => value);
  const { secret, key } = await api("POST", "/v1/keys", { name: given.name.value, scopes, days: days(given.days.value) });
  reveal(form, "This is shown once. Keep it like a password; send it as “Authorization: Bearer …”.", [[key.name, secret]]);
});

/** An access key with its allowance: the secret is shown before anything is signed, for it is never shown again. */
onSubmit("[data-turk-key]", async ({ name, amount, days: length }, say, form) => {
  const expires = now() + days(length.value) * DAY, most = amount.value, allowance = units(most, Number(form.dataset.decimals));
  const made = await api("POST", "/v1/mturk-keys", { name: name.value, expires_at: expires });
  reveal(form, "The secret is shown once. The key can spend what its operator is allowed on the chain, and nothing before that.", [
    ["aws_access_key_id", made.access_key_id], ["aws_secret_access_key", made.secret_access_key], ["region_name", made.region_name], ["endpoint_url", made.endpoint_url],
  ]);
  await turk();
  if (allowance === "0") return;
  try { await allow(made.operator, allowance, expires, say); } catch (error) {
    throw new Error(`The key is made, without an allowance: ${error.message} Reload the page to give its operator one.`);
  }
  say(`The key may spend ${most} until it ends.`);
});

async function turk() {
  const place = document.querySelector("[data-turk]");
  try {
    const { items } = await api("GET", "/v1/mturk-keys");
    const open = items.filter((one) => !one.revoked_at);
    if (!open.length) { place.replaceChildren(make("p", { className: "empty", textContent: "No access key yet." })); return; }
    const rows = open.map((one) => make("tr", {}, make("td", { textContent: one.name }), make("td", {}, make("code", { textContent: one.access_key_id })), make("td", { textContent: new Date(one.expires_at).toLocaleDateString() }), make("td", {}, Object.assign(make("button", { type: "button", className: "plain", textContent: "Revoke" }), {}))));
    rows.forEach((row, at) => { row.querySelector("button").dataset.revoke = `/v1/mturk-keys/${open[at].access_key_id}`; });
    const head = make("tr", {}, ...["name", "access key", "ends"].map((name) => make("th", { textContent: name })), make("th", {}, make("span", { className: "unseen", textContent: "revoke" })));
    place.replaceChildren(make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  } catch (error) {
    const again = make("button", { type: "button", textContent: "Try again" });
    again.addEventListener("click", turk);
    place.replaceChildren(make("p", { className: "fault", role: "alert", textContent: error.message }), again);
  }
}
turk();
