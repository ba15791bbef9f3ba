"""Jobs: what a requester asks for, its content on disk, its terms, and the id that the escrow knows it by."""

import json
from asyncio import to_thread
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.cell import ANSWERS, TooLong
from backend.services.floor import Floor
from backend.services.listing import listing
from backend.services.policies import Fault, Policies
from backend.services.turns import Turns
from backend.store import consensus, listings, mirror, postings, unit_loads
from backend.store.content import Contents
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.domain import merkle
from piecework.domain.answers import AnswerCheck, compiled, first_error, sentence_of
from piecework.domain.content import canonical_json, content_hash, text_leaf, units_root
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound
from piecework.domain.reports import report_of
from piecework.domain.templates import TEMPLATES
from piecework.domain.terms import MAX_WINDOW, Terms, protocol_fee
from piecework.domain.units import NATIVE
from piecework.quality.reading import said_of

MOST_SLOTS = 2**31 - 1
MOST_UNITS = 1_000_000
MANY_UNITS = 10_000
MOST_LABELS = 10_000
LONGEST_ASSIGNMENT = 90 * 86_400
CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Job:
    """What never changes of a job once it is described; `number` is its key in this database."""

    number: int
    id: str
    requester: str
    operator: str
    token: str
    price: int
    """Base units that a slot costs, fee included."""
    coordinator: str
    content: str
    slots: int
    answers_per_worker: int
    per_worker_limit: int | None
    qualifications: str
    """JSON, see `piecework.domain.requirements`."""
    assignment_seconds: int
    closes_at: int
    overlap: str | None
    """JSON {least, confidence_bps} of a job whose units are asked until they are sure."""
    signals: bool
    """Whether it takes signals of how its answers come about."""
    gold: str | None
    """JSON {share_bps, first, least_bps, pass_right, good_bps} of a job that mixes known units in."""
    units: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a job's answers must look like: by a schema of the requester's own, as JSON, or by its template's; and which reports it takes."""

    schema: str | None
    check: AnswerCheck | None
    reports: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a requester asks for. Amounts in base units, windows in seconds, `closes_at` in Unix seconds; `units` are
    (content, slots)."""

    title: str
    instructions: str
    template: str
    labels: tuple[str, ...] | None
    reward: int
    token: str
    units: Sequence[tuple[Any, int]]
    answers_per_worker: int
    assignment_seconds: int
    closes_at: int
    review_window: int
    appeal_window: int
    salt: bytes
    operator: str = NATIVE
    arbitrator: str = NATIVE
    arbitrator_extra_data: bytes = b""
    contest_deposit: int = 0
    appeal_stake: int = 0
    policies: Policies = field(default_factory=Policies)


class Postings:
    """Describes jobs and reads them back.

    Args:
        store, contents: where they are kept.
        deployment: the escrow that they will be posted to.
        coordinator: the address that signs for them.
        clock: the time, aware.
        hourly_floor: the least that a job in the deployment's token pays an hour, base units.
    """

    def __init__(
        self, store: Store, contents: Contents, deployment: Deployment, coordinator: str, clock: Callable[[], datetime], hourly_floor: int = 0
    ) -> None:
        self._floor = Floor(deployment.token, hourly_floor)
        self._store, self._contents, self._deployment = store, contents, deployment
        self._coordinator, self._clock = coordinator, clock
        self._known: dict[str, Job] = {}
        self._turns = Turns(most=8)
        self._asked = lru_cache(maxsize=256)(self._read_asked)  # compiled once a job
        self._template = lru_cache(maxsize=4_096)(lambda job: str(self.manifest(self.row(job))["template"]))
        self._written = lru_cache(maxsize=256)(json.loads)

    def faults(self, draft: Draft) -> Iterator[Fault]:
        """Everything that is wrong with a draft, the least pay included."""
        yield from faults(draft)
        yield from self._floor.faults(draft.token, draft.reward, draft.policies)

    async def all_faults(self, draft: Draft) -> list[Fault]:
        """`faults`, for an event loop."""
        return await self._in_turn(draft)(lambda: list(self.faults(draft)))

    def _in_turn(self, draft: Draft) -> Callable[..., Any]:
        """Runs something in a thread: a job of many units takes seconds, so one of these at a time."""
        return self._turns.run if len(draft.units) > MANY_UNITS else to_thread

    def own_faults(self, draft: Draft) -> Iterator[Fault]:
        """Everything but its units'."""
        yield from own_faults(draft)
        yield from self._floor.faults(draft.token, draft.reward, draft.policies)

    async def describe(self, requester: str, draft: Draft) -> tuple[str, bool]:
        """Keeps a job and returns its id, and whether it is new. All or nothing.

        Raises:
            Invalid: the draft breaks a rule; the sentence names the unit where it is one's.
        """
        return await self._in_turn(draft)(self._describe, requester, draft)

    def _describe(self, requester: str, draft: Draft) -> tuple[str, bool]:
        for _, sentence in self.faults(draft):
            raise Invalid(sentence)
        units = [_canonical(number, content) for number, (content, _) in enumerate(draft.units, 1)]
        leaves = [text_leaf(text, slots) for text, (_, slots) in zip(units, draft.units, strict=True)]
        manifest = _manifest(draft, "0x" + units_root(leaves).hex(), len(units), sum(slots for _, slots in draft.units))
        job, terms = self._posted(requester, draft, manifest)
        if self._exists(job):
            return job, False
        text = canonical_json(manifest)
        content = "0x" + terms.content_hash.hex()
        places = self._contents.save(content, text, units)
        row = _row(job, terms, draft, manifest, self._clock())
        row |= {"content": self._contents.place(content), "manifest_length": len(text)}
        rows = _unit_rows(draft, leaves, places)
        return job, bool(self._store.write_now(lambda c: self._add(c, row, rows, draft, manifest)))

    def adopt(self, requester: str, draft: Draft, load: Row[Any]) -> tuple[str, Callable[[Connection], bool]]:
        """A job of the units of a load: its id, and what writes it, which is False where the very same job is there already.

        Raises:
            Invalid: the draft breaks a rule.
        """
        for _, sentence in self.own_faults(draft):
            raise Invalid(sentence)
        manifest = _manifest(draft, load.units_root, load.rows, load.slots)
        job, terms = self._posted(requester, draft, manifest)
        row = _row(job, terms, draft, manifest, self._clock())
        row |= {"number": load.number, "content": load.content, "manifest_length": 0, "manifest": canonical_json(manifest).decode()}
        return job, lambda c: self._add(c, row, (), draft, manifest)

    def _posted(self, requester: str, draft: Draft, manifest: dict[str, Any]) -> tuple[str, Terms]:
        """A job's id and its terms as the chain would take them now.

        Raises:
            Invalid: it wouldn't.
        """
        with self._store.read() as connection:
            rate, head = mirror.fee_bps(connection), mirror.head(connection)
        terms = self._terms(requester, draft, content_hash(manifest), protocol_fee(draft.reward, rate))
        job, now = "0x" + self._deployment.domain.job_id(terms).hex(), self._clock()
        if not self._exists(job):
            terms.check(int(max(now, head.timestamp_at if head else now).timestamp()), rate)
        if terms.price * manifest["slots"] >= 2**192:
            raise Invalid("The job's price is more than the escrow can hold.")
        return job, terms

    def fee(self, reward: int) -> int:
        """Base units that the protocol takes of each reward of a job that is posted now."""
        with self._store.read() as connection:
            return protocol_fee(reward, mirror.fee_bps(connection))

    def _add(
        self, connection: Connection, row: dict[str, Any], units: Sequence[dict[str, Any]], draft: Draft, manifest: dict[str, Any]
    ) -> bool:
        found_by = listing(draft.reward, draft.policies.ai_policy, manifest)
        return _add_once(connection, row, units, found_by, self._clock())

    def find(self, job: str) -> Job:
        """A job's fixed facts.

        Raises:
            NotFound: no such job here.
        """
        known = self._known.get(job)
        if known is None:
            known = _fixed(self.row(job))
            if len(self._known) >= CACHED:
                self._known.clear()
            self._known[job] = known
        return known

    def is_of_hits(self, number: int) -> bool:
        """Whether a job's units are HITs, whose pages send their answers by themselves."""
        with self._store.read() as connection:
            return postings.is_of_hits(connection, number)

    def owned(self, job: str, account: str) -> Job:
        """A job's fixed facts, for its requester only.

        Raises:
            NotFound: no such job here.
            Forbidden: it is somebody else's.
        """
        found = self.find(job)
        if found.requester != account:
            raise Forbidden("Only the job's requester may do this.")
        return found

    def row(self, job: str) -> Row[Any]:
        """A job's row with its state now.

        Raises:
            NotFound: no such job here.
        """
        with self._store.read() as connection:
            row = postings.one(connection, job)
        if row is None:
            raise NotFound(f"There is no job {job} here.")
        return row

    def units(self, job: Job, cursor: int, limit: int) -> Sequence[Row[Any]]:
        """A job's units by position."""
        with self._store.read() as connection:
            return postings.units(connection, job.number, cursor, limit)

    def manifest(self, row: Row[Any]) -> dict[str, Any]:
        """The manifest of a job's row, from its content file."""
        return self._written(row.manifest) if row.manifest is not None else self._contents.manifest(row.content, row.manifest_length)

    def proof(self, job: Job, position: int) -> tuple[Row[Any], list[bytes]]:
        """A unit's row, and the siblings on the way from its leaf to the root in the manifest.

        Raises:
            NotFound: the job has no such unit.
        """
        with self._store.read() as connection:
            row, load = unit_loads.unit(connection, job.number, position), unit_loads.one(connection, job.number)
            if row is None:
                raise NotFound(f"The job has no unit {position}.")
            if load is None:  # its units came with it, so there are few enough to look at all
                return row, merkle.proof(unit_loads.leaves(connection, job.number, 0, MOST_UNITS), position)
            start = position // merkle.BLOCK * merkle.BLOCK
            block = unit_loads.leaves(connection, job.number, start, start + merkle.BLOCK)
        nodes = [load.blocks[at : at + 32] for at in range(0, len(load.blocks), 32)]
        return row, merkle.proof_in_block(block, nodes, position)

    def has_own_schema(self, job: str) -> bool:
        """Whether its requester wrote the schema of its answers, which may take any time to look through."""
        return self._asked(job).schema is not None

    def check_answer(self, job: str, answer: Any) -> None:
        """Refuses an answer that isn't what the job's template, or its own schema, asks for. Where that is its own, not in a transaction.

        Raises:
            Invalid: the sentence says where and why.
            Unavailable: many others have theirs looked at.
        """
        asked = self._asked(job)
        if asked.check is not None:
            asked.check(answer)
        elif report_of(answer, asked.reports) is None:
            try:
                wrong = ANSWERS.ask("answer", asked.schema, answer).get("wrong")
            except TooLong:
                wrong = "to look at it takes too long"
            if wrong:
                raise Invalid(f"The answer isn't what the job asks for: {wrong}.")

    def reports(self, job: str) -> Mapping[str, Any] | None:
        """Which reports the job takes, and how many of one worker; None for none."""
        return self._asked(job).reports

    def said_of(self, job: str, answer: Any) -> str | None:
        """What of an answer to the job its consensus is made from; None where there is none."""
        return said_of(self._template(job), answer)

    def _read_asked(self, job: str) -> _Asked:
        manifest = self.manifest(self.row(job))
        own = manifest.get("answer_schema")
        if own is None:
            return _Asked(None, AnswerCheck(manifest), manifest.get("reports"))
        return _Asked(json.dumps(own), None, manifest.get("reports"))

    def _exists(self, job: str) -> bool:
        with self._store.read() as connection:
            return postings.one(connection, job) is not None

    def _terms(self, requester: str, draft: Draft, content: bytes, fee: int) -> Terms:
        return Terms(
            requester=requester,
            operator=draft.operator,
            token=draft.token,
            reward=draft.reward,
            fee=fee,
            coordinator=self._coordinator,
            arbitrator=draft.arbitrator,
            arbitrator_extra_data=draft.arbitrator_extra_data,
            contest_deposit=draft.contest_deposit,
            appeal_stake=draft.appeal_stake,
            closes_at=draft.closes_at,
            review_window=draft.review_window,
            appeal_window=draft.appeal_window,
            content_hash=content,
            salt=draft.salt,
        )


