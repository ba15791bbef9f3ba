// A job on its way to the marketplace: its description goes into a draft there, its units are streamed in, and it becomes a job.
// What is there already isn't sent again, so that a reload, an outage or a second press goes on where it was.
import { ApiError, api, csrf } from "/static/api.js";

const NONE = (error) => { if (error.status === 404) return null; throw error; };
const LOOK = 700;

/** Whether bytes are those of the last try, and no more than that: crypto.subtle is missing where a page comes by plain http. */
function digest(bytes) {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (const byte of bytes) { a = Math.imul(a ^ byte, 2654435761); b = Math.imul(b ^ byte, 1597334677) + (a >>> 15); }
  return `${bytes.length}-${a >>> 0}-${b >>> 0}`;
}

/**
 * The id of the job that a description and units come to.
 * @param {object} fields the job as the API takes it, without units.
 * @param {Array} units each one's content; Row n of a fault is units[n - 1].
 * @param {number} slots how many answers each asks for.
 * @param {{known: object, keep: (known: object) => void, say: (sentence: string, share?: number) => void}} here what this browser
 *   remembers of an earlier try, how it remembers, and how it tells the person.
 * @throws {Error} with `row` and `column` where a unit is wrong.
 */
export async function jobOf(fields, units, slots, { known = {}, keep, say }) {
  const file = new Blob(units.map((unit) => JSON.stringify(unit) + "\n"), { type: "application/x-ndjson" });
  const said = digest(new TextEncoder().encode(JSON.stringify(fields)));
  const sent = digest(new Uint8Array(await new Blob([`${fields.template} ${slots}\n`, file]).arrayBuffer()));
  let draft = known.id ? await api("GET", `/v1/drafts/${known.id}`).catch(NONE) : null;
  if (draft?.job && known.said === said && known.sent === sent) return draft.job;
  if (!draft || draft.job) {
    draft = await api("POST", "/v1/drafts", fields);
    known = { id: draft.id };
  } else if (known.said !== said) draft = await api("PUT", `/v1/drafts/${draft.id}`, fields, { "if-match": `"${draft.version}"` });
  keep(known = { ...known, id: draft.id, said });
  let load = known.sent === sent ? await api("GET", `/v1/drafts/${draft.id}/units`).catch(NONE) : null;
  if (!load || load.started_at !== known.at || load.state === "failed") {
    load = await upload(`/v1/drafts/${draft.id}/units?slots=${slots}`, file, say);
    keep(known = { ...known, sent, at: load.started_at });
  }
  while (load.state === "loading") {
    say(`The marketplace reads your units: ${load.rows.toLocaleString("en")} of ${units.length.toLocaleString("en")} …`, load.rows / units.length);
    await new Promise((wait) => setTimeout(wait, LOOK));
    load = await api("GET", `/v1/drafts/${draft.id}/units`);
  }
  if (load.state === "failed") throw Object.assign(new Error(load.error), { row: load.row, column: load.column });
  say("The job is being described …");
  return (await api("POST", `/v1/drafts/${draft.id}/prepare`, {})).id;
}

/** Sends a file and tells how far it is; fetch can't. */
function upload(path, file, say) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    for (const [name, value] of Object.entries({ accept: "application/json", "content-type": file.type, ...csrf() })) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => say(`Sending your units: ${Math.floor((100 * loaded) / total)} % …`, loaded / total);
    request.upload.onload = () => say("Sent. The marketplace reads your units …");
    request.onerror = () => reject(new ApiError(0, "The marketplace doesn't answer. Look at your connection and try again; nothing is lost."));
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* not a document of ours */ }
      if (request.status < 300) return resolve(answer);
      const [, row] = /^Row (\d+):/.exec(answer.detail ?? "") ?? [];
      return reject(Object.assign(new ApiError(request.status, answer.detail ?? `The marketplace answered with HTTP ${request.status}.`), { row: row && Number(row) }));
    };
    request.send(file);
  });
}
