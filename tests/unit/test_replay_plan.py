"""A plan is the same whenever the file and the seed are."""

import secrets
from pathlib import Path

import pytest

from piecework.cli.replay import alone
from piecework.domain.errors import Conflict
from piecework.replay.answers import Answers, read_answers
from piecework.replay.consensus import accuracy
from piecework.replay.plan import LONGEST_TITLE, MOST_LABELS, Plan
from piecework.replay.run import OPEN_SECONDS, closes_at


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    path = tmp_path / "answers.csv"
    rows = [f"t{task},w{worker},l{(task + worker) % 3}" for task in range(4) for worker in range(9)]
    path.write_text("task,worker,label\n" + "\n".join([*rows, "t0,w0,again"]) + "\n")
    return read_answers(path)


def test_the_same_file_and_seed_give_the_same_job_wallets_and_salts(answers: Answers) -> None:
    one, two = (Plan(answers, "seed", 50_000, "a") for _ in range(2))
    assert one.posting(1) == two.posting(1)
    assert [key.address for key in one.keys.values()] == [key.address for key in two.keys.values()]
    assert [one.answer_salt(row) for row in answers.rows] == [two.answer_salt(row) for row in answers.rows]


def test_another_seed_or_reward_is_another_job(answers: Answers) -> None:
    salts = {Plan(answers, seed, reward, "a").salt for seed in "xy" for reward in (1, 2)}
    assert len(salts) == 4
    first, second = (set(k.address for k in Plan(answers, seed, 1, "a").keys.values()) for seed in "xy")
    assert not first & second


def test_every_answer_hides_behind_a_salt_of_its_own(answers: Answers) -> None:
    plan = Plan(answers, "seed", 1, "a")
    assert len({plan.answer_salt(row) for row in answers.rows}) == len(answers.rows) == 37


def test_a_job_has_as_many_slots_as_there_are_answers(answers: Answers) -> None:
    posting = Plan(answers, "seed", 1, "a").posting(1)
    assert [unit["slots"] for unit in posting["units"]] == [10, 9, 9, 9]
    assert posting["answers_per_worker"] == 2


def test_every_fourth_worker_takes_the_ledger(answers: Answers) -> None:
    assert Plan(answers, "seed", 1, "a").ledger_workers == ["w3", "w7"]


def test_many_labels_are_free_text_and_a_long_title_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("task,worker,label\n" + "".join(f"1,{n},{n}\n" for n in range(MOST_LABELS + 1)))
    posting = Plan(read_answers(path), "seed", 1, "x" * 300 + "\udcff").posting(1)
    assert posting["labels"] is None and posting["title"] == "x" * LONGEST_TITLE


def test_runs_begun_together_choose_the_same_end() -> None:
    now = 100.5 * OPEN_SECONDS
    assert closes_at(now) == closes_at(now + 60)
    assert OPEN_SECONDS <= closes_at(now) - now <= 2 * OPEN_SECONDS


def test_accuracy_counts_the_tasks_that_have_both_label_and_truth() -> None:
    assert accuracy({"1": "a", "2": "b", "3": "c"}, {"1": "a", "2": "x", "9": "z"}) == 0.5


def test_one_marketplace_takes_one_replay_of_a_plan_at_a_time_and_another_its_own(answers: Answers) -> None:
    plan, marketplace = Plan(answers, secrets.token_hex(8), 1, "a"), "http://127.0.0.1:1"
    with alone(plan, marketplace), alone(plan, "http://127.0.0.1:2"):
        with pytest.raises(Conflict, match="Another replay"), alone(plan, marketplace):
            pass
    with alone(plan, marketplace):
        pass