def require_open(connection: Connection, job: Job, now: datetime) -> timedelta:
    """How long the job goes on, by the chain's time, or by ours if the last block is older.

    Raises:
        Conflict: the job isn't open on the chain, or its time is over.
    """
    state, head_at = mirror.job_now(connection, job.id, job.slots)
    left = timedelta(seconds=job.closes_at - max(now, head_at).timestamp())
    if state == "draft":
        raise Conflict("The job is not funded on the chain yet.")
    if state == "closed" or left <= timedelta():
        raise Conflict("The job is closed.")
    return left


def terms_of(row: Row[Any]) -> Terms:
    """The terms in a row of `posting`."""
    return Terms(
        requester=row.requester,
        operator=row.operator,
        token=row.token,
        reward=row.reward,
        fee=row.fee,
        coordinator=row.coordinator,
        arbitrator=row.arbitrator,
        arbitrator_extra_data=bytes.fromhex(row.arbitrator_extra_data[2:]),
        contest_deposit=row.contest_deposit,
        appeal_stake=row.appeal_stake,
        closes_at=row.closes_at,
        review_window=row.review_window,
        appeal_window=row.appeal_window,
        content_hash=bytes.fromhex(row.content_hash[2:]),
        salt=bytes.fromhex(row.salt[2:]),
    )


