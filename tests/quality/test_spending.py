"""Spending: when enough is enough, whom to ask, and what that saves."""

import numpy as np
import pytest

from piecework.domain.errors import Invalid
from piecework.quality import spending
from piecework.quality.campaign import Outcome, bought, handed, outcome, saving
from piecework.quality.crowds import Crowd, make
from piecework.quality.labels import Labels
from piecework.quality.spending import Next, Overlap
from tests.quality.crowd import made


@pytest.mark.parametrize(
    ("answers", "confidence", "wanted"),
    [(0, 1.0, Next.ASK), (1, 1.0, Next.ASK), (2, 0.95, Next.SURE), (2, 0.94, Next.ASK), (7, 0.94, Next.CAP), (7, 0.99, Next.SURE)],
)
def test_a_unit_is_asked_until_it_is_sure_or_at_its_cap(answers: int, confidence: float, wanted: Next) -> None:
    assert spending.next_step(Overlap(2, 7, 0.95), answers, confidence) is wanted


def test_an_overlap_without_sense_is_refused() -> None:
    for wrong in [(0, 3, 0.9), (4, 3, 0.9), (1, 2, 1.5)]:
        with pytest.raises(Invalid):
            Overlap(*wrong)


def test_the_posterior_is_the_products() -> None:
    row = spending.posterior([(0, 0.9), (0, 0.8), (1, 0.7)], 3)
    by_hand = np.array([0.9 * 0.8 * 0.15, 0.05 * 0.1 * 0.7, 0.05 * 0.1 * 0.15])
    assert row == pytest.approx(by_hand / by_hand.sum())


def test_information_is_most_where_doubt_is_and_none_from_a_guesser() -> None:
    rows = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])
    good = spending.expected_information(rows, spending.answer_odds(0.9, 2))
    assert good[0] > good[1] > good[2] == pytest.approx(0, abs=1e-9)
    assert good[0] == pytest.approx(1 - spending.entropy(np.array([0.9, 0.1])))
    assert spending.expected_information(rows, spending.answer_odds(0.5, 2)) == pytest.approx(0, abs=1e-9)


def test_a_coin_goes_where_it_buys_most_and_nobody_answers_a_unit_twice() -> None:
    rows = np.array([[0.5, 0.5], [0.6, 0.4]])
    odds = spending.answer_odds(0.9, 2)
    offers = spending.best_offers(rows, {"dear": (odds, 10), "cheap": (odds, 5)}, {(0, "cheap")}, 2)
    assert [(one.unit, one.worker) for one in offers] == [(1, "cheap"), (0, "dear")]
    with pytest.raises(Invalid, match="above zero"):
        spending.best_offers(rows, {"free": (odds, 0)}, set(), 1)


def test_asking_until_sure_costs_less_for_the_same_accuracy() -> None:
    rows, truth = made(units=120, workers=20, classes=2, each=11, seed=3)
    labels = Labels.of(rows)
    fixed = [outcome(labels, truth, Overlap(k, k), range(3)) for k in (1, 3, 5, 7, 9, 11)]
    dynamic = outcome(labels, truth, Overlap(2, 11, 0.97), range(3))
    saved = saving(dynamic, fixed)
    assert saved is not None and saved > 0.1


def test_a_replay_is_the_same_twice_and_keeps_its_bounds() -> None:
    labels = Labels.of(made(seed=1)[0])
    places = bought(labels, Overlap(2, 4, 0.9), seed=5)
    assert places == bought(labels, Overlap(2, 4, 0.9), seed=5)
    per_unit = np.bincount(labels.unit[places])
    assert per_unit.min() >= 2 and per_unit.max() <= 4


@pytest.mark.parametrize("by_skill", [False, True])
def test_handing_out_by_worth_and_by_skill_keeps_its_bounds_and_asks_nobody_twice(by_skill: bool) -> None:
    labels = make(Crowd(units=40, workers=12, each=12, classes=2), 2).labels
    places = handed(labels, Overlap(2, 6, 0.95), 5, by_skill)
    assert places == handed(labels, Overlap(2, 6, 0.95), 5, by_skill) and len(set(places)) == len(places)
    per_unit = np.bincount(labels.unit[places])
    assert per_unit.min() >= 2 and per_unit.max() <= 6 and len(set(per_unit)) > 1


def test_a_saving_is_measured_between_the_fixed_overlaps() -> None:
    fixed = [Outcome(1, 0.7), Outcome(3, 0.8), Outcome(5, 0.9)]
    assert saving(Outcome(2, 0.85), fixed) == pytest.approx(0.5)
    assert saving(Outcome(2, 0.95), fixed) is None
