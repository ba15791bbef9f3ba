"""Detectors: whom they find, how often they wrong an honest worker, and that no signal touches pay."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from piecework.quality import canary, collusion, duplicates, excess, interaction
from piecework.quality.consensus import consensus
from piecework.quality.crowds import Crowd, make
from piecework.quality.interaction import Features
from piecework.quality.mistakes import _thinned
from piecework.quality.suspicion import FAMILIES, Advice, Review, Signal, recommend, reviewed
from scripts.quality_figures import curves, honest_texts


def test_the_law_of_common_mistakes_is_that_of_every_permutation() -> None:
    size, bad, mine = 7, 3, 4
    ways = [sum(at < bad for at in chosen) for chosen in itertools.combinations(range(size), mine)]
    counted = np.bincount(ways, minlength=4) / len(ways)
    assert _thinned(size, bad, mine, 1 - 1e-13) == pytest.approx(counted, abs=1e-9)
    assert _thinned(size, bad, mine, 0.3).sum() == pytest.approx(1)


def test_model_users_and_colluders_are_found_and_honest_workers_rarely_flagged() -> None:
    found = curves(seeds=range(2), shares=(0.0, 0.2))
    for name, least in (("excess, by gold", 0.9), ("excess, by consensus", 0.9), ("collusion", 0.7)):
        honest, mixed = found[name]
        assert mixed["power"] >= least, name
        assert max(honest["false_positives"], mixed["false_positives"]) <= 0.03, name


def test_probabilities_of_honest_workers_are_not_too_small() -> None:
    """A test whose p is under 0.05 more often than 5 % of the time would wrong people, whatever comes after it."""
    p = []
    for seed in range(6):
        made = make(Crowd(units=300, each=16), seed)
        p += [common.p for common in excess.compared(made.labels, made.truth, made.model).values()]
        p += [common.p for common in collusion.compared(made.labels, made.truth).values()]
    assert len(p) > 1_000
    assert np.mean(np.asarray(p) < 0.05) < 0.06


def test_a_good_model_flags_nobody_for_agreeing_with_it() -> None:
    made = make(Crowd(model_accuracy=0.99, skill=(0.9, 0.99)), 3)
    assert excess.signals(excess.compared(made.labels, consensus(made.labels).by_unit(), made.model)) == []


def test_copied_texts_are_found_whatever_their_capitals_and_short_ones_are_not() -> None:
    one = "a small brown bird sits on the branch of an old tree near water"
    texts = {("a", "1"): one, ("b", "1"): one.upper() + "!", ("c", "1"): "a grey heron stands in shallow water between the reeds alone",
             ("a", "2"): one, ("d", "3"): "no bird here", ("e", "3"): "No bird here."}
    found = duplicates.alike(texts)
    assert [(pair.one, pair.other, pair.likeness) for pair in found] == [("a", "b", 1.0)]
    assert {one.worker for one in duplicates.signals(found)} == {"a", "b"}


def test_a_canary_word_is_a_units_own() -> None:
    answer = f"A bird, {canary.word(b's', 'u1').upper()}."
    assert canary.signal(b"s", "w", "u1", answer) is not None
    assert canary.signal(b"s", "w", "u2", answer) is None
    assert canary.signal(b"other", "w", "u1", answer) is None
    assert canary.word(b"s", "u1") in canary.instruction(b"s", "u1")


def test_who_shares_no_behaviour_is_never_spoken_of() -> None:
    rng = np.random.default_rng(0)
    crowd = {f"w{n}": [Features(float(np.exp(rng.normal(3.5, 0.3)))) for _ in range(6)] for n in range(20)}
    fast, pasting = [Features(1.0)] * 6, [Features(40, 200, 0.99, 2)] * 6
    found = {one.worker for one in interaction.signals({**crowd, "fast": fast, "pasting": pasting, "silent": None, "few": fast[:2]})}
    assert found == {"fast", "pasting"}
    even = [Features(40, 200, 0.0, 0, 0.05)] * 6
    assert {one.worker for one in interaction.signals({"even": even})} == {"even"}


def test_false_positives_are_no_more_than_what_is_printed_beside_them() -> None:
    measured = honest_texts(workers=400)
    modules = {"duplicate": duplicates, "interaction": interaction, "canary": canary}
    assert all(measured[name] <= module.FALSE_POSITIVE_RATE + 0.005 for name, module in modules.items())


def signal(detector: str) -> Signal:
    return Signal("w", detector, "a reason", 0.01)


@pytest.mark.parametrize("review", Review)
@pytest.mark.parametrize("detectors", [n for k in range(4) for n in itertools.combinations(FAMILIES, k)])
def test_no_signals_withhold_pay_and_only_two_families_and_a_person_recommend(detectors: tuple[str, ...], review: Review) -> None:
    said = recommend("w", [signal(name) for name in detectors], review)
    assert said.withholds_pay is False
    independent = len({FAMILIES[name] for name in detectors}) >= 2
    assert (said.advice is Advice.CONTEST) == (independent and review is Review.CONFIRMED)
    assert all("flags 1.0 % of honest workers" in line for line in said.evidence)


def test_anothers_signals_say_nothing_of_a_worker() -> None:
    assert recommend("v", [signal("excess"), signal("canary")], Review.CONFIRMED).advice is Advice.NOTHING


@pytest.mark.parametrize(
    ("now", "review", "seen", "advice"),
    [
        (("excess", "canary"), Review.CONFIRMED, {"excess", "canary"}, Advice.CONTEST),
        (("excess", "canary", "duplicate"), Review.CONFIRMED, {"excess", "canary"}, Advice.CONTEST),
        (("excess", "duplicate"), Review.CONFIRMED, {"excess", "canary"}, Advice.LOOK),
        (("excess",), Review.CONFIRMED, {"excess", "canary"}, Advice.LOOK),
        (("excess", "canary"), Review.CLEARED, {"excess", "canary"}, Advice.NOTHING),
        (("excess", "canary"), Review.CLEARED, {"excess"}, Advice.LOOK),
        (("canary",), Review.CONFIRMED, {"excess"}, Advice.LOOK),
        ((), Review.CONFIRMED, {"excess"}, Advice.NOTHING),
    ],
)
def test_a_review_stands_for_the_detectors_that_it_saw_whatever_their_numbers(now: tuple[str, ...], review: Review, seen: set[str], advice: Advice) -> None:
    assert reviewed("w", [signal(name) for name in now], review, seen).advice is advice


PASTED = """
import resource
from piecework.quality import duplicates
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
text = "there is no bird to be seen in this picture at all"
texts = {("pasting", str(unit)): text for unit in range(10_000)} | {(f"copying {at}", "1"): text for at in range(200)}
found = duplicates.alike(texts)
print(len({one.worker for one in duplicates.signals(found)}), {pair.likeness for pair in found}, len(found) < 2_000)
"""


def test_a_text_that_was_pasted_ten_thousand_times_is_found_in_a_gigabyte() -> None:
    run = subprocess.run([sys.executable, "-c", PASTED], capture_output=True, text=True, timeout=120)
    assert run.stdout == "201 {1.0} True\n", run.stderr
