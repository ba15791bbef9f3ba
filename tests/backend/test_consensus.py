"""A job's consensus follows its answers, is fitted anew behind them, says when a unit has been asked enough, and can be checked."""

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from backend.services.aggregator import SOON_SECONDS, fit_due, reweigh
from backend.services.counting import fitted
from backend.services.results import Gathered, Results, decide
from backend.services.verdicts import Verdicts
from backend.store import consensus as rows_of
from backend.store import gold, holding, postings, submissions
from backend.store.database import Store
from piecework.client import Market, Worker
from piecework.quality import online
from piecework.quality.outcomes import text_of
from piecework.quality.running import Running
from tests.backend.counter import NOW, Counter, job, listed, worker
from tests.backend.workshop import Works, answer, call, new_key, open_job, posting, sign_in
from tests.support.nursery import nursery

NUMBERS = count(1_000)
SURE = {"least": 2, "confidence_bps": 9_000}


def counter(store: Store, slots: list[int], overlap: dict[str, int] | None = None, number: int = 1) -> Counter:
    said, least = (None, 1) if overlap is None else (json.dumps(overlap), overlap["least"])
    return Counter(store, store.write_now(lambda c: job(c, number, slots, said, least)), overlap is not None)


def units(store: Store, posting: int) -> dict[int, Any]:
    with store.read() as connection:
        return {row.unit: row for row in rows_of.unit_page(connection, posting, -1, 10_000)}


def crowd(counter: Counter, workers: int, wrong: dict[int, float], seed: int = 0) -> None:
    """Everybody answers everything; worker n errs as often as `wrong` says."""
    chance = random.Random(seed)
    for n in range(workers):
        while (row := counter.take(worker(n))) is not None:
            truth = "ab"[row["unit"] % 2]
            said = truth if chance.random() >= wrong.get(n, 0.1) else "ba"[row["unit"] % 2]
            counter.say(row, said)
        counter.step()


def test_a_fit_in_the_background_is_the_fit_from_scratch_and_an_answer_after_it_moves_its_unit_by_bayes(store: Store) -> None:
    desk = counter(store, [7] * 20)
    crowd(desk, 6, {5: 0.6})
    desk.step(60)
    with store.read() as connection:
        rows = [(row.unit, row.worker, row.label) for row in rows_of.all_labels(connection, desk.posting, 10**6)]
        standing = rows_of.job(connection, desk.posting)
    assert standing is not None and (standing.answers, standing.fitted, standing.used, standing.refit_at) == (120, 120, "ds", None)
    found, now = fitted(rows, {}), units(store, desk.posting)
    for decision in found.decisions():
        row = now[int(decision.unit)]
        assert row.label == decision.label and abs(row.confidence - decision.confidence) < 2e-4 and row.answers == 6
    assert found.fit is not None
    running = Running(found.fit)
    new = desk.take(worker(6))
    assert new is not None
    desk.say(new, "b")
    late = Verdicts(store, desk.posting, "label")
    shown = late.of(answers_of(store, desk.posting))[new["unit"]]
    assert (late.waiting, late.is_behind, shown.votes) == (1, True, 7)
    desk.step()
    estimate, row = running.add(str(new["unit"]), worker(6), "b"), units(store, desk.posting)[new["unit"]]
    assert row.label == estimate.label and row.confidence == pytest.approx(estimate.confidence, abs=1e-3) and row.answers == 7
    assert (shown.label, shown.sure) == (row.label, pytest.approx(row.confidence, abs=0.02)), "what the page says before the row does"
    with store.read() as connection:
        after = rows_of.job(connection, desk.posting)
        skills = rows_of.worker_page(connection, desk.posting, "", 100)
    assert after is not None and (after.answers, after.fitted) == (121, 120) and after.refit_at is not None
    assert min(skills, key=lambda one: one.right).worker == worker(5) and all(one.low < one.right < one.high for one in skills)


