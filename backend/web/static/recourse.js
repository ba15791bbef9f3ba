// A worker's own calls to the chain: opening a receipt, and appealing. The wallet's dialog says what each does before it is sent.
import { api } from "./api.js";

const say = (sentence) => { document.getElementById("status").textContent = sentence; };

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-recourse]");
  if (!button) return;
  button.disabled = true;
  say("");
  try {
    const { send } = await import("./wallet.js");
    await send(await api("GET", `/recourse/${button.dataset.recourse}/${button.dataset.assignment}.json`));
    say("It is on the chain. This page shows it in a moment.");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    location.reload();
  } catch (error) {
    say(error.message);
    button.disabled = false;
  }
});
