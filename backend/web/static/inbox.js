// What a worker does with messages, sessions and sharing: each button says what came of it in its own place.
import { api } from "/static/api.js";
import { busy, tell } from "/static/hire/act.js";

for (const form of document.querySelectorAll("[data-write]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await busy(form.querySelector("[type=submit]"), async () => {
      const { items: [{ thread }] } = await api("POST", "/v1/messages", { job: form.elements.job.value.trim(), text: form.elements.text.value });
      location.assign(`/messages/${thread}`);
    });
  });
}

/** A form that does one thing and shows the page anew; what it can't do is said in its place. */
function onSubmit(selector, work) {
  for (const form of document.querySelectorAll(selector)) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await busy(form.querySelector("[type=submit]"), async () => { await work(form); location.reload(); });
    });
  }
}
onSubmit("[data-mail]", async ({ elements }) => {
  const kinds = [...elements.kinds].filter((box) => box.checked).flatMap((box) => box.value.split(" "));
  if (!kinds.length) throw new Error("Choose what you want to be told of.");
  await api("POST", "/v1/webhooks", { url: `mailto:${elements.address.value.trim()}`, kinds });
});
onSubmit("[data-confirm]", (form) => api("POST", `/v1/webhooks/${form.dataset.confirm}/confirm`, { code: form.elements.code.value.trim() }));

const DEEDS = {
  mute: (of) => api("PUT", `/v1/mutes/${of}`, {}),
  unmute: (of) => api("DELETE", `/v1/mutes/${of}`),
  forget: (of) => api("DELETE", `/v1/webhooks/${of}`),
  resume: (of) => api("POST", `/v1/webhooks/${of}/enable`, {}),
  end: (of) => api("DELETE", of === "others" ? "/v1/session/others" : `/v1/session/all/${of}`),
};
document.addEventListener("click", async ({ target }) => {
  for (const [name, deed] of Object.entries(DEEDS)) {
    const button = target.closest(`[data-${name}]`);
    if (button) await busy(button, async () => { await deed(button.dataset[name]); location.reload(); });
  }
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-try]");
  if (button) busy(button, async (say) => { await api("POST", `/v1/webhooks/${button.dataset.try}/ping`, {}); say("A trial letter is on its way."); });
});

const share = document.querySelector("[data-share]");
share?.addEventListener("change", () => busy(share, async (say) => {
  await api("PUT", "/v1/me/sharing", { share: share.checked });
  say(share.checked ? "Shared from now on, where a job asks." : "Not shared any more; what was there is deleted.");
}));

const thread = document.querySelector("[data-thread]");
if (thread?.dataset.newest) api("PUT", `/v1/threads/${thread.dataset.thread}/read`, { number: thread.dataset.newest }).catch((error) => tell(thread.querySelector("button"), error.message, true));
