"""Qualification tests as workers take them: the questions, so much time, and an answer that the key scores at once or the owner reads.

When a worker opened a test stands in a mark that it hands back with its answers, so nothing is written until then.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, Row, bindparam, select
from sqlmodel import col

from backend.api.bodies import Body
from backend.api.requests import account, hex_text, read
from backend.api.schema import JSON, spec
from backend.mturk.answer_key import read_answer_key
from backend.mturk.answers import answers_xml, form_given
from backend.mturk.form import Choice, Form, Given, faults
from backend.mturk.frames import Faulty, form_page
from backend.mturk.framing import answered, framed, sent_fields
from backend.mturk.questions import read_answer_form
from backend.mturk.service import MTurk
from backend.services.operators import derive
from backend.services.qualifications import new_id
from backend.store import notices, qualifications
from backend.store.tables import QualificationGrant
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound

HAND_IN = "Hand in the test"
GRACE = timedelta(seconds=10)
"""For the way there and back."""
_GRANT = select(QualificationGrant).where(
    col(QualificationGrant.qualification) == bindparam("of"), col(QualificationGrant.account) == bindparam("to")
)


class AskedView(msgspec.Struct):
    """A question: a text to write, or selections to choose `least` to `most` of, perhaps with a text of one's own (`other`)."""

    name: str
    content: list[tuple[str, list[str]]]
    required: bool
    selections: list[tuple[str, str]] | None
    least: int
    most: int
    other: bool


class ExamView(msgspec.Struct):
    """A test. `opened` is handed back with the answers, within `seconds`; or `url`, the test's own page, is opened in a sandboxed frame."""

    qualification: str
    test: str
    questions: list[AskedView]
    seconds: int
    opened: str
    url: str


class GivenAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """A text, or selections and perhaps a text of one's own."""

    text: str | None = None
    selections: list[str] = []
    other: str | None = None


class ExamAnswers(Body):
    """Answers by question, and what the test said in `opened`."""

    opened: str
    answers: dict[str, GivenAnswer]


class ExamOutcome(msgspec.Struct):
    """granted with a value, where a key scores the test; else pending, until its owner has read it."""

    state: str
    value: int | None


class Exams:
    """Gives tests and takes answers.

    Args:
        service: the interface.
    """

    def __init__(self, service: MTurk) -> None:
        self._service = service
        self._key = derive(service.coordinator.service_key, "mturk tests", 32)

    def opened(self, id: str, worker: str) -> ExamView:
        """A test for a worker that may take it now.

        Raises:
            NotFound: there is no such qualification, or it has no test.
            Conflict: it can't be asked for, or not again yet.
        """
        now = self._service.clock()
        with self._service.store.read() as connection:
            row = _tested(connection, id)
            _require_turn(connection, row, worker, now)
        form, at = read_answer_form(row.test), int(now.timestamp())
        questions = [
            AskedView(
                one.identifier, [(block.kind, list(block.values)) for block in one.content], one.required,
                [(name, " ".join(shown.values)) for name, shown in one.answer.selections] if isinstance(one.answer, Choice) else None,
                *((one.answer.least, one.answer.most) if isinstance(one.answer, Choice) else (0, 0)),
                isinstance(one.answer, Choice) and one.answer.other is not None,
            )
            for one in form.asked
        ]  # fmt: skip
        mark = f"{at}-{self._mark(id, worker, at)}"
        return ExamView(id, row.test, questions, row.test_seconds, mark, f"{self._service.url}{_place(id, worker, mark)}")

    def page(self, id: str, worker: str, opened: str) -> str:
        """The test as a page for the sandboxed frame; it sends the answers to where it came from.

        Raises:
            NotFound, Conflict, Forbidden: as in `take`.
        """
        self._opened_at(id, worker, opened)
        return form_page(self._form(id, worker), _place(id, worker, opened), button=HAND_IN)

    async def take_fields(self, id: str, worker: str, opened: str, fields: list[tuple[str, str]]) -> ExamOutcome:
        """What that page sends.

        Raises:
            Faulty: an answer breaks the form.
            NotFound, Conflict, Forbidden: as in `take`.
        """
        self._opened_at(id, worker, opened)
        form = self._form(id, worker)
        answers = form_given(form, fields)
        if wrong := faults(form, answers):
            raise Faulty(form, _place(id, worker, opened), fields, wrong, HAND_IN)
        return await self.take(id, worker, opened, answers)

    def _form(self, id: str, worker: str) -> Form:
        with self._service.store.read() as connection:
            row = _tested(connection, id)
            _require_turn(connection, row, worker, self._service.clock())
        return read_answer_form(row.test)

    async def take(self, id: str, worker: str, opened: str, answers: Mapping[str, Given]) -> ExamOutcome:
        """Scores the answers and grants what they are worth; without a key they wait for the owner.

        Raises:
            NotFound, Conflict: as above, or the time is over.
            Forbidden: `opened` isn't this worker's for this test.
            Invalid: an answer breaks the form.
        """
        now, at = self._service.clock(), self._opened_at(id, worker, opened)

        def work(connection: Connection) -> ExamOutcome:
            row = _tested(connection, id)
            _require_turn(connection, row, worker, now)
            if now.timestamp() > at + row.test_seconds + GRACE.total_seconds():
                raise Conflict(f"The time for this test, {row.test_seconds} seconds, is over; ask for it again when you may.")
            wrong = faults(read_answer_form(row.test), answers)
            if wrong:
                name, why = next(iter(wrong.items()))
                raise Invalid(f"{name}: {why}")
            return self._judge(connection, row, worker, answers, now)

        outcome: ExamOutcome = await self._service.store.write(work)
        return outcome

    def _judge(self, connection: Connection, row: Row[Any], worker: str, answers: Mapping[str, Given], now: datetime) -> ExamOutcome:
        if row.answer_key is None:
            request = {"id": new_id(), "qualification": row.id, "account": worker, "answer": answers_xml(answers), "created_at": now}
            qualifications.ask(connection, request)
            return ExamOutcome("pending", None)
        value = read_answer_key(row.answer_key).score(answers)
        qualifications.grant(connection, row.id, worker, value, None, now)
        notices.tell(connection, worker, "qualification.granted", {"qualification": row.id, "name": row.name}, now)
        return ExamOutcome("granted", value)

    def _opened_at(self, id: str, worker: str, opened: str) -> int:
        at, _, mark = opened.partition("-")
        if not at.isascii() or not at.isdigit() or len(at) > 12 or not hmac.compare_digest(mark.encode(), self._mark(id, worker, int(at)).encode()):
            raise Forbidden("'opened' is not what this test gave you; open it again.")
        return int(at)

    def _mark(self, id: str, worker: str, at: int) -> str:
        return hmac.new(self._key, f"{id} {worker} {at}".encode(), hashlib.sha256).hexdigest()[:32]


