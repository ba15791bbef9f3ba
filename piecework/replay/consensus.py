"""What the crowd says: majority and Dawid-Skene over the answers that were paid for."""

import warnings
from dataclasses import dataclass

import pandas as pd
from crowdkit.aggregation import DawidSkene, MajorityVote

from piecework.replay.answers import Answer

ITERATIONS = 100


@dataclass(frozen=True)
class Consensus:
    """Labels by two methods, and what Dawid-Skene found out on the way.

    Attributes:
        majority, dawid_skene: task → label.
        marginals: label → how common Dawid-Skene believes it is.
        right: worker → label → how often the worker says it where Dawid-Skene believes it.
    """

    majority: dict[str, str]
    dawid_skene: dict[str, str]
    marginals: dict[str, float]
    right: dict[str, dict[str, float]]


def consensus(rows: list[Answer]) -> Consensus:
    """Aggregates the answers. Rows are sorted first, so that ties fall the same way whatever order they came in."""
    ordered = sorted(rows, key=lambda row: (row.task, row.worker, row.repeat))
    frame = pd.DataFrame(
        {"task": [r.task for r in ordered], "worker": [r.worker for r in ordered], "label": [r.label for r in ordered]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # crowd-kit's own use of pandas
        majority = MajorityVote().fit_predict(frame)
        model = DawidSkene(n_iter=ITERATIONS).fit(frame)
    right: dict[str, dict[str, float]] = {}
    for (worker, label), row in model.errors_.iterrows():
        right.setdefault(str(worker), {})[str(label)] = float(row.get(label, 0.0))
    return Consensus(
        majority.to_dict(), model.labels_.to_dict(), {str(k): float(v) for k, v in model.priors_.items()}, right
    )


def accuracy(labels: dict[str, str], truth: dict[str, str]) -> float:
    """The share that a method got right of the tasks with a label and a known truth."""
    known = labels.keys() & truth.keys()
    return sum(labels[task] == truth[task] for task in known) / len(known)