def faults(draft: Draft) -> Iterator[Fault]:
    """Everything that is wrong with a draft by itself, each with its field; a unit's number counts from one."""
    yield from own_faults(draft)
    yield from _unit_faults(draft)


def own_faults(draft: Draft) -> Iterator[Fault]:
    """The same but for its units."""
    if not draft.title.strip() or len(draft.title) > 200:
        yield "title", "The title has 1 to 200 characters."
    if draft.template not in TEMPLATES:
        yield "template", f"There is no template '{draft.template}'; use one of {', '.join(TEMPLATES)}."
    if draft.labels is not None:
        yield from _label_faults(draft.labels)
    yield from draft.policies.faults(draft.template, draft.labels)
    yield from _time_faults(draft)


def _time_faults(draft: Draft) -> Iterator[Fault]:
    if not 1 <= draft.answers_per_worker <= MOST_SLOTS:
        yield "answers_per_worker", "A worker gives at least one answer to a unit."
    if not 1 <= draft.assignment_seconds <= LONGEST_ASSIGNMENT:
        yield "assignment_seconds", "An assignment lasts one second to 90 days."
    if not 0 < draft.closes_at < 2**63:
        yield "closes_at", "closes_at is a time in Unix seconds."
    for name, seconds in (("review", draft.review_window), ("appeal", draft.appeal_window)):
        if not 0 <= seconds <= MAX_WINDOW:
            yield f"{name}_window_seconds", f"The {name} window is at most 90 days, and not negative."


