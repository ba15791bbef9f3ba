// Shows each sample once it comes into view, and below it the answer.
import { mountTask } from "/static/crowd/host.js";

async function show(place) {
  const response = await fetch(`/gallery/tasks/${place.dataset.task}.html`).catch(() => null);
  if (!response?.ok) {
    place.innerHTML = "<p class='broken' role='alert'>This sample can't be loaded. Reload the page.</p>";
    return;
  }
  const shown = place.parentElement.querySelector("[data-answer]");
  const write = (answer) => { if (shown) shown.textContent = answer === undefined ? "Nothing yet." : JSON.stringify(answer, null, 2); };
  mountTask(place, {
    html: await response.text(),
    title: place.dataset.title,
    onanswer: write,
    onsubmit(answer) {
      write(answer);
      if (!shown) return;
      place.dataset.submitted = JSON.stringify(answer);
      shown.parentElement.open = true;
    },
  });
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    show(entry.target);
  }
}, { rootMargin: "400px" });
document.querySelectorAll("[data-task]").forEach((place) => seen.observe(place));