def test_the_pages_rate_workers_as_the_jobs_own_consensus_does() -> None:
    chance, labels = random.Random(3), ["a", "b", "c"]
    rows = [
        (unit, worker(who), labels[unit % 3] if chance.random() < 0.5 + 0.06 * who else chance.choice(labels)) for unit in range(40) for who in range(7)
    ]
    known = {str(unit): labels[unit % 3] for unit in range(25)}
    units, workers, keys = (list(column) for column in zip(*rows, strict=True))
    found, shown = fitted(rows, known), decide(Gathered(units, workers, keys), "label", known)
    assert found.used == "ds" and found.temperature is not None and shown.alpha is not None
    assert {one.worker: (one.answers, one.right, one.low) for one in shown.workers} == {one.worker: (one.answers, one.right, one.low) for one in found.skills}


def answers_of(store: Store, posting: int) -> Any:
    with store.read() as connection:
        return submissions.whole(connection, posting, 0, 10**6)


def test_verdicts_are_the_consensus_and_without_a_rejected_answer_what_the_others_say_at_once(store: Store) -> None:
    desk = counter(store, [5] * 24)
    crowd(desk, 5, {4: 0.6})
    desk.step(60)
    kept, said = units(store, desk.posting), answers_of(store, desk.posting)
    verdicts = Verdicts(store, desk.posting, "label")
    assert verdicts.used == "ds" and not verdicts.is_behind and verdicts.job is not None and verdicts.job.units == 24
    found = verdicts.of(said)
    assert found == {unit: (row.label, row.confidence, 5) for unit, row in kept.items()} and verdicts.kept(3) == found[3]
    assert {one.sure for one in Verdicts(store, desk.posting, "label", "majority").of(said).values()} <= {3 / 5, 4 / 5, 1}

    judge(desk, [row._asdict() for row in said[:4]], "rejected")
    late = Verdicts(store, desk.posting, "label")
    again = late.of(answers_of(store, desk.posting))
    assert late.is_behind and late.job is not None and late.job.rejected == 0
    assert (again[0].label, again[0].votes) == (json.loads(said[4].answer), 1), "of what nobody says any more nothing is left"
    assert {unit: again[unit] for unit in range(1, 24)} == {unit: found[unit] for unit in range(1, 24)}
    desk.step(60)
    caught_up = Verdicts(store, desk.posting, "label")
    assert not caught_up.is_behind and caught_up.of(answers_of(store, desk.posting))[0].votes == 1
    judge(desk, [said[4]._asdict()], "rejected")
    assert 0 not in Verdicts(store, desk.posting, "label").of(answers_of(store, desk.posting)), "none is left"
    desk.step(60)
    gone = Verdicts(store, desk.posting, "label").job
    assert gone is not None and (gone.units, gone.rejected) == (23, 5), "and the number of units follows"
    judge(desk, [said[4]._asdict()], "revealed")
    desk.step(60)
    back = Verdicts(store, desk.posting, "label").job
    assert back is not None and (back.units, back.rejected) == (24, 4)


def test_a_page_of_results_reads_the_rows_of_its_units_however_many_answers_the_job_has(store: Store) -> None:
    read = {}
    for number, many in ((1, 20), (2, 200)):
        desk = counter(store, [3] * many, number=number)
        crowd(desk, 3, {})
        desk.step(60)
        results, page = Results(store, None), SimpleNamespace(id=f"0x{number:064x}", number=desk.posting)  # type: ignore[arg-type]
        with store.read() as connection:
            rows = postings.units(connection, desk.posting, -1, 10)
        with rows_read(store) as counted:
            verdicts = results.verdicts(page, "label")  # type: ignore[arg-type]
            found, figures = results.verdicts_of(page, rows, verdicts), results.figures(page, verdicts)  # type: ignore[arg-type]
        assert (len(found), figures.answers, figures.units) == (10, 3 * many, many)
        read[many] = counted
    assert read[20] == read[200], read
    assert sum(read[20]) <= 45, "the job's row twice at most, 30 answers, 10 units and the number of reports"


