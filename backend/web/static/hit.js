// Shows a page that sends its answer by itself (a HIT's, or a qualification's test) in a sandboxed frame, and tells when it went somewhere.
import { api } from "./api.js";

export const WHERE = "The receipts are in your file on the page Earnings.";

/** What such a page may do: run, send forms, and open other pages beside this one. It reaches nothing of ours. */
const MAY = "allow-scripts allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads";
const PROTOCOL = "piecework-page/1";
const LEAST = 320, MOST = 20000, CHANGES = 40; // a page as high as its frame and a little more would grow for ever

/**
 * @param {HTMLElement} place where the frame goes.
 * @param {object} task
 * @param {string} task.url the page's address.
 * @param {number} [task.height] in pixels; 0 is as high as the page says that it is, or else as the window.
 * @param {string} task.title the frame's name for a screen reader.
 * @param {() => void} task.onload called whenever a page has loaded in it.
 * @returns {{frame: HTMLIFrameElement, close: () => void}}
 */
export function mountPage(place, { url, height = 0, title, onload }) {
  const frame = document.createElement("iframe"), elsewhere = new URL(url, location.href).origin !== location.origin;
  frame.setAttribute("sandbox", elsewhere ? `${MAY} allow-same-origin` : MAY); // a server of its own keeps its cookies and its storage
  frame.setAttribute("allow", "autoplay 'none'; camera 'none'; microphone 'none'; geolocation 'none'; payment 'none'; clipboard-read 'none'");
  frame.referrerPolicy = "no-referrer";
  frame.title = title;
  frame.className = "task-frame";
  frame.style.height = height ? `${Math.max(LEAST, height)}px` : "85vh";
  let changes = 0;
  const hear = ({ source, data }) => {
    if (source !== frame.contentWindow || data?.protocol !== PROTOCOL || !Number.isFinite(data.height) || ++changes > CHANGES) return;
    frame.style.height = `${Math.min(MOST, Math.max(LEAST, Math.ceil(data.height)))}px`;
  };
  if (!height) window.addEventListener("message", hear);
  frame.addEventListener("load", () => { changes = 0; onload(); });
  frame.src = url;
  place.replaceChildren(frame);
  return { frame, close: () => { window.removeEventListener("message", hear); frame.remove(); } };
}

/** A HIT, with what the work page gives any task; `html` says where its page is. */
export function mountHit(place, { html, title, onshown, onload }) {
  const { url, frame_height: height } = html;
  return mountPage(place, { url, height, title, onload: () => { onshown(); onload(); } });
}

/** Whether an assignment's page has sent the answer. */
export const isSent = async (id) => !["reserved", "committed"].includes((await api("GET", `/v1/assignments/${id}`)).state);

/** The next one of a job, or why there is nothing. */
export const next = (job) => api("POST", `/v1/jobs/${job}/assignments`, { unit: null }).then((next) => ({ next }), ({ message }) => ({ nothing: message }));