def _unit_faults(draft: Draft) -> Iterator[Fault]:
    if not 1 <= len(draft.units) <= MOST_UNITS:
        yield "units", f"A job has 1 to {MOST_UNITS} units."
    for number, (_, slots) in enumerate(draft.units, 1):
        if not 1 <= slots <= MOST_SLOTS:
            yield "units", f"Unit {number} asks for {slots} answers; ask for at least one."
    if sum(slots for _, slots in draft.units) > MOST_SLOTS:
        yield "units", f"A job has at most {MOST_SLOTS} slots."
    schema = TEMPLATES[draft.template].unit if draft.template in TEMPLATES else {}
    fits = compiled(schema)
    for number, (content, _) in enumerate(draft.units, 1) if schema else ():
        error = first_error(fits, content)
        if error is not None:
            yield "units", f"Unit {number} isn't what the template {draft.template} shows: {sentence_of(error)}."


def _label_faults(labels: Sequence[str]) -> Iterator[Fault]:
    if not 1 <= len(labels) <= MOST_LABELS:
        yield "labels", f"Give 1 to {MOST_LABELS} labels, or none at all."
    seen: set[str] = set()
    for number, label in enumerate(labels, 1):
        if not label.strip():
            yield "labels", f"Label {number} is empty."
        elif label in seen:
            yield "labels", f"Label {number} is there twice."
        seen.add(label)