@contextmanager
def rows_read(store: Store) -> Iterator[list[int]]:
    """How many rows each statement brings, filled in at the end: they are run again."""
    said: list[tuple[str, Any]] = []
    counted: list[int] = []

    def executed(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            said.append((statement, parameters))

    event.listen(store.engine, "after_cursor_execute", executed)
    yield counted
    event.remove(store.engine, "after_cursor_execute", executed)
    with store.read() as connection:
        counted += [len(connection.exec_driver_sql(*one).all()) for one in said]


def test_a_clock_that_was_set_back_holds_no_fit_up() -> None:
    """The last fit is hours ahead of us then; what is new waits as if there had been none, and no longer."""
    now = datetime.now(UTC)
    for fitted_at in (None, now - timedelta(hours=5), now, now + timedelta(hours=5)):
        assert now <= fit_due(1_200, 1_000, fitted_at, None, now) <= now + timedelta(seconds=SOON_SECONDS + 1.2)
    assert fit_due(1_200, 1_000, now - timedelta(hours=5), None, now) == now, "a tenth is new, and the last fit is long ago"
    assert fit_due(1_200, 1_000, now, None, now) == now + timedelta(seconds=1.2), "a fit has just been"
    assert fit_due(1_001, 1_000, now, now + timedelta(hours=5), now) <= now + timedelta(seconds=SOON_SECONDS + 1.1), "nor one that was planned"


def test_answers_that_come_while_a_fit_is_written_are_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = counter(store, [5] * 6)
    crowd(desk, 3, {})
    keep = desk.aggregator._keep

    def late(leadership: Any, of: int, given: Any, found: Any) -> None:
        row = desk.take(worker(9))
        assert row is not None
        desk.say(row, "a")
        desk.aggregator._take(leadership)
        keep(leadership, of, given, found)

    monkeypatch.setattr(desk.aggregator, "_keep", late)
    desk.now = desk.now.replace(year=2027)
    desk.leadership.acquire()
    desk.aggregator.step_once(desk.leadership)
    monkeypatch.undo()
    now = units(store, desk.posting)
    assert sum(row.answers for row in now.values()) == 19
    with store.read() as connection:
        rows = [(row.unit, row.worker, row.label) for row in rows_of.all_labels(connection, desk.posting, 18)]
        (late_unit,) = [row.unit for row in rows_of.since(connection, desk.posting, list(now), 18)]
    found = fitted([row for row in rows if row[1] != worker(9)], {})
    assert found.fit is not None
    estimate = Running(found.fit).add(str(late_unit), worker(9), "a")
    assert (now[late_unit].label, now[late_unit].confidence) == (estimate.label, pytest.approx(estimate.confidence, abs=1e-3))
    with store.read() as connection:
        standing = rows_of.job(connection, desk.posting)
    assert standing is not None and (standing.answers, standing.fitted) == (19, 18) and standing.refit_at is not None


def test_one_answer_more_takes_milliseconds_whatever_was_answered_before(store: Store) -> None:
    """Not one row of another unit is looked at: a job of many answers costs what a new one does."""
    took = {}
    for number, many in ((1, 5), (2, 120)):
        desk = counter(store, [4] * many, number=number)
        crowd(desk, 3, {})
        desk.step(60)
        times = []
        for _ in range(5):
            row = desk.take(worker(50 + len(times)))
            assert row is not None
            desk.say(row, "a")
            with store.read() as connection:
                new = rows_of.new(connection)
            begun = time.thread_time()  # of this thread alone, however busy the machine is
            desk.aggregator._take(desk.leadership)
            times.append(time.thread_time() - begun)
            assert len(new) == 1
        took[many] = min(times)
    assert took[120] < max(5 * took[5], 0.05), took


def test_a_unit_is_asked_until_it_is_sure_and_no_oftener(store: Store) -> None:
    desk = counter(store, [6] * 10, SURE)
    crowd(desk, 12, {})
    desk.step(60)
    now = units(store, desk.posting)
    asked = {unit: row.answers for unit, row in now.items()}
    assert set(asked) == set(range(10)) and all(2 <= times <= 6 for times in asked.values())
    assert sum(asked.values()) < 45, "ten units of six slots, and nearly everybody is right"
    assert all(row.confidence >= 0.9 or row.answers == 6 for row in now.values())
    assert desk.take(worker(99)) is None, "nobody is asked any more"
    free, withheld = _slots(store, desk.posting)
    assert free == 0 and withheld == 60 - sum(asked.values()), "what wasn't asked is nobody's, and goes back at the close"


def test_a_slot_that_comes_back_is_asked_again_only_where_the_unit_lacks_it(store: Store) -> None:
    desk = counter(store, [5], SURE)
    rows = [desk.take(worker(n)) for n in range(3)]
    assert rows[0] and rows[1] and rows[2] is None, "two at first"
    desk.give_back(rows[0])
    again = desk.take(worker(3))
    assert again is not None
    for row in (rows[1], again):
        desk.say(row, "a")
    desk.step()
    assert desk.take(worker(4)) is None, "two of two: a share of 1"
    store.write_now(lambda c: rows_of.ask(c, [{"posting": desk.posting, "unit": 0, "wanted": 3, "rank": 0}]))
    third = desk.take(worker(4))
    assert third is not None
    store.write_now(lambda c: rows_of.ask(c, [{"posting": desk.posting, "unit": 0, "wanted": 2, "rank": 0}]))
    desk.give_back(third)
    assert desk.take(worker(5)) is None and _slots(store, desk.posting) == (0, 3)


def test_the_next_answer_goes_where_it_is_worth_most(store: Store) -> None:
    desk = counter(store, [5, 5, 5], {"least": 2, "confidence_bps": 9_999})
    for unit, said in ((0, "aa"), (1, "ab"), (2, "aa")):
        for n, label in enumerate(said):
            row = _take_unit(desk, worker(n), unit)
            desk.say(row, label)
    desk.step()
    row = desk.take(worker(7))
    assert row is not None and row["unit"] == 1, "two said two things of it"


def test_hard_units_go_to_the_skilled_and_nearly_decided_ones_to_the_others(store: Store) -> None:
    desk = counter(store, [12] * 12, {"least": 5, "confidence_bps": 10_000})
    for n in range(5):
        for unit in range(12):
            truth, hard = "ab"[unit % 2], unit in (3, 8)
            wrong = n == 4 or (hard and n >= 3)
            desk.say(_take_unit(desk, worker(n), unit), "ba"[unit % 2] if wrong else truth)
    desk.step(60)
    with store.read() as connection:
        less = [rows_of.is_less_skilled(connection, desk.posting, worker(n)) for n in (0, 4, 9)]
        claims = {n: holding.Claim(desk.posting, worker(n), -1, False, 0) for n in (9, 8)}
        hardest, easiest = (holding.next_unit(connection, claims[n], 1, True, last) for n, last in ((9, False), (8, True)))
    assert less == [False, True, False], "and a new one is taken for as good as all"
    assert hardest.position in (3, 8) and easiest.position not in (3, 8)


def test_a_known_unit_stays_aside_however_its_answers_come_out(store: Store) -> None:
    desk = counter(store, [4, 4], SURE)
    store.write_now(lambda c: gold.put(c, desk.posting, [{"unit": 0, "label": "a", "explanation": None}]))
    for n, label in enumerate("ab"):
        assert store.write_now(lambda c: gold.offer(c, desk.posting, 0)) is not None
        desk.say(_known(desk, worker(n)), label)
        desk.step()
    assert units(store, desk.posting)[0].answers == 2
    taken = [desk.take(worker(n)) for n in range(5, 9)]
    assert [row["unit"] for row in taken if row is not None] == [1, 1], "its other slots are nobody's in turn"


def test_a_rejected_answer_counts_nowhere_and_another_is_asked_for_it(store: Store) -> None:
    desk = counter(store, [4, 4], SURE)
    rows = [_take_unit(desk, worker(n), unit) for unit in range(2) for n in range(2)]
    for row in rows:
        desk.say(row, "a")
    desk.step(60)
    assert desk.take(worker(5)) is None, "two who agree are enough"
    judge(desk, rows[:2], "rejected")
    desk.step(60)
    assert set(units(store, desk.posting)) == {1}, "nothing that counts was said of the other"
    again = [desk.take(worker(n)) for n in (5, 6, 7)]
    assert [row and row["unit"] for row in again] == [0, 0, None]
    for row in again[:2]:
        assert row is not None
        desk.say(row, "b")
    desk.step(60)
    assert (units(store, desk.posting)[0].label, json.loads(units(store, desk.posting)[0].counts)) == ("b", {"b": 2})
    judge(desk, [row for row in [*rows[2:], *again[:2]] if row], "rejected")
    desk.step(60)
    with store.read() as connection:
        standing = rows_of.job(connection, desk.posting)
        assert rows_of.worker_page(connection, desk.posting, "", 100) == []
    assert units(store, desk.posting) == {} and standing is not None and (standing.fitted, standing.rejected, standing.refit_at) == (6, 6, None)
    judge(desk, rows[:1], "revealed")
    desk.step(60)
    assert [(row.unit, row.label, row.answers) for row in units(store, desk.posting).values()] == [(0, "a", 1)]


def judge(desk: Counter, rows: list[dict[str, Any]], state: str) -> None:
    """What a review does to answers, and to the consensus."""

    def work(connection: Any) -> None:
        for row in rows:
            connection.execute(text("UPDATE assignment SET state = :state WHERE id = :id"), {"state": state, "id": row["id"]})
        reweigh(connection, desk.posting, desk.now)

    desk.store.write_now(work)


def _known(desk: Counter, who: str) -> dict[str, Any]:
    """The known unit's slot that was freed, for this worker: ranked picking doesn't see it, so it is held by name."""

    def work(connection: Any) -> dict[str, Any]:
        claim = holding.claim(connection, desk.posting, who, None)
        assert claim is not None
        unit = holding.this_unit(connection, claim, 0)
        assert unit is not None and unit.free == 1
        desk.given += 1
        row: dict[str, Any] = {"id": f"0x{desk.posting:08x}{desk.given:024x}", "posting": desk.posting, "unit": 0, "worker": who}
        row |= {"state": "reserved", "created_at": NOW, "expires_at": NOW}
        assert holding.hold(connection, unit, row)
        return row

    found: dict[str, Any] = desk.store.write_now(work)
    return found


def _take_unit(desk: Counter, who: str, unit: int) -> dict[str, Any]:
    rows = []
    while (row := desk.take(who)) is not None:
        if row["unit"] == unit:
            for other in rows:
                desk.give_back(other)
            return row
        rows.append(row)
    raise AssertionError(f"nobody is asked for unit {unit}")


def _slots(store: Store, posting: int) -> tuple[int, int]:
    with store.read() as connection:
        row = connection.execute(text("SELECT sum(free), sum(withheld) FROM unit WHERE posting = :of"), {"of": posting}).one()
    return int(row[0]), int(row[1])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    slots=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    least=st.integers(1, 4),
    sure=st.sampled_from([6_000, 9_000, 10_000]),
    moves=st.lists(st.tuples(st.sampled_from(["take", "back", "say", "step"]), st.integers(0, 5), st.sampled_from("abc")), max_size=40),
)
def test_whatever_happens_slots_are_neither_lost_nor_given_twice(
    store: Store, slots: list[int], least: int, sure: int, moves: list[tuple[str, int, str]]
) -> None:
    desk = counter(store, slots, {"least": least, "confidence_bps": sure}, next(NUMBERS))
    held: list[dict[str, Any]] = []
    said = [0] * len(slots)
    for move, n, label in moves:
        if move == "take" and (row := desk.take(worker(n))) is not None:
            held.append(row)
        elif move == "back" and held:
            desk.give_back(held.pop(n % len(held)))
        elif move == "say" and held:
            row = held.pop(n % len(held))
            desk.say(row, label)
            said[row["unit"]] += 1
        elif move == "step":
            desk.step(2)
        _require_whole(store, desk.posting, held, said)


