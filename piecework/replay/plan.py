"""What a replay will do, worked out before anything is done: the same file and seed give the same plan.

Everything that a second run must find again comes from here and from the marketplace, never from a file that a crash could lose:
the job by its salt, a worker's wallet by its name, an answer's salt by its place.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.replay.answers import Answer, Answers

MOST_LABELS = 1000
"""Above as many different labels they are free text, and the job lists none."""
LONGEST_TITLE = 200

LEDGER_EVERY = 4
"""Every fourth worker takes its pay as a ledger balance and withdraws by a relayed signature."""


@dataclass(frozen=True)
class Plan:
    """One job over a file of answers.

    Attributes:
        answers: the file.
        seed: makes another job, with other wallets, of the same file.
        reward: base units a slot.
        title: what workers would read.
    """

    answers: Answers
    seed: str
    reward: int
    title: str

    @cached_property
    def salt(self) -> bytes:
        """The job's salt in its terms: names this plan, so that a second run finds the job of the first."""
        return self._derive(b"job", str(self.reward).encode())

    @cached_property
    def unit_of(self) -> dict[str, int]:
        """Task → unit number."""
        return {task: number for number, task in enumerate(self.answers.tasks)}

    @cached_property
    def keys(self) -> dict[str, Key]:
        """Worker's name → wallet."""
        return {worker: Key(self._derive(b"worker", worker.encode())) for worker in self.answers.workers}

    @cached_property
    def by_worker(self) -> dict[str, list[Answer]]:
        """Worker's name → its answers in the order of the file."""
        grouped = defaultdict(list)
        for row in self.answers.rows:
            grouped[row.worker].append(row)
        return dict(grouped)

    @property
    def ledger_workers(self) -> list[str]:
        """Who takes the ledger: every fourth worker, in the order of the file."""
        return self.answers.workers[LEDGER_EVERY - 1 :: LEDGER_EVERY]

    def answer_salt(self, row: Answer) -> bytes:
        """The 32 bytes that hide an answer until it is revealed; only the wallet's holder can know them."""
        key = self.keys[row.worker]
        return keccak256(key.secret + b"answer" + self.salt + f"{self.unit_of[row.task]}/{row.repeat}".encode())

    def posting(self, closes_at: int) -> dict[str, Any]:
        """The body of the request that drafts the job."""
        slots, labels = Counter(row.task for row in self.answers.rows), self.answers.labels
        return {
            "title": self.title.encode("utf-8", "replace").decode()[:LONGEST_TITLE],
            "instructions": "Choose the label that fits the task best.",
            "template": "label",
            "labels": labels if len(labels) <= MOST_LABELS else None,
            "reward": str(self.reward),
            "units": [{"content": {"task": task}, "slots": slots[task]} for task in self.answers.tasks],
            "answers_per_worker": self.answers.most_repeats,
            "assignment_seconds": 3600,
            "closes_at": closes_at,
            "review_window_seconds": 3 * 86_400,
            "appeal_window_seconds": 3 * 86_400,
            "salt": "0x" + self.salt.hex(),
        }

    def _derive(self, *parts: bytes) -> bytes:
        return keccak256(b"\0".join([b"piecework replay", self.seed.encode(), self.answers.fingerprint, *parts]))
