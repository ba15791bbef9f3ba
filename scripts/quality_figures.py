"""python -m scripts.quality_figures DIR [--answers CSV --truth CSV]: the plots of docs/quality.md, and their numbers as JSON.

Detectors on made crowds: power and false positives by the share of cheats. Spending: accuracy over cost. With real answers and their
truth: the reliability diagram and the spending curve on them, too.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from piecework.quality import calibration, canary, collusion, duplicates, excess, interaction
from piecework.quality.campaign import Buys, Outcome, bought, handed, outcome, saving
from piecework.quality.consensus import consensus
from piecework.quality.crowds import Crowd, Made, make
from piecework.quality.gold import Sequential, Verdict, standing
from piecework.quality.interaction import Features
from piecework.quality.labels import Labels
from piecework.quality.spending import Overlap
from piecework.replay.answers import read_answers, read_truth

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
SEEDS = range(8)
WORDS = [f"{a}{b}" for a in ("ba", "de", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu") for b in ("ck", "ll", "nd", "rs", "te", "wn")]

Flagged = Callable[[Made], set[str]]


def detectors() -> dict[str, tuple[str, Flagged]]:
    """Each detector: the kind of worker that it is for, and whom it flags in a made crowd."""
    return {
        "excess, by gold": ("model-user", lambda made: _named(excess.signals(excess.compared(made.labels, made.truth, made.model)))),
        "excess, by consensus": ("model-user", lambda made: _named(excess.signals(excess.compared(made.labels, _agreed(made), made.model)))),
        "collusion": ("colluder", lambda made: _named(collusion.signals(collusion.compared(made.labels, _agreed(made))))),
        "gold, Beta rule": ("spammer", _restricted),
        "gold, sequential": ("spammer", _sequential),
    }


def curves(seeds: Sequence[int] = SEEDS, shares: Sequence[float] = SHARES) -> dict[str, list[dict[str, float]]]:
    """Of each detector, at each share of those it is for: power, and the share of honest workers that it flags."""
    found: dict[str, list[dict[str, float]]] = {}
    for name, (kind, flagged) in detectors().items():
        crowd = Crowd(units=500, each=16 if kind == "colluder" else 8)  # two workers share 80 units, or 20
        field = {"model-user": "model_users", "colluder": "colluders", "spammer": "spammers"}[kind]
        for share in shares:
            found.setdefault(name, []).append({"share": share} | _rates(replace(crowd, **{field: share}), kind, flagged, seeds))
    return found


def drifted(seeds: Sequence[int] = SEEDS) -> dict[str, float]:
    """False positives on honest crowds whose skill falls by a logit from first to last."""
    return {name: _rates(Crowd(units=500, each=8, drift=1.0), kind, flagged, seeds)["false_positives"] for name, (kind, flagged) in detectors().items()}


def honest_texts(seed: int = 0, workers: int = 1_000) -> dict[str, float]:
    """False positives of the detectors that look at texts and behaviour, on made honest answers, a share of workers."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    texts = {(f"w{w}", f"u{w % 50}"): " ".join(rng.choice(WORDS, 14, p=weights / weights.sum())) for w in range(workers)}
    paces = {f"w{w}": rng.normal(3.5, 0.35) for w in range(workers)}
    behaviour = {
        worker: [
            Features(float(np.exp(rng.normal(pace, 0.5))), 120, float(rng.random() < 0.15), int(rng.random() < 0.4), float(rng.gamma(8, 0.06)))
            for _ in range(10)
        ]
        for worker, pace in paces.items()
    }
    words = [canary.signal(b"seed", worker, unit, text) for (worker, unit), text in texts.items()]
    return {
        "duplicate": len(_named(duplicates.signals(duplicates.alike(texts)))) / workers,
        "interaction": len(_named(interaction.signals(behaviour))) / workers,
        "canary": sum(one is not None for one in words) / workers,
    }


def _rates(crowd: Crowd, kind: str, flagged: Flagged, seeds: Sequence[int]) -> dict[str, float]:
    caught = cheats = false = honest = 0
    for seed in seeds:
        made = make(crowd, seed)
        names = flagged(made)
        cheats += sum(one == kind for one in made.kinds.values())
        honest += sum(one == "honest" for one in made.kinds.values())
        caught += sum(made.kinds[name] == kind for name in names)
        false += sum(made.kinds[name] == "honest" for name in names)
    return {"power": caught / cheats if cheats else float("nan"), "false_positives": false / honest}