def _require_whole(store: Store, posting: int, held: list[dict[str, Any]], said: list[int]) -> None:
    with store.read() as connection:
        for row in connection.execute(text("SELECT * FROM unit WHERE posting = :of"), {"of": posting}):
            live = said[row.position] + sum(one["unit"] == row.position for one in held)
            assert row.slots - row.free - row.withheld == live and row.free >= 0 and row.withheld >= 0
            assert row.free == max(0, row.wanted - live)
        live_ones = "SELECT slot FROM assignment WHERE posting = :of AND state IN ('reserved', 'revealed') GROUP BY slot HAVING count(*) > 1"
        twice = connection.execute(text(live_ones), {"of": posting})
        assert twice.all() == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from("xyz")), min_size=12, max_size=40), st.sampled_from("xyz"))
def test_an_answer_by_kept_numbers_is_an_answer_to_the_fit_in_memory(rows: list[tuple[int, int, str]], said: str) -> None:
    found = fitted([(unit, worker(who), label) for unit, who, label in rows], {})
    if found.fit is None or said not in found.labels.classes:
        return
    skill_of = {one.worker: one.right for one in found.skills}
    words, running = online.words(found.fit, skill_of), Running(found.fit)
    names = [str(name) for name in found.labels.classes]
    for who in (worker(0), worker(77)):
        word = words.get(who, online.average(found.fit, skill_of)) if said in words.get(who, online.Word(rates={said: {}})).rates else online.average(found.fit, skill_of)
        unit = str(found.labels.units[0])
        before = dict(zip(names, running.estimate(unit).posterior.tolist(), strict=True))
        after = online.updated(before, said, word, names)
        estimate = running.add(unit, who, said)
        for name, value in zip(names, estimate.posterior, strict=True):
            assert after.get(name, 0.0) == pytest.approx(value, abs=1e-6)


