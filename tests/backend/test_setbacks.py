"""A clock that ran hours ahead is set back: what it wrote of ends and of pauses that are to come is put right, and nothing else is."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlmodel import col

from backend.mturk import deliveries
from backend.services import courier
from backend.services.aggregator import Aggregator, fit_due
from backend.services.courier import Courier
from backend.services.detector import Detector
from backend.services.lister import Lister
from backend.store import assignments, consensus, fairness, listings, webhooks
from backend.store.database import Store
from backend.store.tables import Assignment, Delivery, JobPace
from backend.store.tables.mturk import MTurkEvent
from tests.backend.counter import ADDRESS, NOW, job

AHEAD = NOW + timedelta(hours=5)
HOUR = timedelta(hours=1)
CLOSES = int((NOW + timedelta(days=9)).timestamp())


def written(store: Store, posting: int, number: int, state: str, **times: datetime | None) -> str:
    """An assignment; its id."""
    id = f"0x{number:032x}"
    row = {"id": id, "posting": posting, "unit": 0, "slot": number, "worker": ADDRESS, "state": state, "created_at": NOW, "expires_at": NOW}
    store.write_now(lambda c: c.execute(insert(Assignment), row | times))
    return id


def times(store: Store, id: str) -> tuple[datetime | None, ...]:
    columns = (Assignment.created_at, Assignment.expires_at, Assignment.revealed_at, Assignment.review_until)
    with store.read() as connection:
        return tuple(connection.execute(select(*columns).where(col(Assignment.id) == id)).one())


def test_a_reservation_of_a_false_time_lasts_as_long_as_its_job_says_from_now_on(store: Store) -> None:
    made: Callable[..., int] = lambda n, closes: store.write_now(  # noqa: E731
        lambda c: job(c, n, [9], assignment_seconds=3_600, closes_at=closes)
    )
    long, short = made(1, CLOSES), made(2, int((NOW + HOUR / 2).timestamp()))
    ahead = written(store, long, 1, "reserved", created_at=AHEAD, expires_at=AHEAD + HOUR)
    ends = written(store, short, 2, "reserved", created_at=AHEAD, expires_at=AHEAD + HOUR)
    true = written(store, long, 3, "reserved", created_at=NOW - HOUR / 2, expires_at=NOW + HOUR / 2)
    other = written(store, long, 4, "reserved", created_at=NOW + timedelta(seconds=1), expires_at=NOW + timedelta(seconds=3_601))
    kept = [times(store, id) for id in (true, other)]
    for _ in range(2):
        store.write_now(lambda c: assignments.redate(c, NOW))
        assert times(store, ahead)[:2] == (NOW, NOW + HOUR)
        assert times(store, ends)[:2] == (NOW, NOW + HOUR / 2), "nobody answers a job that is closed"
        assert [times(store, id) for id in (true, other)] == kept, "two machines differ by so much"


def test_a_review_of_a_false_time_has_its_jobs_delay_from_now_on(store: Store) -> None:
    delayed = store.write_now(lambda c: job(c, 1, [9], auto_approval_seconds=600, closes_at=CLOSES))
    endless = store.write_now(lambda c: job(c, 2, [9], closes_at=CLOSES))
    pause = timedelta(seconds=600)
    ahead = written(store, delayed, 1, "revealed", revealed_at=AHEAD, review_until=AHEAD + pause)
    forever = written(store, endless, 2, "revealed", revealed_at=AHEAD)
    true = written(store, delayed, 3, "revealed", revealed_at=NOW - pause / 2, review_until=NOW + pause / 2)
    decided = written(store, delayed, 4, "rejected", revealed_at=AHEAD, review_until=AHEAD + pause)
    for _ in range(2):
        store.write_now(lambda c: assignments.redate(c, NOW))
        assert times(store, ahead)[2:] == (NOW, NOW + pause)
        assert times(store, forever)[2:] == (NOW, None)
        assert times(store, true)[2:] == (NOW - pause / 2, NOW + pause / 2)
        assert times(store, decided)[2:] == (AHEAD, AHEAD + pause), "nothing waits for it"


def test_a_message_that_wasnt_taken_is_posted_again_after_its_own_pause(store: Store) -> None:
    webhook = {"id": "0x1", "account": ADDRESS, "url": "https://example.org", "secret": "whsec_", "kinds": "[]", "created_at": NOW}
    first, longest = (timedelta(seconds=seconds) for seconds in (courier.FIRST_PAUSE_SECONDS, courier.LONGEST_PAUSE_SECONDS))
    waits = [(0, timedelta(0)), (1, first), (2, 2 * first), (30, longest)]
    one = {"webhook": "0x1", "message": "m", "body": "{}", "created_at": NOW, "state": "waiting"}
    true = [one | {"attempts": attempts, "next_at": NOW + pause} for attempts, pause in waits]
    false = [one | {"attempts": attempts, "next_at": NOW + pause + timedelta(seconds=1)} for attempts, pause in waits]
    over = one | {"state": "failed", "attempts": 30, "next_at": AHEAD}
    store.write_now(lambda c: webhooks.add(c, webhook))
    store.write_now(lambda c: c.execute(insert(Delivery), [*true, *false, over]))
    Courier(store, False, 1, None, bytes(32), lambda: NOW).replan()  # type: ignore[arg-type]  # it mails nothing
    with store.read() as connection:
        found = connection.execute(select(Delivery.next_at).order_by(col(Delivery.id))).scalars().all()
    assert list(found) == [*(row["next_at"] for row in true), *[NOW] * len(false), AHEAD]


def test_an_event_of_a_hit_that_didnt_arrive_is_sent_again_after_its_own_pause(store: Store) -> None:
    second = timedelta(seconds=1)
    waits = [(0, 0 * second), (1, 2 * second), (2, 4 * second), (11, 2_048 * second)]
    one = {"kind": "HITExpired", "notification": "{}", "hit_type": "t", "hit": "h", "assignment": None, "at": NOW}
    true = [one | {"attempts": attempts, "due_at": NOW + pause} for attempts, pause in waits]
    false = [one | {"attempts": attempts, "due_at": NOW + pause + second} for attempts, pause in waits]
    store.write_now(lambda c: c.execute(insert(MTurkEvent), [*true, *false]))
    store.write_now(lambda c: deliveries.replan(c, NOW))
    with store.read() as connection:
        found = connection.execute(select(MTurkEvent.due_at).order_by(col(MTurkEvent.number))).scalars().all()
    assert list(found) == [*(row["due_at"] for row in true), *[NOW] * len(false)]


def test_a_pace_that_was_measured_at_a_false_time_is_measured_anew(store: Store) -> None:
    for number, (measured_at, due_at) in enumerate([(AHEAD, AHEAD + HOUR), (NOW, NOW + HOUR), (AHEAD, None)], 1):
        made = store.write_now(lambda c, n=number: job(c, n, [1]))
        store.write_now(lambda c, of=made, at=measured_at, due=due_at: listings.measure(c, of, {"measured_at": at, "due_at": due}))
    Lister(store, None, lambda: NOW).replan()  # type: ignore[arg-type]  # it looks at no manifest
    with store.read() as connection:
        assert [row.number for row in listings.due(connection, NOW)] == [1]
        assert connection.execute(select(JobPace.due_at).where(col(JobPace.posting) == 3)).scalar_one() is None, "it is closed"


def test_a_fit_that_was_planned_at_a_false_time_is_planned_anew_though_no_answer_comes(store: Store) -> None:
    false, true = (store.write_now(lambda c, n=number: job(c, n, [1])) for number in (1, 2))
    for posting, refit_at in ((false, AHEAD), (true, NOW + timedelta(seconds=1))):
        store.write_now(lambda c, of=posting: consensus.add_job(c, of))
        store.write_now(lambda c, of=posting, at=refit_at: consensus.change_job(c, of, answers=10, refit_at=at))
    Aggregator(store, lambda: NOW).replan()
    with store.read() as connection:
        planned = [consensus.job(connection, posting) for posting in (false, true)]
    assert [row and row.refit_at for row in planned] == [fit_due(10, 0, None, None, NOW), NOW + timedelta(seconds=1)]


def test_detectors_that_were_asked_for_at_a_false_time_run_now(store: Store) -> None:
    store.write_now(lambda c: fairness.ask_detection(c, 1, AHEAD))
    Detector(store, None, None, lambda: NOW).replan()  # type: ignore[arg-type]  # it looks at no job
    with store.read() as connection:
        due = fairness.due(connection, NOW)
    assert due is not None and due.posting == 1
