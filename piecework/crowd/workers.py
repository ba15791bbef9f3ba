"""Workers that look for open jobs, take slots, and answer, return or abandon them, until nothing is left.

They are ordinary accounts and use what every worker's program uses; HITs are answered the way their pages do it, by externalSubmit.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from piecework.client import Market, MarketError, Worker
from piecework.crowd.answers import Mind
from piecework.crowd.pages import form_fields, read_page
from piecework.crowd.profiles import Profile, dealt
from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key

LOOK_SECONDS = 0.25
"""How often the list of open jobs is fetched while workers have nothing to do."""
AGAIN_SECONDS = 2.0
"""When a worker asks again for a job that had nothing for it."""
JOBS_AT_ONCE = 200
DONE = ("answered", "returned", "abandoned", "refused")


@dataclass(frozen=True, slots=True)
class Habits:
    """What workers do beside answering.

    Attributes:
        returns, abandons: the shares of slots that are given back, or left until their time is over; 0 to 1.
        accuracy: how often a rule or column is kept to, 0 to 1.
        think_seconds: how long an answer takes on average.
    """

    returns: float = 0.0
    abandons: float = 0.0
    accuracy: float = 1.0
    think_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Until:
    """When they stop: after so many answers; when nothing was left to take for so long; both None is never."""

    answers: int | None = None
    idle_seconds: float | None = 5.0


@dataclass
class Tally:
    """What happened so far: counts of `DONE` in all and by profile, why answers were refused, and whose jobs were answered."""

    counts: Counter[str] = field(default_factory=Counter)
    by_profile: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    jobs: set[str] = field(default_factory=set)

    def note(self, profile: Profile, what: str, job: str) -> None:
        """Counts one."""
        self.counts[what] += 1
        self.by_profile.setdefault(str(profile), Counter())[what] += 1
        self.jobs.add(job)


class Crowd:
    """Some workers at one marketplace.

    Args:
        market: an open connection.
        profiles: how they answer, in shares.
        count: how many there are.
        seed: the same seed makes the same accounts, with the same natures.
        habits, until: see there.
        job, text: only this job, or only jobs whose title, keywords or instructions have these words.
        changed: called whenever the tally changed.
    """

    def __init__(
        self,
        market: Market,
        profiles: Sequence[Profile],
        count: int,
        seed: str,
        habits: Habits,
        until: Until,
        job: str | None = None,
        text: str | None = None,
        changed: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        self._market, self._seed, self._habits, self._until, self._changed = market, seed, habits, until, changed
        self._job, self._text = job, text
        self._profiles = dealt(profiles, count, random.Random(f"{seed} profiles"))
        self.tally, self._begun = Tally(), 0
        self._open: list[dict[str, Any]] = []
        self._last, self._ended = time.monotonic(), False

    async def run(self) -> Tally:
        """Signs everybody in and works until the end."""
        keys = [Key(keccak256(f"{self._seed} worker {number}".encode())) for number in range(len(self._profiles))]
        people = await asyncio.gather(*(Worker.sign_in(self._market, key) for key in keys))
        minds = [Mind(profile, random.Random(f"{self._seed} {number}"), self._habits.accuracy) for number, profile in enumerate(self._profiles)]
        self._last = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._look())
                for number, (person, mind) in enumerate(zip(people, minds, strict=True)):
                    group.create_task(self._work(person, mind, number))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # one sentence says it; the others have the same cause
        return self.tally

    async def _look(self) -> None:
        """Keeps the list of open jobs."""
        while not self._ended:
            if self._job is None:
                page = await self._market.get("/v1/jobs", state="open", sort="newest", text=self._text, limit=JOBS_AT_ONCE)
                self._open = [job for job in page["items"] if job["slot_counts"]["free"]]
            else:
                self._open = [await self._market.get(f"/v1/jobs/{self._job}")]
            idle = time.monotonic() - self._last
            self._ended = self._until.idle_seconds is not None and idle > self._until.idle_seconds
            await asyncio.sleep(LOOK_SECONDS)

    async def _work(self, person: Worker, mind: Mind, number: int) -> None:
        chance, later = random.Random(f"{self._seed} habits {number}"), dict[str, float]()
        while not self._ended:
            now = time.monotonic()
            jobs = [job for job in self._open if later.get(job["id"], 0) <= now]
            if not jobs or not self._may_begin():
                await asyncio.sleep(LOOK_SECONDS)
                continue
            job = chance.choice(jobs)
            self._begun += 1
            try:
                taken = await person.take(job["id"])
            except MarketError as error:
                self._begun -= 1
                if error.status not in (403, 404, 409):
                    raise
                later[job["id"]] = now + AGAIN_SECONDS
                continue
            await self._finish(person, mind, chance, job, taken)

    def _may_begin(self) -> bool:
        """Whether another answer is wanted; answers under way count."""
        wanted = self._until.answers
        if wanted is not None and self.tally.counts["answered"] >= wanted:
            self._ended = True
        return wanted is None or self._begun < wanted

    async def _finish(self, person: Worker, mind: Mind, chance: random.Random, job: dict[str, Any], taken: dict[str, Any]) -> None:
        what, fate = "answered", chance.random()
        try:
            if fate < self._habits.returns:
                what = "returned"
                await self._market.post(f"/v1/assignments/{taken['id']}/return", {}, person.session)
            elif fate < self._habits.returns + self._habits.abandons:
                what = "abandoned"
            else:
                await asyncio.sleep(chance.uniform(0.5, 1.5) * self._habits.think_seconds)
                await answer(person, mind, job, taken, chance)
        except (MarketError, Invalid) as error:
            what = "refused"
            self.tally.reasons[error.sentence] += 1
        if what != "answered":
            self._begun -= 1
        self._last = time.monotonic()
        self.tally.note(mind.profile, what, job["id"])
        self._changed(self.tally)


async def answer(person: Worker, mind: Mind, job: dict[str, Any], taken: dict[str, Any], chance: random.Random) -> None:
    """One answer to a slot that was taken.

    Raises:
        Invalid: the worker can't answer what is asked.
        MarketError: the marketplace refused it.
    """
    unit = taken["content"]
    if isinstance(unit, Mapping) and unit.keys() == {"hit", "question"}:
        await _answer_hit(person, mind, taken, unit["question"])
        return
    columns = unit if isinstance(unit, Mapping) else {"unit": unit}
    said = mind.said(columns)
    await person.answer(job, taken, _native(mind, job, columns, said), chance.randbytes(32))


def _native(mind: Mind, job: dict[str, Any], columns: Mapping[str, Any], said: Any) -> Any:
    html = job["manifest"].get("html")
    if html and "properties" not in job["answer_schema"]:
        return dict(read_page(html).fields(said, mind.choose, mind.write))
    if said is None and isinstance(columns.get("items"), list) and "order" in job["answer_schema"].get("properties", {}):
        ids = [item["id"] for item in columns["items"]]
        first = mind.choose(ids, None)
        return {"order": [first, *(one for one in ids if one != first)]}
    return mind.answer(job["answer_schema"], said)


async def _answer_hit(person: Worker, mind: Mind, taken: dict[str, Any], question: str) -> None:
    """As the HIT's page would send it."""
    shown = await person.market.get(f"/v1/assignments/{taken['id']}/hit", person.session)
    if shown["kind"] == "form":
        fields = form_fields(question, mind.said({}), mind.choose, mind.write)
    elif shown["kind"] == "html":
        page = read_page(shown["html"])
        fields = page.fields(mind.said(page.hidden), mind.choose, mind.write)
    else:
        fields = [("answer", mind.write(mind.said({"url": shown["url"]})))]
    sent = [("assignmentId", shown["assignment_id"]), *fields]
    await person.market.send_form(f"/mturk{shown['submit_to'].partition('/mturk')[2]}/mturk/externalSubmit", sent)


def check(habits: Habits, count: int) -> None:
    """Refuses habits that can't be.

    Raises:
        Invalid: the sentence says which.
    """
    if not 1 <= count <= 1_000:
        raise Invalid("--count is from 1 to 1,000 workers.")
    shares = (habits.returns, habits.abandons, habits.accuracy)
    if not all(0 <= share <= 1 for share in shares) or habits.returns + habits.abandons > 1 or habits.think_seconds < 0:
        raise Invalid("--return, --abandon and --accuracy are shares from 0 to 1, the first two at most 1 together; --seconds isn't negative.")


def seed_of(market: Market, seed: str | None) -> str:
    """The seed to use: whoever knows it has the workers' money, so away from a devnet it must be one's own and long.

    Raises:
        Invalid: this is no devnet and no long seed was given.
    """
    if seed is None and market.info["devnet"]:
        return "piecework"
    if not market.info["devnet"] and len(seed or "") < 32:
        raise Invalid("This marketplace pays real money: give a --seed of 32 characters or more that nobody can guess, and keep it.")
    assert seed is not None
    return seed