# ------------------------------------------------------------------------------------------------ through the interface


def test_a_requester_reads_the_consensus_and_anyone_verifies_its_file(running: Works, tmp_path: Path) -> None:
    token, found = asyncio.run(_labelled(running))
    path = f"/v1/jobs/{found['id']}/consensus"
    running.until("SELECT 1 FROM job_consensus WHERE fitted = 12")
    view = call(running, "GET", f"{path}?limit=2", token=token).body
    assert (view["answers"], view["fitted"], view["used"], view["refused"]) == (12, 12, "ds", None) and view["alpha"] is not None
    assert [(one["unit"], one["label"], one["counts"]) for one in view["items"]] == [(0, "cat", {"cat": 3}), (1, "dog", {"cat": 1, "dog": 2})]
    rest = call(running, "GET", f"{path}?cursor={view['next']}", token=token).body
    assert [one["unit"] for one in rest["items"]] == [2, 3] and rest["next"] is None
    workers = call(running, "GET", f"{path}/workers", token=token).body["items"]
    assert len(workers) == 3 and all(one["answers"] == 4 and 0 < one["low"] < one["right"] < one["high"] < 1 for one in workers)
    assert verified(running, token, path, tmp_path) == running.chain.coordinator.address
    assert len(call(running, "GET", f"{path}/answers?answers=5", token=token).body.splitlines()) == 6
    stranger = sign_in(running, new_key())
    assert [call(running, "GET", path + part, token=stranger).status for part in ("", "/workers", "/file", "/answers")] == [403] * 4
    assert call(running, "GET", f"{path}/file?answers=13", token=token).status == 409

    (mistake,) = running.rows("SELECT id FROM assignment WHERE unit = 1 AND answer = '\"cat\"'")
    review = f"/v1/jobs/{found['id']}/reviews"
    assert call(running, "POST", review, {"reject": [{"assignment": mistake.id, "reason": "It barks."}]}, token).status == 200
    running.until("SELECT 1 FROM job_consensus WHERE rejected = 1 AND refit_at IS NULL")
    view = call(running, "GET", path, token=token).body
    assert (view["answers"], view["fitted"], view["rejected"], view["items"][1]["counts"]) == (12, 12, 1, {"dog": 2})
    assert verified(running, token, path, tmp_path) == running.chain.coordinator.address
    assert json.loads((tmp_path / "result.jsonl").read_text().splitlines()[0])["rejected"] == 1
    page = json.loads(running.page(f"/hire/jobs/{found['id']}/results.json", token))
    assert page["units"][1]["votes"] == 2 and page["units"][1]["confidence"] == pytest.approx(view["items"][1]["confidence"], abs=2e-4)
    assert call(running, "POST", review, {"undo": [mistake.id]}, token).status == 200
    running.until("SELECT 1 FROM job_consensus WHERE rejected = 0 AND refit_at IS NULL")
    assert call(running, "GET", path, token=token).body["items"][1]["counts"] == {"cat": 1, "dog": 2}


