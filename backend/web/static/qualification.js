// A qualification's test in its frame, with the time that is left; or a request for one that has none.
import { api } from "./api.js";
import { clockText } from "./clock.js";
import { mountPage } from "./hit.js";

const $ = (id) => document.getElementById(id);
const { id: ID, title } = $("qualification").dataset, path = `/v1/qualifications/${ID}`;
const say = (sentence) => { $("status").textContent = sentence; };

/** Runs what may fail, once at a time; what went wrong is said. */
async function guarded(button, act) {
  button.disabled = true;
  say("");
  try { await act(); } catch (error) { say(error.message); }
  button.disabled = false;
}

async function begin() {
  const { url, seconds } = await api("GET", `${path}/test`), ends = Date.now() + seconds * 1000;
  $("begin").hidden = true;
  $("place").hidden = false;
  mountPage($("place"), { url, title, onload: look });
  const timer = setInterval(() => {
    const left = Math.floor((ends - Date.now()) / 1000);
    $("timer").textContent = left < 0 ? "The time for this test is over." : `${clockText(left)} left`;
    if (left < 0) clearInterval(timer);
  }, 1000);
}

/** Whether what the frame shows now is what comes after the test. */
async function look() {
  const { standing } = await api("GET", `/qualifications/${ID}.json`).catch(() => ({}));
  if (standing === "granted" || standing === "pending") location.reload();
}

if ($("begin")) $("begin").onclick = () => guarded($("begin"), begin);
if ($("ask")) $("ask").onsubmit = (event) => {
  event.preventDefault();
  guarded(event.submitter, async () => { await api("POST", `${path}/requests`, { answer: $("ask-text").value }); location.reload(); });
};
