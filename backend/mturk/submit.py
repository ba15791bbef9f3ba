"""Where a HIT's page sends a worker's answer: `…/mturk/externalSubmit`, by POST or GET, as pages have done for fifteen years.

A page knows no session and no salt. What it is given is an address with a mark of ours in it, good for one assignment of one worker;
what it sends is committed to and revealed in the worker's name, so that the worker holds a receipt like anybody else. The page's own
server has seen the answer anyway.
"""

import hashlib
import hmac
from typing import Any

from backend.mturk.answers import first
from backend.mturk.form import Form, Given, faults
from backend.mturk.funder import content_of
from backend.mturk.ids import assignment_id, worker_id
from backend.mturk.questions import PREVIEW, External, Html, frame_url, read_question, served
from backend.mturk.service import MTurk
from backend.mturk.work import form_answer
from backend.services.operators import derive
from piecework.domain.content import commitment
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound

_MARK = 32
"""Hex digits of a mark: 128 bits."""


class Submissions:
    """Shows workers their HITs and takes what pages send.

    Args:
        service: the interface.
    """

    def __init__(self, service: MTurk) -> None:
        self._service = service
        self._key = derive(service.coordinator.service_key, "mturk submissions", 32)

    def task(self, id: str, worker: str) -> dict[str, Any]:
        """What a worker is asked by an assignment of its: the page's address or its HTML, or the form, and where the answer goes.

        Raises:
            NotFound: it is no HIT's assignment of this worker.
        """
        row = self._service.coordinator.assignments.view(id, worker)
        content = content_of(self._service.coordinator.assignments.content(row))
        if row.worker != worker or not isinstance(content, dict) or content.keys() != {"hit", "question"}:
            raise NotFound("There is no such assignment of yours to a HIT.")
        question, to = read_question(content["question"]), self.address(id, worker)
        told = {"assignment_id": assignment_id(id), "hit_id": content["hit"], "worker_id": worker_id(worker), "submit_to": to}
        if isinstance(question, External):
            url = frame_url(question.url, told["assignment_id"], content["hit"], told["worker_id"], to)
            return told | {"kind": "external", "url": url, "frame_height": question.frame_height}
        if isinstance(question, Html):
            html = served(question.content).replace("/mturk/externalSubmit", f"{to}/mturk/externalSubmit")
            return told | {"kind": "html", "html": html, "frame_height": question.frame_height}
        return told | {"kind": "form", "questions": [one.identifier for one in question.asked]}

    def address(self, id: str, worker: str) -> str:
        """`turkSubmitTo` for an assignment, without a slash at the end."""
        return f"{self._service.url}/mturk/a/{id[2:]}{self._mark(id, worker)}"

    async def submit(self, place: str, fields: list[tuple[str, str]]) -> str:
        """Takes what a page sent; the same again is fine. Returns the assignment's id.

        Args:
            place: what stands in the address.
            fields: names and values as they came.

        Raises:
            Forbidden: nobody was given that address.
            Invalid: it was only a preview, or it breaks the form.
            Conflict: something else was submitted, or the time is over.
        """
        id, worker = self._owner(place)
        given = dict(fields)
        if given.get("assignmentId") == PREVIEW:
            raise Invalid("This was only a preview: accept the HIT first.")
        if given.get("assignmentId", assignment_id(id)) not in (assignment_id(id), id):
            raise Invalid("The page sent another assignmentId than it was given.")
        answer = self._answer(id, worker, fields)
        row = self._service.coordinator.assignments.view(id, worker)
        salt = derive(self._key, f"salt {id}", 32)
        promised = commitment(bytes.fromhex(row.job[2:]), row.slot, worker, salt, answer)
        if row.commitment not in (None, "0x" + promised.hex()):
            raise Conflict("Another answer was submitted for this assignment already.")
        await self._service.coordinator.assignments.commit(id, worker, promised)
        await self._service.coordinator.assignments.reveal(id, worker, answer, salt)
        return assignment_id(id)

    def _owner(self, place: str) -> tuple[str, str]:
        id, mark = "0x" + place[:32], place[32:]
        with self._service.store.read() as connection:
            worker = self._service.worker_of(connection, id)
        if worker is None or not hmac.compare_digest(mark.encode(), self._mark(id, worker).encode()):
            raise Forbidden("Nobody was given this address; open the HIT anew.")
        return id, worker

    def _mark(self, id: str, worker: str) -> str:
        return hmac.new(self._key, f"{id} {worker}".encode(), hashlib.sha256).hexdigest()[:_MARK]

    def _answer(self, id: str, worker: str, fields: list[tuple[str, str]]) -> dict[str, Any]:
        row = self._service.coordinator.assignments.view(id, worker)
        question = read_question(content_of(self._service.coordinator.assignments.content(row))["question"])
        if not isinstance(question, Form):
            kept = [[name, value] for name, value in fields if name not in ("assignmentId", "hitId", "workerId", "turkSubmitTo")]
            return {"fields": kept}
        answers = form_given(question, fields)
        wrong = faults(question, answers)
        if wrong:
            name, why = next(iter(wrong.items()))
            raise Invalid(f"{name}: {why}")
        return form_answer(answers)


def form_given(form: Form, fields: list[tuple[str, str]]) -> dict[str, Given]:
    """A form's answers from submitted fields: a question's identifier is its field's name; `identifier.other` a text of one's own."""
    found: dict[str, Given] = {}
    texts = first(fields)
    for asked in form.asked:
        name = asked.identifier
        chosen = tuple(value for field, value in fields if field == name)
        if hasattr(asked.answer, "selections"):
            other = texts.get(f"{name}.other") or None
            if chosen or other:
                found[name] = Given(selections=chosen, other=other)
        elif name in texts:
            found[name] = Given(text=texts[name])
    return found


