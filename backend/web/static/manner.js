// How an answer came about, where the job asks and the worker shares it: five numbers after the answer, which doesn't hang on them.
import { api } from "./api.js";

const manner = { since: 0, losses: 0, of: null, told: null };

/** Begins with an assignment. */
export const begin = (id) => Object.assign(manner, { since: document.hidden ? 0 : performance.now(), seen: 0, losses: 0, of: id, told: null });

/** Takes what the task's frame says of it. */
export function say(how) {
  manner.told = how ? { letters: Number(how.letters) || 0, pasted_share: Number(how.pasted_share) || 0, rhythm: how.rhythm ?? null } : null;
}

/** Tells it, if it is of this assignment. */
export async function tell(id) {
  if (manner.of !== id || !manner.told) return;
  sighted();
  await api("POST", `/v1/assignments/${id}/signals`, { ...manner.told, seconds: manner.seen / 1000, focus_losses: manner.losses }).catch((error) => console.info(error.message));
}

function sighted() {
  if (manner.since) manner.seen += performance.now() - manner.since;
  manner.since = document.hidden ? 0 : performance.now();
}
document.addEventListener("visibilitychange", sighted);
addEventListener("blur", () => setTimeout(() => { if (!document.hasFocus()) manner.losses += 1; })); // going into the task's frame is no loss
