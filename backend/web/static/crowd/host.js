// In the work page: shows a task in a sandboxed frame and hears what the worker does there. This is the whole contract.

const PROTOCOL = "piecework-task/1";
const MOST_HEIGHT = 20000;

/**
 * Shows a task page.
 * @param {HTMLElement} place where the frame goes.
 * @param {object} task
 * @param {string} task.html the page, as the server rendered it.
 * @param {*} [task.draft] an answer saved earlier, to go on with.
 * @param {string} [task.title] the frame's name for a screen reader.
 * @param {string} [task.frame] the frame's address, on another host where the settings name one.
 * @param {(answer: *) => void} [task.onanswer] called while the worker works, for autosave.
 * @param {(answer: *, manner: object) => void} [task.onsubmit] called with the answer that the worker sends, and numbers of how it came
 *   about: letters, pasted_share, rhythm. Never trust it: the server checks it.
 * @param {() => void} [task.onshown] called once the page can be worked on.
 * @param {(code: string) => void} [task.onkey] called with the code of a key that the worker pressed together with Alt: keys of the work page.
 * @returns {{frame: HTMLIFrameElement, submit: () => void, refuse: (sentence: string) => void, close: () => void}}
 */
export function mountTask(place, { html, draft, title = "The task", frame: src = "/task-frame", theme, onanswer, onsubmit, onshown, onkey }) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts allow-forms");
  frame.setAttribute("allow", "autoplay 'none'; camera 'none'; microphone 'none'; geolocation 'none'; payment 'none'; clipboard-read 'none'");
  frame.referrerPolicy = "no-referrer";
  frame.title = title;
  frame.className = "task-frame";
  frame.dataset.state = "loading";
  const { port1: port, port2 } = new MessageChannel();
  let loaded = false;

  const ready = (event) => {
    if (event.source !== frame.contentWindow || event.data?.protocol !== PROTOCOL || event.data.type !== "ready" || loaded) return;
    loaded = true;
    window.removeEventListener("message", ready);
    frame.contentWindow.postMessage({ protocol: PROTOCOL, type: "load", html, draft, theme }, "*", [port2]);
  };
  const heard = {
    shown: () => { frame.dataset.state = "shown"; onshown?.(); },
    size: ({ height }) => { if (Number.isFinite(height)) frame.style.height = `${Math.min(MOST_HEIGHT, Math.max(80, height))}px`; },
    answer: ({ answer }) => onanswer?.(answer),
    submit: ({ answer, manner }) => onsubmit?.(answer, manner),
    key: ({ code }) => onkey?.(code),
  };
  port.onmessage = ({ data }) => {
    if (data?.protocol === PROTOCOL && Object.hasOwn(heard, data.type)) heard[data.type](data);
  };
  window.addEventListener("message", ready);
  frame.src = src;
  place.replaceChildren(frame);
  const send = (type, values) => port.postMessage({ protocol: PROTOCOL, type, ...values });
  return {
    frame,
    submit: () => send("submit"),
    refuse: (sentence) => send("refused", { sentence }),
    close: () => { window.removeEventListener("message", ready); port.close(); frame.remove(); },
  };
}
