// What Amazon's externalHIT_v1.js did for pages that ask for it: reads what the frame was told, and prepares the form that sends the answer.
// A form that still goes to Amazon's address is pointed at where answers go now.
/** A parameter of this page's address, decoded; `otherwise` where it isn't there. */
function turkGetParam(name, otherwise = "") {
  return new URLSearchParams(location.search).get(name) ?? otherwise;
}

/** Where answers go. */
function turkGetSubmitToHost() {
  return turkGetParam("turkSubmitTo", location.origin);
}

/** Writes the assignment's id into the form and points it at where answers go; in a preview nothing can be sent. */
function turkSetAssignmentID(form = "mturk_form", field = "assignmentId", button = "submitButton") {
  const of = (given) => (typeof given === "string" ? document.getElementById(given) : given);
  const id = turkGetParam("assignmentId"), to = of(form);
  if (of(field)) of(field).value = id;
  if (id === "ASSIGNMENT_ID_NOT_AVAILABLE") {
    const send = of(button);
    if (send) { send.disabled = true; send.value = "You must ACCEPT the HIT before you can submit the results."; }
  } else if (to && turkGetParam("turkSubmitTo")) to.action = `${turkGetSubmitToHost()}/mturk/externalSubmit`;
}

addEventListener("submit", ({ target }) => {
  if (/^https?:\/\/(www|workersandbox)\.mturk\.com\/mturk\/externalSubmit/.test(target.action) && turkGetParam("turkSubmitTo")) target.action = `${turkGetSubmitToHost()}/mturk/externalSubmit`;
}, true);