def verified(running: Works, token: str, path: str, folder: Path) -> str:
    """Who signed a job's file, which is checked against its answers by the command."""
    result, answers = folder / "result.jsonl", folder / "answers.csv"
    result.write_bytes(call(running, "GET", f"{path}/file", token=token).body)
    answers.write_bytes(call(running, "GET", f"{path}/answers", token=token).body)
    typed = ["consensus", str(answers), "--verify", str(result), "--json"]
    done = nursery().run("piecework.cli", *typed, environment=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["signer"])


BOX = {"label": "cat", "left": 10, "top": 10, "width": 40, "height": 40}
PICTURE = {"source-ref": "https://example.org/1.png"}
SIZE = {"width": 640, "height": 480}
PARTS = {
    "bounding-box": ([{"boundingBoxes": [BOX | {"left": left}], "inputImageProperties": SIZE} for left in (10, 12, 14)], [BOX | {"left": 12}], "boxes"),
    "entity-annotation": (
        [{"entities": [{"label": "cat", "startOffset": 0, "endOffset": end}]} for end in (3, 3, 4)],
        [{"label": "cat", "startOffset": 0, "endOffset": 3}], "spans",
    ),
    "classifier-multi-select": ([{"labels": ["cat", "dog"]}, {"labels": ["dog", "cat"]}, {"labels": ["cat"]}], ["cat", "dog"], "multilabel"),
}


