"""Where a HIT's page sends a worker's answer: `…/mturk/externalSubmit`, by POST or GET, as pages have done for fifteen years.

A page knows no session and no salt. What it is given is an address with a mark of ours in it, good for one assignment of one worker;
what it sends is committed to and revealed in the worker's name, so that the worker holds a receipt like anybody else. The page's own
server has seen the answer anyway.
"""

import hashlib
import hmac
from typing import Any

from backend.mturk import hits
from backend.mturk.answers import NOT_ANSWERS, form_given
from backend.mturk.form import Form, faults
from backend.mturk.frames import Faulty, form_page, own_page
from backend.mturk.funder import content_of
from backend.mturk.ids import LENGTH, assignment_id, worker_id
from backend.mturk.questions import PREVIEW, External, Html, Question, frame_url, read_question, served
from backend.mturk.service import MTurk
from backend.mturk.work import form_answer
from backend.services.operators import derive
from piecework.domain.content import commitment
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound

ONLY_PREVIEW = "This was only a preview: accept the HIT first."
NOT_YOURS = "There is no such assignment of yours to a HIT."
SUBMIT = "/mturk/externalSubmit"
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
        """What a worker is asked by an assignment of its: the page's address, and where the answer goes.

        Raises:
            NotFound: it is no HIT's assignment of this worker.
        """
        hit, question = self._of(id, worker)
        return _told(hit, question, self.address(id, worker), assignment_id(id), worker_id(worker))

    def preview(self, job: str, worker: str) -> dict[str, Any]:
        """The same of the HIT that the worker would be given now; nothing is reserved, and no answer is taken.

        Raises:
            NotFound, Forbidden, Conflict: there is no such job, or nothing in it for this worker.
        """
        unit, content = self._service.coordinator.assignments.preview(job, worker)
        hit, question = self._asked(job, unit.position, content)
        return _told(hit, question, self.preview_address(hit), None, worker_id(worker))

    def shown(self, job: str, position: int, requester: str) -> dict[str, Any]:
        """What a unit of a requester's own asks, as in a preview.

        Raises:
            NotFound, Forbidden: there is no such job, it is somebody else's, or the unit is no HIT's.
        """
        owned = self._service.coordinator.postings.owned(job, requester)
        with self._service.store.read() as connection:
            hit = hits.of_unit(connection, owned.id, position)
            text = None if hit is None else hits.question(connection, hit)
        if hit is None or text is None:
            raise NotFound("There is no such HIT of yours.")
        return _told(hit, read_question(text), self.preview_address(hit), None, worker_id(requester))

    def page(self, place: str) -> str:
        """The page of an assignment's HIT, for the sandboxed frame.

        Raises:
            Forbidden: nobody was given that address.
            NotFound: the page is elsewhere.
        """
        id, worker = self._owner(place)
        return _page(self._of(id, worker)[1], self.address(id, worker))

    def preview_page(self, place: str) -> str:
        """The same of a preview."""
        hit, mark = place[:LENGTH], place[LENGTH:]
        if not hmac.compare_digest(mark.encode(), self._mark("preview", hit).encode()):
            raise Forbidden("Nobody was given this address; open the HIT anew.")
        with self._service.store.read() as connection:
            question = hits.question(connection, hit)
        return _page(read_question(question), self.preview_address(hit))

    def newest_job(self, hit_type: str) -> str | None:
        """The newest funded job of a HIT type; None where there is none."""
        with self._service.store.read() as connection:
            return hits.newest_job(connection, hit_type)

    def preview_address(self, hit: str) -> str:
        """What stands for `turkSubmitTo` in a preview: whatever is sent there is refused with a sentence."""
        return f"{self._service.url}/mturk/p/{hit}{self._mark('preview', hit)}"

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
            raise Invalid(ONLY_PREVIEW)
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
        _, question = self._of(id, worker)
        if not isinstance(question, Form):
            kept = [[name, value] for name, value in fields if name not in NOT_ANSWERS]
            return {"fields": kept}
        answers = form_given(question, fields)
        wrong = faults(question, answers)
        if wrong:
            raise Faulty(question, self.address(id, worker) + SUBMIT, fields, wrong)
        return form_answer(answers)


    def _of(self, id: str, worker: str) -> tuple[str, Question]:
        """The HIT of an assignment, and its question.

        Raises:
            NotFound: it is no HIT's assignment of this worker.
        """
        assignments = self._service.coordinator.assignments
        row = assignments.view(id, worker)
        if row.worker != worker:
            raise NotFound(NOT_YOURS)
        return self._asked(row.job, row.unit, assignments.content(row))

    def _asked(self, job: str, position: int, content: bytes) -> tuple[str, Question]:
        """What a unit asks, if it is a HIT's and doesn't only look like one."""
        with self._service.store.read() as connection:
            hit = hits.of_unit(connection, job, position)
        if hit is None:
            raise NotFound(NOT_YOURS)
        return hit, read_question(content_of(content)["question"])


def _told(hit: str, question: Question, to: str, assignment: str | None, worker: str) -> dict[str, Any]:
    place = question.url if isinstance(question, External) else f"{to}/task"
    shown = {
        "assignment_id": assignment or PREVIEW, "hit_id": hit, "worker_id": worker, "submit_to": to,
        "url": frame_url(place, assignment, hit, worker, to),
    }  # fmt: skip
    if isinstance(question, Form):
        return shown | {"kind": "form", "questions": [one.identifier for one in question.asked]}
    if isinstance(question, Html):
        return shown | {"kind": "html", "html": served(question.content, to), "frame_height": question.frame_height}
    return shown | {"kind": "external", "frame_height": question.frame_height}


def _page(question: Question, to: str) -> str:
    if isinstance(question, External):
        raise NotFound("This HIT's page is on its requester's server.")
    return own_page(question.content, to) if isinstance(question, Html) else form_page(question, to + SUBMIT)