def _canonical(number: int, content: Any) -> bytes:
    try:
        return canonical_json(content)
    except Invalid as error:
        raise Invalid(f"Unit {number}: {error.sentence}") from None


def _manifest(draft: Draft, root: str, units: int, slots: int) -> dict[str, Any]:
    return {
        "version": 2,
        "title": draft.title,
        "instructions": draft.instructions,
        "template": draft.template,
        "labels": None if draft.labels is None else list(draft.labels),
        "answers_per_worker": draft.answers_per_worker,
        "assignment_seconds": draft.assignment_seconds,
        "units_root": root,
        "units": units,
        "slots": slots,
    } | draft.policies.manifest()


def _row(job: str, terms: Terms, draft: Draft, manifest: dict[str, Any], now: datetime) -> dict[str, Any]:
    fields = {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in asdict(terms).items()}
    return fields | {
        "job": job,
        "units": manifest["units"],
        "slots": manifest["slots"],
        "answers_per_worker": draft.answers_per_worker,
        "assignment_seconds": draft.assignment_seconds,
        "created_at": now,
    } | draft.policies.row()


def unit_row(position: int, first_slot: int, slots: int, leaf: bytes, offset: int, length: int) -> dict[str, Any]:
    """A new unit's row, without its job."""
    return {
        "position": position,
        "first_slot": first_slot,
        "slots": slots,
        "leaf": "0x" + leaf.hex(),
        "content_offset": offset,
        "content_length": length,
        "handed": 0,
        "free": slots,
    }


def _unit_rows(draft: Draft, leaves: Sequence[bytes], places: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    rows, first_slot = [], 0
    for position, ((_, slots), leaf, (offset, length)) in enumerate(zip(draft.units, leaves, places, strict=True)):
        rows.append(unit_row(position, first_slot, slots, leaf, offset, length))
        first_slot += slots
    return rows


def _add_once(
    connection: Connection,
    row: dict[str, Any],
    units: Sequence[dict[str, Any]],
    found_by: tuple[dict[str, Any], tuple[str, ...]],
    now: datetime,
) -> bool:
    """Writes a job with its units, and what it is found by; False if the very same job is there already."""
    if postings.one(connection, row["job"]) is not None:
        return False
    number, (listed, said) = postings.add(connection, row, units), found_by
    if row["overlap"] is not None:
        consensus.withhold(connection, number, json.loads(row["overlap"])["least"])
    listings.add(connection, listed | {"posting": number}, said, now)
    return True


def _fixed(row: Row[Any]) -> Job:
    return Job(
        row.number,
        row.job,
        row.requester,
        row.operator,
        row.token,
        row.reward + row.fee,
        row.coordinator,
        row.content,
        row.slots,
        row.answers_per_worker,
        row.per_worker_limit,
        row.qualifications,
        row.assignment_seconds,
        row.closes_at,
        row.overlap,
        row.signals,
        row.gold,
        row.units,
    )