@pytest.mark.parametrize("template", PARTS)
def test_boxes_spans_and_several_classes_have_a_consensus_too(market: Works, template: str, tmp_path: Path) -> None:
    answers, wanted, kind = PARTS[template]
    content = PICTURE if template == "bounding-box" else {"source": "cats and dogs"}

    async def run() -> tuple[str, dict[str, Any]]:
        async with Market(market.url) as client:
            asker, found = await open_job(client, market.chain.requester, [(content, 3)], template=template, labels=["cat", "dog"])
            for said in answers:
                await answer(await Worker.sign_in(client, new_key()), found, 0, said)
            return asker.session.token, found

    token, found = asyncio.run(run())
    path = f"/v1/jobs/{found['id']}/consensus"
    of = "SELECT 1 FROM job_consensus c JOIN posting p ON p.number = c.posting WHERE p.job = :job AND"
    market.until(f"{of} c.fitted = 3", job=found["id"])
    view = call(market, "GET", path, token=token).body
    (unit,) = view["items"]
    assert view["used"] == kind and json.loads(unit["label"]) == wanted and unit["answers"] == 3 and 0.5 < unit["confidence"] <= 1
    assert unit["counts"]["cat"] == 3
    assert verified(market, token, path, tmp_path) == market.chain.coordinator.address
    page = json.loads(market.page(f"/hire/jobs/{found['id']}/results.json", token))
    assert page["used"] == kind and page["decided"] == 1 and not page["behind"]
    assert (page["units"][0]["label"], page["units"][0]["confidence"]) == (text_of(wanted), unit["confidence"])
    (line,) = market.page(f"/hire/jobs/{found['id']}/results.manifest", token).splitlines()
    if kind == "multilabel":
        (kept,) = market.rows("SELECT shares FROM unit_consensus JOIN posting ON number = posting WHERE job = :job", job=found["id"])
        sure = json.loads(line)["label-metadata"]["confidence-map"]
        assert sorted(sure.values()) == sorted(round(share, 2) for share in json.loads(kept.shares).values()) and len(sure) == 2
    (odd,) = market.rows("SELECT a.id FROM assignment a JOIN posting p ON p.number = a.posting WHERE p.job = :job ORDER BY a.slot LIMIT 1", job=found["id"])
    rejected = {"reject": [{"assignment": odd.id, "reason": "no"}]}
    assert call(market, "POST", f"/v1/jobs/{found['id']}/reviews", rejected, token).status == 200
    late = json.loads(market.page(f"/hire/jobs/{found['id']}/results.json", token))["units"][0]
    market.until(f"{of} c.rejected = 1", job=found["id"])
    now = json.loads(market.page(f"/hire/jobs/{found['id']}/results.json", token))["units"][0]
    assert (late["votes"], late["label"], now["votes"]) == (2, now["label"], 2), "at once, and once the consensus has it"
    assert call(market, "GET", path, token=token).body["items"][0]["answers"] == 2


