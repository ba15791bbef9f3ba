"""What the crowd says: majority and Dawid-Skene over the answers that were paid for."""

from dataclasses import dataclass

from piecework.quality import consensus as quality
from piecework.quality.labels import Labels
from piecework.replay.answers import Answer


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
    """Aggregates the answers. They are sorted by name, so that ties fall the same way whatever order they came in."""
    labels = Labels.of((row.task, row.worker, row.label) for row in rows)
    majority, dawid_skene = (quality.consensus(labels, quality.Request(name)) for name in ("majority", "ds"))
    classes = [str(name) for name in labels.classes]
    if dawid_skene.fit is None:  # too few answers to learn anything of anybody
        return Consensus(majority.by_unit(), dawid_skene.by_unit(), {}, {})
    right: dict[str, dict[str, float]] = {str(worker): {} for worker in labels.workers}
    for (worker, said), rates in zip(dawid_skene.fit.pairs.tolist(), dawid_skene.fit.errors, strict=True):
        right[str(labels.workers[worker])][classes[said]] = float(rates[said])
    marginals = dict(zip(classes, dawid_skene.fit.priors.tolist(), strict=True))
    return Consensus(majority.by_unit(), dawid_skene.by_unit(), marginals, right)


def accuracy(labels: dict[str, str], truth: dict[str, str]) -> float:
    """The share that a method got right of the tasks with a label and a known truth."""
    known = labels.keys() & truth.keys()
    return sum(labels[task] == truth[task] for task in known) / len(known)