def _named(signals: Sequence[Any]) -> set[str]:
    return {one.worker for one in signals}


def _agreed(made: Made) -> dict[str, str]:
    return consensus(made.labels).by_unit()


def _gold_answers(made: Made) -> dict[str, list[bool]]:
    """A worker's answers to every tenth unit, which is gold."""
    found: dict[str, list[bool]] = {}
    for unit, worker, label in made.labels.rows():
        if int(unit[1:]) % 10 == 0:
            found.setdefault(worker, []).append(label == made.truth[unit])
    return found


def _restricted(made: Made) -> set[str]:
    return {worker for worker, rights in _gold_answers(made).items() if standing(sum(rights), len(rights), least=0.5).restrict}


def _sequential(made: Made) -> set[str]:
    return {worker for worker, rights in _gold_answers(made).items() if Sequential(0.75, 0.3).verdict(rights) is Verdict.BAD}


def spending_curve(labels: Labels, truth: Mapping[str, str], most: int, seeds: Sequence[int] = range(6)) -> dict[str, Any]:
    """Accuracy over cost of fixed overlaps and of asking until sure, and the saving at equal accuracy."""
    steps = sorted({*range(1, min(most, 11) + 1, 2), *range(15, most, 6), most})
    fixed = [outcome(labels, truth, Overlap(k, k), seeds) for k in steps]
    levels = (0.8, 0.9, 0.95, 0.99, 0.999)
    dynamic = [outcome(labels, truth, Overlap(min(5, most), most, level), seeds) for level in levels]
    return {
        "fixed": [[one.cost, one.accuracy] for one in fixed],
        "dynamic": [
            {"confidence": level, "cost": one.cost, "accuracy": one.accuracy, "saving": saving(one, fixed)}
            for level, one in zip(levels, dynamic, strict=True)
        ],
    }


SKILLED = Crowd(units=150, workers=30, classes=4, each=30, skill=(0.45, 0.97), hardness=1.0)
"""A crowd whose skills lie far apart, where it matters most who gets what."""


def by_skill_curve(seeds: Sequence[int] = range(12)) -> dict[str, Any]:
    """Accuracy over cost of asking until sure, with the units handed out by what the next answer is worth, and by skill besides; and what each
    saves against fixed overlaps, over several made crowds."""
    crowds, levels = [make(SKILLED, seed) for seed in seeds], (0.8, 0.9, 0.95, 0.99)
    ways = {"by worth": handed, "by skill, too": partial(handed, by_skill=True)}

    def mean(overlap: Overlap, buys: Buys) -> Outcome:
        found = [outcome(made.labels, made.truth, overlap, [seed], buys) for made, seed in zip(crowds, seeds, strict=True)]
        return Outcome(float(np.mean([one.cost for one in found])), float(np.mean([one.accuracy for one in found])))

    fixed = [mean(Overlap(k, k), bought) for k in (1, 3, 5, 7, 9, 12, 15, 20)]
    of = {name: [mean(Overlap(3, 20, level), buys) for level in levels] for name, buys in ways.items()}
    rows = {
        name: [
            {"confidence": level, "cost": one.cost, "accuracy": one.accuracy, "saving": saving(one, fixed)}
            for level, one in zip(levels, found, strict=True)
        ]
        for name, found in of.items()
    }
    return {"fixed": [[one.cost, one.accuracy] for one in fixed], "dynamic": rows}


def draw_by_skill(found: Mapping[str, Any], path: Path) -> None:
    """by-skill.svg."""
    figure, axis = plt.subplots(figsize=(6, 4))
    axis.plot(*zip(*found["fixed"], strict=True), marker="o", label="fixed overlap")
    for name, rows in found["dynamic"].items():
        axis.plot(*zip(*[(row["cost"], row["accuracy"]) for row in rows], strict=True), marker="s", label=f"until sure, {name}")
    axis.set(title="Whose answer goes where: 30 workers, right in 45 to 97 %", xlabel="answers a unit", ylabel="share of units right")
    axis.legend()
    _save(figure, path)


