// The crowd elements for a HIT's own page, by the name that these pages ask for: its crowd-form sends one answer, taskAnswers.
(() => {
  const here = document.currentScript.src, told = new URLSearchParams(location.search);
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("crowd.css", here).href }));

  /** One hidden field each, sent as the page's form: scripts, a policy and a lost connection treat it like any other. */
  function send(answer) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = `${told.get("turkSubmitTo") ?? location.href.split("/task?")[0]}/mturk/externalSubmit`;
    for (const [name, value] of [["assignmentId", told.get("assignmentId")], ["taskAnswers", JSON.stringify([answer])]]) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    form.hidden = true;
    document.body.append(form);
    form.submit();
  }

  async function begin() {
    const { define } = await import(new URL("crowd.js", here).href);
    await define();
    document.addEventListener("crowd-submit", ({ detail }) => send(detail.answer));
    document.documentElement.dataset.crowd = "ready";
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
