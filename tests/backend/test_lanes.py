"""What is due to many accounts is carried side by side: each row once, and of each account a few at a time."""

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from backend.services.lanes import EACH, THREADS, Lanes
from piecework.domain.errors import Unavailable


class Post:
    """Rows that are due until they were carried, as a database has them."""

    def __init__(self, **accounts: int) -> None:
        self.lock, self.gate = threading.Lock(), threading.Event()
        owners = [account for account, count in accounts.items() for _ in range(count)]
        self.rows = [SimpleNamespace(id=number, account=account) for number, account in enumerate(owners)]
        self.carried, self.at_once, self.most = Counter[int](), Counter[str](), Counter[str]()
        self.read: threading.Event | None = None
        self.trouble: Exception | None = None

    def due(self, but: Collection[str], most: int) -> list[Any]:
        with self.lock:
            found = [row for row in self.rows if row.account not in but][:most]
        if self.read:
            self.read.wait(10)
        return found

    def carry(self, row: Any) -> None:
        with self.lock:
            self.carried[row.id] += 1
            self.at_once[row.account] += 1
            self.most[row.account] = max(self.most[row.account], self.at_once[row.account])
        if row.account == "slow":
            assert self.gate.wait(20)
        with self.lock:
            self.at_once[row.account] -= 1
            if self.trouble:
                raise self.trouble
            self.rows.remove(row)


@contextmanager
def lanes(post: Post) -> Iterator[Lanes]:
    made = Lanes("test", post.due, lambda row: row.account, lambda row: row.id, post.carry)
    try:
        yield made
    finally:
        post.gate.set()
        made.close()


def until(what: Any, lanes: Lanes) -> None:
    deadline = time.monotonic() + 20
    while not what():
        lanes.begin()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_of_a_slow_account_a_few_are_under_way_and_everybody_elses_go_on() -> None:
    post = Post(slow=200, quick=300)
    with lanes(post) as carrying:
        until(lambda: all(row.account == "slow" for row in post.rows), carrying)
        assert post.carried.total() == 300 + EACH and post.most["slow"] == EACH
        assert carrying.begin() is False
        post.gate.set()
        until(lambda: not post.rows, carrying)
    assert set(post.carried.values()) == {1} and post.most["quick"] <= EACH


def test_many_slow_accounts_take_no_more_than_the_threads() -> None:
    post = Post(slow=1)
    post.rows = [SimpleNamespace(id=number, account=f"slow {number}") for number in range(40)]
    carry = post.carry
    post.carry = lambda row: (post.gate.wait(20), carry(row))  # type: ignore[method-assign,assignment]
    with lanes(post) as carrying:
        assert carrying.begin() and not carrying.begin()
        post.gate.set()
        until(lambda: not post.rows, carrying)
    assert len(post.carried) == 40 > THREADS and set(post.carried.values()) == {1}


def test_what_ends_while_the_due_are_read_is_not_carried_again() -> None:
    post = Post(slow=1)
    with lanes(post) as carrying:
        carrying.begin()
        post.read = threading.Event()
        looking = threading.Thread(target=carrying.begin)
        looking.start()
        time.sleep(0.05)  # it has read the row that is under way
        post.gate.set()
        while post.rows:
            time.sleep(0.002)
        time.sleep(0.05)
        post.read.set()
        looking.join()
    assert post.carried == {0: 1}


def test_a_database_that_doesnt_answer_is_asked_again_and_a_fault_of_ours_is_left_alone() -> None:
    post = Post(quick=1)
    post.trouble = Unavailable("The database doesn't answer.")
    with lanes(post) as carrying:
        until(lambda: post.carried[0] == 3, carrying)
        post.trouble = ZeroDivisionError("ours")
        time.sleep(0.05)
        for _ in range(20):
            carrying.begin()
            time.sleep(0.01)
        seen = post.carried[0]
        for _ in range(20):
            carrying.begin()
            time.sleep(0.005)
    assert post.carried[0] == seen <= 5


def test_many_that_are_left_alone_hide_nobody() -> None:
    post = Post(broken=3 * THREADS)
    post.trouble = ZeroDivisionError("ours")
    with lanes(post) as carrying:
        until(lambda: post.carried.total() == 3 * THREADS, carrying)
        time.sleep(0.05)
        post.trouble = None
        post.rows.append(SimpleNamespace(id=999, account="good"))
        until(lambda: post.carried[999], carrying)
