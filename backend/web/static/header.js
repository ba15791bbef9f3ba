// The head of every page: signing in and out, and what is said when it doesn't work. The wallet's code comes when it is needed.

const say = (sentence) => { document.getElementById("said").textContent = sentence; };

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-sign]");
  if (!button) return;
  button.disabled = true;
  say("");
  try {
    const wallet = await import("./wallet.js");
    if (button.dataset.sign === "in") await wallet.signIn();
    else await wallet.signOut();
    location.assign(button.dataset.then || location.href);
  } catch (error) {
    say(error.message);
    button.disabled = false;
  }
});

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return say(`This browser lets nobody copy; here it is: ${button.dataset.copy}`); }
  button.dataset.copied = "";
  say(`Copied ${button.dataset.copy.slice(0, 10)}….`);
  setTimeout(() => { delete button.dataset.copied; }, 2_000);
});

document.addEventListener("piecework:account", ({ detail: { address, session } }) => {
  if (session && session !== address) say(`Your wallet changed to ${address.slice(0, 6)}…${address.slice(-4)}, but you are signed in as ${session.slice(0, 6)}…${session.slice(-4)}. Switch back, or sign out and in again.`);
  else say("");
});