def _place(id: str, worker: str, opened: str) -> str:
    """Where a worker's test is, without the server's name."""
    return f"/mturk/t/{id[2:]}{worker[2:]}/{opened}"


def _tested(connection: Connection, id: str) -> Row[Any]:
    row = qualifications.one(connection, id)
    if row is None or row.test is None:
        raise NotFound("There is no such qualification with a test.")
    if not row.active or not row.requestable:
        raise Conflict("This qualification can't be asked for now.")
    return row


def _require_turn(connection: Connection, row: Row[Any], worker: str, now: datetime) -> None:
    """A test is taken once, or again after the retry delay.

    Raises:
        Conflict: not now; the sentence says when.
    """
    if worker == row.owner:
        raise Conflict("Nobody takes a test of its own.")
    request: Any = qualifications.request(connection, row.id, worker)
    if request is not None and request.refused_at is None:
        raise Conflict("Your answers wait for the owner of this qualification.")
    grant = connection.execute(_GRANT, {"of": row.id, "to": worker}).one_or_none()
    last = max([at for at in (grant and (grant.revoked_at or grant.granted_at), request and request.refused_at) if at], default=None)
    if last is None:
        return
    if row.retry_seconds is None:
        raise Conflict("This test can be taken once.")
    again_at = last + timedelta(seconds=row.retry_seconds)
    if now < again_at:
        raise Conflict(f"This test can be taken again after {again_at:%Y-%m-%d %H:%M} UTC.")


def router(exams: Exams) -> APIRouter:
    """The routes over `Exams`."""
    routes = APIRouter(tags=["mturk"])

    @routes.get("/v1/qualifications/{id}/test", **spec(ExamView, auth=True))
    def opened(request: Request, id: str) -> Response:
        """A qualification's test, for whoever wants to take it now; the time runs from here."""
        return JSON(exams.opened(hex_text("The qualification's id", id, 16), account(request)))

    @routes.get("/mturk/t/{place}/{opened}", include_in_schema=False)
    def page(place: str, opened: str) -> Response:
        """The test as a page, for the sandboxed frame of who was given its address."""
        return framed(lambda: exams.page(*_who(place), opened))

    @routes.post("/mturk/t/{place}/{opened}", include_in_schema=False)
    async def hand_in(request: Request, place: str, opened: str) -> Response:
        """What that page sends."""

        async def take() -> ExamOutcome:
            return await exams.take_fields(*_who(place), opened, await sent_fields(request))

        return await answered(take(), _words)

    @routes.post("/v1/qualifications/{id}/test", **spec(ExamOutcome, 201, ExamAnswers, auth=True))
    async def take(request: Request, id: str) -> Response:
        """Takes a test: scored at once where it has a key, else read by the qualification's owner."""
        worker, body = account(request), await read(request, ExamAnswers)
        answers = {name: Given(one.text, tuple(one.selections), one.other) for name, one in body.answers.items()}
        return JSON(await exams.take(hex_text("The qualification's id", id, 16), worker, body.opened, answers), 201)

    return routes


def _who(place: str) -> tuple[str, str]:
    """The qualification and the worker in a test's address; the mark beside them says whether they are."""
    return f"0x{place[:32]}", f"0x{place[32:]}"


def _words(outcome: ExamOutcome) -> str:
    if outcome.state == "granted":
        return f"Your test was scored: you have the qualification, with {outcome.value}."
    return "Your answers wait for the owner of this qualification, who reads them."