def test_answers_of_several_parts_wait_until_their_job_is_listed_because_nobody_knows_its_template(store: Store) -> None:
    desk = Counter(store, store.write_now(lambda c: job(c, 1, [3], template="")), False)
    for number, parts in enumerate((["cat", "dog"], ["cat", "dog"], ["cat"])):
        row = desk.take(worker(number))
        assert row is not None
        desk.say(row, json.dumps(parts).replace(" ", ""))
    desk.step(60)
    with store.read() as connection:
        assert rows_of.job(connection, desk.posting) is None and rows_of.waiting(connection, desk.posting) == 3
    store.write_now(lambda c: listed(c, desk.posting, "classifier-multi-select"))
    desk.step()
    assert json.loads(units(store, desk.posting)[0].label) == ["cat", "dog"]


async def _labelled(running: Works) -> tuple[str, dict[str, Any]]:
    """A job of four units that three workers have answered, one of them with a mistake."""
    async with Market(running.url) as market:
        asker, found = await open_job(market, running.chain.requester, [(n, 3) for n in range(4)], labels=["cat", "dog"])
        for at in range(3):
            one = await Worker.sign_in(market, new_key())
            for unit in range(4):
                await answer(one, found, unit, "cat" if unit % 2 == 0 or (at == 0 and unit == 1) else "dog")
        return asker.session.token, found


def test_a_job_that_asks_until_it_is_sure_leaves_slots_to_its_requester(running: Works) -> None:
    async def run() -> tuple[str, dict[str, Any]]:
        async with Market(running.url) as market:
            terms = {"labels": ["cat", "dog"], "overlap": SURE}
            asker, found = await open_job(market, running.chain.requester, [("x", 6), ("y", 6)], **terms)
            for _ in range(2):
                one = await Worker.sign_in(market, new_key())
                for _ in range(2):
                    await answer(one, found, None, "cat")
            return asker.session.token, found

    token, found = asyncio.run(run())
    assert found["manifest"]["overlap"] == SURE
    running.until("SELECT 1 FROM job_consensus WHERE answers = 4")
    refused = call(running, "POST", f"/v1/jobs/{found['id']}/assignments", {}, sign_in(running, new_key()))
    assert refused.status == 409, refused
    assert call(running, "GET", f"/v1/jobs/{found['id']}").body["slot_counts"]["free"] == 8
    assert call(running, "GET", f"/v1/jobs/{found['id']}/consensus", token=token).body["items"][0]["confidence"] >= 0.9


@pytest.mark.parametrize(
    "changed",
    [
        {"overlap": SURE}, {"overlap": SURE, "labels": ["a"], "template": "text"}, {"labels": ["a"], "overlap": {"confidence_bps": 0}},
        {"labels": ["a"], "overlap": {"confidence_bps": 10_001}}, {"labels": ["a"], "overlap": SURE | {"least": 0}}, {"overlap": 3},
    ],
)  # fmt: skip
def test_an_overlap_that_cant_be_kept_is_refused_in_a_sentence(market: Works, changed: dict[str, Any]) -> None:
    token = sign_in(market, market.chain.requester)
    answer = call(market, "POST", "/v1/jobs", posting([("x", 1)], **changed), token)
    assert answer.status == 422 and "overlap" in answer.body["detail"].lower(), answer


def test_a_job_without_labels_has_nothing_to_decide(market: Works) -> None:
    token = sign_in(market, market.chain.requester)
    made = call(market, "POST", "/v1/jobs", posting([("x", 1)]), token).body
    assert call(market, "GET", f"/v1/jobs/{made['id']}/consensus", token=token).status == 409

