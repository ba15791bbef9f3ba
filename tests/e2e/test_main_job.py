"""The main job, from a wallet's money to wallets with money, on the commands that people type."""

import json
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from piecework.replay.report import PAPER
from tests.e2e.conftest import Marketplace, marketplace, piecework


def crowd(path: Path, tasks: int, workers: int, seed: int) -> Path:
    """A small file of answers with repeats and awkward strings."""
    rng = random.Random(seed)
    names = [f"worker {n}, ünïcode ✓" for n in range(workers)]
    rows = ["task,worker,label,when"]
    for task in range(tasks):
        for name in names:
            for _ in range(rng.choice((1, 1, 1, 2))):
                rows.append(f'"task {task}","{name}","{rng.choice(("yes", "no", "it’s"))}",now')
    path.write_text("\n".join(rows) + "\n")
    return path


def test_the_demo_pays_every_rating_and_finds_the_papers_figures(market: Marketplace) -> None:
    result = json.loads(market.run("demo", "--json").stdout)
    assert result["exact"], result["faults"]
    assert (result["paid"], result["workers"], result["tasks"]) == (315, 5, 45)
    assert result["paid_amount"] == str(315 * 50_000)
    assert {label: round(share, 2) for label, share in result["marginals"].items()} == PAPER
    assert 0 < result["paid_into_ledger"] < result["paid_into_wallets"]


def test_the_demo_run_again_pays_nobody_twice(market: Marketplace) -> None:
    first = json.loads(market.run("demo", "--json").stdout)
    second = json.loads(market.run("demo", "--json").stdout)
    assert second["exact"] and second["sent_now"] == 0
    assert (second["job"], second["paid_amount"]) == (first["job"], first["paid_amount"])


def test_every_step_can_be_read_back_from_sql(market: Marketplace) -> None:
    job = json.loads(market.run("demo", "--json").stdout)["job"]
    path = market.said["database_url"].removeprefix("sqlite:///")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        per_worker = database.execute(
            "select worker, count(*), count(distinct slot) from mirror_slot_payment where job = ? group by worker", (job,)
        ).fetchall()
    assert sorted(count for _, count, _ in per_worker) == [45, 45, 45, 45, 135]
    assert all(count == slots for _, count, slots in per_worker)


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_killed_anywhere_finishes_the_same_job(market: Marketplace, tmp_path: Path, seed: int) -> None:
    path = crowd(tmp_path / "answers.csv", tasks=40, workers=8, seed=seed)
    rng = random.Random(seed)
    for _ in range(3):
        running = market.start("replay", str(path), "--json", "--reward", "0.01")
        time.sleep(rng.uniform(1.0, 4.0))
        running.send_signal(signal.SIGKILL)
        running.communicate()
    result = json.loads(market.run("replay", str(path), "--json", "--reward", "0.01").stdout)
    assert result["exact"], result["faults"]
    assert result["paid"] == len(path.read_text().splitlines()) - 1


def test_of_two_replays_of_one_file_at_once_one_is_sent_away(market: Marketplace, tmp_path: Path) -> None:
    path = crowd(tmp_path / "answers.csv", tasks=20, workers=5, seed=99)
    both = [market.start("replay", str(path), "--json") for _ in range(2)]
    said = [running.communicate(timeout=200)[1] for running in both]
    assert sorted(running.returncode for running in both) == [0, 1]
    assert any("Another replay of this file is running" in words for words in said)
    result = json.loads(market.run("replay", str(path), "--json").stdout)
    assert result["exact"], result["faults"]
    assert result["paid"] == len(path.read_text().splitlines()) - 1


def test_a_replay_needs_no_more_than_the_marketplaces_address(market: Marketplace, tmp_path: Path) -> None:
    path = crowd(tmp_path / "answers.csv", tasks=5, workers=5, seed=7)
    elsewhere = ("--url", market.said["url"], "--data", str(tmp_path / "none"))
    result = json.loads(piecework("replay", str(path), "--json", *elsewhere).stdout)
    assert result["exact"], result["faults"]
    assert result["read_from"] == "the API's SQL"
    assert result["paid"] == len(path.read_text().splitlines()) - 1


def test_a_bad_file_posts_nothing(market: Marketplace, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("task,worker,label\n1,2,\n")
    refused = market.run("replay", str(path), check=False)
    assert refused.returncode != 0
    assert "row 2: the label is empty" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_without_a_marketplace_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    path = crowd(tmp_path / "answers.csv", tasks=2, workers=2, seed=1)
    refused = piecework("replay", str(path), "--data", str(tmp_path / "none"), check=False)
    assert refused.returncode != 0
    assert "piecework up" in refused.stderr


def test_the_same_road_on_ganache(tmp_path: Path) -> None:
    path = crowd(tmp_path / "answers.csv", tasks=6, workers=5, seed=5)
    with marketplace(tmp_path / "data", "--devnet", "ganache") as running:
        result = json.loads(running.run("replay", str(path), "--json").stdout)
    assert result["exact"], result["faults"]
    assert running.said["chain_id"] == 1337