def reliability(labels: Labels, truth: Mapping[str, str]) -> dict[str, Any]:
    """Dawid-Skene's confidence against what was right, as it comes and with a temperature found on other units."""
    posteriors = consensus(labels).posteriors
    classes = list(labels.classes)
    known = [(at, classes.index(truth[unit])) for at, unit in enumerate(labels.units) if unit in truth]
    rows, right = posteriors[[at for at, _ in known]], np.asarray([label for _, label in known])
    found: dict[str, Any] = {}
    for name, values in (("as it comes", rows), ("calibrated, held out", calibration.held_out(rows, right))):
        sure, good = values.max(axis=1), values.argmax(axis=1) == right
        bins = calibration.reliability(sure, good)
        found[name] = {
            "expected_error": calibration.expected_error(sure, good),
            "bins": [[one.units, one.confidence, one.right, one.low, one.high] for one in bins],
        }
    return found


def draw_curves(found: Mapping[str, list[dict[str, float]]], folder: Path) -> None:
    """power.svg."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for name, rows in found.items():
        for axis, value in ((left, "power"), (right, "false_positives")):
            axis.plot([row["share"] for row in rows], [row[value] for row in rows], marker="o", label=name)
    left.set(title="Power: cheats that are flagged", xlabel="share of cheats in the crowd", ylim=(-0.02, 1.02))
    right.set(title="False positives: honest workers flagged", xlabel="share of cheats in the crowd", ylim=(-0.002, 0.1))
    left.legend(fontsize=8)
    _save(figure, folder / "power.svg")


def draw_spending(found: Mapping[str, Any], path: Path, title: str) -> None:
    """Accuracy over cost."""
    figure, axis = plt.subplots(figsize=(6, 4))
    axis.plot(*zip(*found["fixed"], strict=True), marker="o", label="fixed overlap")
    axis.plot(*zip(*[(row["cost"], row["accuracy"]) for row in found["dynamic"]], strict=True), marker="s", label="until sure")
    axis.set(title=title, xlabel="answers a unit", ylabel="share of units right")
    axis.legend()
    _save(figure, path)


def draw_reliability(found: Mapping[str, Any], path: Path) -> None:
    """Confidence against what was right."""
    figure, axis = plt.subplots(figsize=(5, 5))
    axis.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for name, rows in found.items():
        _, sure, good, low, high = np.asarray(rows["bins"]).T
        axis.errorbar(sure, good, yerr=np.maximum([good - low, high - good], 0), marker="o", capsize=3, label=f"{name}: error {rows['expected_error']:.3f}")
    axis.set(title="Reliability", xlabel="confidence", ylabel="share right (95 % intervals)", xlim=(0.3, 1.02), ylim=(0, 1.02))
    axis.legend(fontsize=8)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main(folder: Path, answers: Path | None, truth: Path | None) -> dict[str, Any]:
    """Draws everything and writes figures.json."""
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams["svg.hashsalt"] = "piecework"
    made = make(Crowd(units=300, workers=30, classes=2, each=15), 1)
    found: dict[str, Any] = {
        "detectors": curves(), "false_positives_with_drift": drifted(), "false_positives_of_text_and_behaviour": honest_texts(),
        "spending": spending_curve(made.labels, made.truth, 15), "by_skill": by_skill_curve(),
    }
    draw_by_skill(found["by_skill"], folder / "by-skill.svg")
    draw_curves(found["detectors"], folder)
    draw_spending(found["spending"], folder / "spending.svg", "A made crowd, 30 workers, 2 classes")
    if answers and truth:
        labels, right = Labels.of((row.task, row.worker, row.label) for row in read_answers(answers).rows), read_truth(truth)
        found["real"] = {"spending": spending_curve(labels, right, int(labels.per_unit.max())), "reliability": reliability(labels, right)}
        draw_spending(found["real"]["spending"], folder / "spending-real.svg", answers.parent.name)
        draw_reliability(found["real"]["reliability"], folder / "reliability-real.svg")
    (folder / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m scripts.quality_figures", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--truth", type=Path)
    chosen = parser.parse_args()
    main(chosen.folder, chosen.answers, chosen.truth)
