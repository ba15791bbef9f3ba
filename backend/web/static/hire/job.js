// A job's page while answers come in: the changing part is sent by the server, and the buttons do what they say.
import { act } from "/static/hire/act.js";

const place = document.getElementById("live");
let source;

function listen() {
  source = new EventSource(place.dataset.live);
  source.addEventListener("progress", ({ data }) => {
    if (place.querySelector("[data-busy]") || place.contains(document.activeElement)) return; // what one is doing isn't pulled away
    place.innerHTML = JSON.parse(data);
  });
}
listen();
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source.close();
  else listen();
});

place.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-act]");
  if (button) await act(button, place.dataset.job);
});
