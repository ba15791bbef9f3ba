"""Consensus: published figures, crowd-kit's numbers, and what must not matter doesn't."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piecework.domain.errors import Invalid
from piecework.quality import agreement, calibration, dawid_skene, kit, vote
from piecework.quality.consensus import Request, consensus, explain
from piecework.quality.labels import Labels
from piecework.quality.multilabel import multilabel
from piecework.quality.running import Running
from piecework.quality.skill import skills
from tests.quality.crowd import anaesthetists, made

FOUR_CODERS = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
THREE_CODERS = [
    ". . . . . 3 4 1 2 1 1 3 3 . 3",
    "1 . 2 1 3 3 4 3 . . . . . . .",
    ". . 2 1 3 4 4 . 2 1 1 3 3 . 4",
]


def coded(lines: list[str]) -> Labels:
    return Labels.of((str(u), str(w), v) for w, line in enumerate(lines) for u, v in enumerate(line.split()) if v != ".")


@pytest.mark.parametrize(
    ("lines", "level", "printed"),
    [
        (FOUR_CODERS, "nominal", 0.743),
        (FOUR_CODERS, "ordinal", 0.815),
        (FOUR_CODERS, "interval", 0.849),
        (FOUR_CODERS, "ratio", 0.797),
        (THREE_CODERS, "nominal", 0.691),
        (THREE_CODERS, "interval", 0.811),
    ],
)
def test_alpha_is_krippendorffs(lines: list[str], level: agreement.Level, printed: float) -> None:
    assert round(agreement.alpha(coded(lines), level), 3) == printed


def test_alpha_of_words_is_nominal_and_of_one_class_is_nothing() -> None:
    words = Labels.of([("1", "a", "x"), ("1", "b", "y")])
    with pytest.raises(Invalid, match="aren't numbers"):
        agreement.alpha(words, "interval")
    assert math.isnan(agreement.alpha(Labels.of([("1", "a", "x"), ("1", "b", "x")])))


def test_the_paper_of_1979_comes_out() -> None:
    fit = dawid_skene.fit(anaesthetists())
    assert [round(value, 3) for value in fit.priors.tolist()] == [0.400, 0.422, 0.111, 0.067]


@pytest.mark.parametrize("iterations", [1, 7, 100])
@pytest.mark.parametrize("rows", ["anaesthetists", "made"])
def test_posteriors_bounds_and_stopping_are_crowd_kits(rows: str, iterations: int) -> None:
    from crowdkit.aggregation import DawidSkene

    labels = anaesthetists() if rows == "anaesthetists" else Labels.of(made()[0])
    fit = dawid_skene.fit(labels, dawid_skene.Settings(iterations))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DawidSkene(n_iter=iterations).fit(labels.frame())
    theirs = model.probas_.reindex(index=labels.units, columns=labels.classes).to_numpy()
    assert np.abs(theirs - fit.posteriors).max() < 1e-6
    assert fit.bounds == pytest.approx(model.loss_history_, abs=1e-8)


def test_known_units_are_crowd_kits_too() -> None:
    from crowdkit.aggregation import DawidSkene
    import pandas as pd

    rows, truth = made(seed=3)
    labels, known = Labels.of(rows), dict(list(truth.items())[:20])
    fit = dawid_skene.fit(labels, dawid_skene.Settings(10, None), truth=known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DawidSkene(n_iter=10, tol=-np.inf).fit(labels.frame(), true_labels=pd.Series(known))
    theirs = model.probas_.reindex(index=labels.units, columns=labels.classes).to_numpy()
    assert np.abs(theirs - fit.posteriors).max() < 1e-6
    assert fit.bounds == pytest.approx(model.loss_history_, abs=1e-8)


def test_smoothed_rates_of_a_true_class_sum_to_one() -> None:
    labels = Labels.of(made()[0])
    fit = dawid_skene.fit(labels, dawid_skene.Settings(smoothing=0.5))
    for worker in range(len(labels.workers)):
        said = np.unique(labels.label[labels.worker == worker])
        if len(said) == len(labels.classes):
            assert fit.confusion(worker).sum(axis=0) == pytest.approx(1.0)


def test_dawid_skene_is_right_more_often_than_the_majority() -> None:
    rows, truth = made(units=300, workers=15, seed=5)
    found = {name: consensus(Labels.of(rows), Request(name)).by_unit() for name in ("majority", "ds", "weighted", "mace")}
    right = {name: sum(labels[unit] == truth[unit] for unit in truth) for name, labels in found.items()}
    assert min(right["ds"], right["weighted"], right["mace"]) > right["majority"]


def test_glad_comes_in_the_order_of_units_and_classes() -> None:
    rows, truth = made(units=20, seed=2)
    found = consensus(Labels.of(rows), Request("glad", settings=dawid_skene.Settings(3))).by_unit()
    assert sum(found[unit] == truth[unit] for unit in truth) >= 16


@pytest.mark.parametrize("algorithm", ["majority", "weighted", "ds"])
@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 10_000))
def test_the_order_of_answers_does_not_matter(algorithm: str, chance: object, seed: int) -> None:
    rows, _ = made(units=20, seed=seed)
    mixed = rows[:]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = (consensus(Labels.of(some), Request(algorithm)) for some in (rows, mixed))  # type: ignore[arg-type]
    assert (one.posteriors == other.posteriors).all()
    assert one.labels.digest() == other.labels.digest()


@settings(max_examples=4, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 10_000))
def test_the_order_of_answers_does_not_matter_to_mace(chance: object, seed: int) -> None:
    """Each step takes crowd-kit 30 ms; the first few are as sensitive to an order as all fifty."""
    rows, _ = made(units=20, seed=seed)
    mixed = rows[:]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = (kit.mace(Labels.of(some), iterations=4) for some in (rows, mixed))
    assert (one[0] == other[0]).all() and (one[1] == other[1]).all()


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(3)), st.permutations(range(12)), st.integers(0, 10_000))
def test_renaming_classes_and_workers_renames_the_result(classes: list[int], workers: list[int], seed: int) -> None:
    rows, _ = made(units=25, seed=seed)
    renamed = [(u, f"w{workers[int(w[1:])]:02}", f"c{classes[int(c[1:])]}") for u, w, c in rows]
    one, other = (dawid_skene.fit(Labels.of(some), dawid_skene.Settings(10, None)) for some in (rows, renamed))
    order = [list(other.labels.classes).index(f"c{classes[int(c[1:])]}") for c in one.labels.classes]
    assert np.abs(one.posteriors - other.posteriors[:, order]).max() < 1e-9


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_units_answered_twice_over_change_nothing_for_the_others(seed: int) -> None:
    """Duplicated units (the same answers under another name) double every count and no rate."""
    rows, _ = made(units=25, seed=seed)
    doubled = rows + [(u.replace("u", "v"), w, c) for u, w, c in rows]
    one, other = (dawid_skene.fit(Labels.of(some), dawid_skene.Settings(10, None)) for some in (rows, doubled))
    assert np.abs(one.posteriors - other.posteriors[: len(one.posteriors)]).max() < 1e-7
    assert (vote.shares(Labels.of(rows)) == vote.shares(Labels.of(rows + rows))).all()


def test_few_answers_a_worker_fall_back_to_the_majority() -> None:
    rows = [("1", "a", "x"), ("1", "b", "x"), ("1", "c", "y"), ("2", "a", "y")]
    found = consensus(Labels.of(rows))
    assert found.used == "majority"
    assert found.by_unit() == {"1": "x", "2": "y"}


def test_a_tie_is_said_and_falls_to_the_first_by_name() -> None:
    found = consensus(Labels.of([("1", "a", "y"), ("1", "b", "x")]), Request("majority"))
    decision = next(found.decisions())
    assert (decision.label, decision.tied, decision.runner_up) == ("x", True, "y")
    assert explain(decision, found.used, {}) == "1 of 2 said 'x', as many as 'y'; the first of equals by name was taken."


def test_a_minority_that_wins_is_explained_by_who_weighed_most() -> None:
    rows = [(f"u{n}", w, "a" if n % 2 else "b") for n in range(40) for w in ("good", "fine")]
    rows += [(f"u{n}", w, "ab"[(n * k) // 7 % 2]) for n in range(40) for w, k in (("x", 3), ("y", 5), ("z", 11))]
    found = consensus(Labels.of(rows), Request("ds"))
    skill_of = {one.worker: one for one in found.skills}
    losing = [d for d in found.decisions() if sum(v.label == d.label for v in d.votes) == 2]
    assert losing and all("what weighed most is" in explain(d, found.used, skill_of) for d in losing)
    assert skill_of["good"].low > skill_of["x"].high


def test_nine_in_ten_skill_intervals_hold_the_true_skill() -> None:
    skill, held = np.linspace(0.6, 0.95, 8), 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 300)
        right = rng.random((300, 8)) < skill
        rows = [(f"u{u}", f"w{w}", str(truth[u] if right[u, w] else 1 - truth[u])) for u in range(300) for w in range(8)]
        labels = Labels.of(rows)
        held += sum(one.low <= skill[at] <= one.high for at, one in enumerate(skills(labels, dawid_skene.fit(labels))))
    assert 43 <= held <= 48


def test_a_worker_alone_on_every_unit_has_the_widest_interval() -> None:
    labels = Labels.of([("1", "a", "x"), ("2", "a", "y"), ("3", "a", "x"), ("4", "b", "y"), ("4", "c", "y")])
    alone = skills(labels)[0]
    assert (alone.right, alone.low, alone.high) == pytest.approx((0.5, 0.025, 0.975), abs=0.003)


def test_many_classes_each_are_a_question_of_their_own() -> None:
    rows = [("1", w, ["cat", "dog"]) for w in "abc"] + [("2", w, ["dog"]) for w in "ab"] + [("2", "c", []), ("3", "a", [])]
    found = multilabel(rows, Request("majority"))
    assert {unit: sorted(names) for unit, names in found.items()} == {"1": ["cat", "dog"], "2": ["dog"], "3": []}


def test_a_new_answer_moves_its_unit_as_bayes_says_and_a_refit_is_from_scratch() -> None:
    rows, _ = made(units=80, seed=9)
    old, new = rows[:-40], rows[-40:]
    first = Labels.of_columns(*zip(*old, strict=True), classes=["c0", "c1", "c2"])
    running = Running(dawid_skene.fit(first))
    for row in new:
        running.add(*row)
    whole = dawid_skene.fit(Labels.of(rows))
    assert (running.refitted().fit.posteriors == whole.posteriors).all()
    agree = [running.estimate(u).label == str(whole.labels.classes[p.argmax()]) for u, p in zip(whole.labels.units, whole.posteriors)]
    assert sum(agree) >= 0.9 * len(agree)
    one = Running(dawid_skene.fit(first))
    unit, worker, label = old[0][0], old[1][1], "c1"
    row = one.estimate(unit).posterior * one.fit.confusion(list(first.workers).index(worker))[1]
    assert one.add(unit, worker, label).posterior == pytest.approx(row / row.sum(), abs=1e-6)


def test_a_refit_tells_its_progress_and_can_be_stopped() -> None:
    running = Running(dawid_skene.fit(Labels.of(made()[0])))
    seen: list[int] = []
    running.refitted(lambda done, most, bound: seen.append(done))
    assert seen == list(range(1, len(running.fit.bounds) + 1))

    def stop(done: int, most: int, bound: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        running.refitted(stop)
    assert running.estimate("u000").confidence > 0


def test_an_unknown_class_is_refused_and_changes_nothing() -> None:
    running = Running(dawid_skene.fit(Labels.of(made()[0])))
    with pytest.raises(Invalid, match="none of the classes"):
        running.add("u000", "w00", "new")
    assert running.added == 0


def test_a_temperature_makes_too_sure_posteriors_honest() -> None:
    rng = np.random.default_rng(1)
    honest = rng.uniform(0.5, 1.0, 2_000)
    truth = (rng.random(2_000) > honest).astype(int)
    boasting = calibration.tempered(np.stack([honest, 1 - honest], axis=1), 0.25)
    assert calibration.temperature(boasting, truth) == pytest.approx(4, rel=0.15)
    before = calibration.expected_error(boasting.max(axis=1), truth == 0)
    after = calibration.held_out(boasting, truth)
    assert calibration.expected_error(after.max(axis=1), truth == 0) < 0.03 < 0.15 < before


def test_nineteen_known_units_do_not_calibrate_and_twenty_do() -> None:
    rows, truth = made(seed=6)
    labels = Labels.of(rows)
    assert consensus(labels, truth=dict(list(truth.items())[:19])).temperature is None
    assert consensus(labels, truth=dict(list(truth.items())[:20])).temperature is not None


def test_maces_first_seed_and_order_are_all_that_counts() -> None:
    labels = Labels.of(made(seed=8)[0])
    assert (kit.mace(labels, 3, iterations=4)[0] == kit.mace(labels, 3, iterations=4)[0]).all()


@pytest.mark.parametrize("seed", range(20))
def test_who_alone_answered_a_unit_is_believed(seed: int) -> None:
    """Nobody can be compared with anybody: the model must not talk itself into the most frequent class."""
    rng = np.random.default_rng(seed)
    said = {f"u{unit}": rng.choice(["cat", "dog"], p=[0.65, 0.35]) for unit in range(20)}
    rows = [(unit, f"w{int(rng.integers(0, 2))}", str(label)) for unit, label in said.items()]
    found = consensus(Labels.of(rows), Request("ds"))
    assert found.used == "majority"
    assert {decision.unit: decision.label for decision in found.decisions()} == said
