"""Gold, audits, peers, grants and attestations."""

import json
import subprocess

import numpy as np
import pytest
from eth_account import Account

from piecework.chain.build import ROOT
from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Key
from piecework.quality import audits, gold, intervals
from piecework.quality.attestation import Qualification, Registry, attest, read
from piecework.quality.discoveries import discoveries
from piecework.quality.gold import Policy, Sequential, Verdict
from piecework.quality.grants import Condition, Rule, grants
from piecework.quality.peers import assign

SEED = b"secret"
KEY = Key(b"\x05" * 32)
REGISTRY = Registry(1, "0xA1207F3BBa224E2c9c3c6D5aF63D0eb1582Ce587")
GRANTED = Qualification("0x" + "ab" * 20, "bird-watcher", 82, b"\x01" * 32, 1_800_000_000, 1_900_000_000)


def test_gold_comes_first_and_then_at_its_share() -> None:
    policy = Policy(share_bps=1_000, first=2)
    drawn = [gold.is_gold(policy, SEED, f"w{w}", n) for w in range(50) for n in range(2, 102)]
    assert all(gold.is_gold(policy, SEED, "w", n) for n in range(2))
    assert 0.08 < np.mean(drawn) < 0.12
    assert drawn[:200] != [gold.is_gold(policy, b"other", f"w{w}", n) for w in range(2) for n in range(2, 102)]


def test_gold_rotates_and_retires_and_nobody_sees_one_twice() -> None:
    policy, uses = Policy(most_uses=3), {f"g{n}": 0 for n in range(4)}
    for at in range(12):
        unit = gold.choose(policy, SEED, f"w{at}", uses, [])
        assert unit is not None and uses[unit] == min(uses.values())
        uses[unit] += 1
    assert gold.choose(policy, SEED, "w", uses, []) is None
    assert gold.choose(policy, SEED, "w", {"g": 0}, ["g"]) is None
    assert gold.choose(policy, SEED, "w", {"a": 1, "b": 1, "c": 0}, ["c"], {"b": 0.9}) == "b"


def test_five_gold_units_never_restrict_a_worker_who_misses_two() -> None:
    assert not gold.standing(3, 5).restrict
    assert not gold.standing(0, 1).restrict
    assert gold.standing(0, 8).restrict and gold.standing(20, 45).restrict
    assert gold.standing(40, 45).doubt < 0.01


def test_few_workers_of_eighty_percent_are_ever_restricted() -> None:
    rng = np.random.default_rng(0)
    good = [gold.standing(int(rng.binomial(20, 0.8)), 20).restrict for _ in range(1_000)]
    bad = [gold.standing(int(rng.binomial(20, 0.4)), 20).restrict for _ in range(1_000)]
    assert np.mean(good) < 0.02 and np.mean(bad) > 0.8


def test_a_good_start_is_nothing_to_rest_on() -> None:
    test = Sequential()
    good = [True] * 20
    assert test.verdict(good + [False] * 20) is Verdict.GOOD, "the first crossing counts"
    assert test.ever_bad(good + [False] * 20) and not test.ever_bad(good * 3) and not test.ever_bad([])


def test_the_sequential_test_keeps_its_errors() -> None:
    rng, test = np.random.default_rng(1), Sequential()
    good = [test.verdict((rng.random(300) < test.good).tolist()) for _ in range(2_000)]
    bad = [test.verdict((rng.random(300) < test.bad).tolist()) for _ in range(2_000)]
    assert good.count(Verdict.BAD) / 2_000 <= 0.012
    assert bad.count(Verdict.GOOD) / 2_000 <= 0.055
    assert test.verdict([True, False]) is Verdict.GO_ON


def test_a_unit_that_everybody_suddenly_knows_has_leaked() -> None:
    rng = np.random.default_rng(2)
    answers = {f"g{n}": (rng.random(60) < 0.7).tolist() for n in range(20)}
    answers["told"] = [bool(rng.random() < 0.4) for _ in range(30)] + [True] * 30
    assert [leak.unit for leak in gold.leaks(answers)] == ["told"]


def test_discoveries_are_benjamini_and_hochbergs() -> None:
    printed = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert discoveries(printed, 0.05) == [0, 1, 2, 3]
    assert discoveries([], 0.05) == discoveries([0.9], 0.05) == []


@pytest.mark.parametrize(
    ("method", "low", "high"),
    [(intervals.wilson, 0.5958, 0.9821), (intervals.clopper_pearson, 0.5550, 0.9975)],
)
def test_intervals_are_the_textbooks(method, low: float, high: float) -> None:  # type: ignore[no-untyped-def]
    assert method(9, 10) == pytest.approx((low, high), abs=1e-4)
    assert (method(0, 10)[0], method(10, 10)[1]) == pytest.approx((0, 1))
    with pytest.raises(Invalid):
        method(2, 1)


def test_an_audits_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = [a.low <= 0.93 <= a.high for a in (audits.audited(int(rng.binomial(80, 0.93)), 80) for _ in range(1_000))]
    assert np.mean(held) >= 0.95
    units = [f"u{n}" for n in range(100)]
    assert audits.sample(units, 10, 1) == audits.sample(units[::-1], 10, 1) != audits.sample(units, 10, 2)
    assert 120 < audits.size_for(0.05) < 160


def test_nobody_reviews_its_own_text_and_the_work_is_even() -> None:
    authors = {f"a{n}": f"w{n % 7}" for n in range(28)}
    found = assign(authors, [f"w{n}" for n in range(7)], 3, SEED)
    assert all(authors[answer] not in names and len(set(names)) == 3 for answer, names in found.items())
    load = [sum(name in names for names in found.values()) for name in (f"w{n}" for n in range(7))]
    assert max(load) - min(load) <= 4
    with pytest.raises(Invalid, match="need 4 workers"):
        assign({"a": "x"}, ["x", "y", "z"], 3, SEED)


def test_rules_grant_revoke_and_say_why() -> None:
    good = Rule("gold", (Condition("gold_share", "≥", 0.8), Condition("gold_asked", "≥", 10)), "expert", 80, days=30)
    bad = Rule("doubt", (Condition("doubt", ">", 0.95),), "expert", revoke=True)
    facts = {"gold_share": 0.9, "gold_asked": 12, "doubt": 0.1}
    (grant,) = grants(facts, [good, bad], now=100)
    assert (grant.value, grant.expires_at) == (80, 100 + 30 * 86_400)
    assert grant.why == "gold: gold_share is 0.9 (≥ 0.8) and gold_asked is 12 (≥ 10)"
    assert [one.value for one in grants(facts | {"doubt": 0.99}, [good, bad], 0)] == [None]
    assert grants({"gold_share": 1.0}, [good], 0) == []
    with pytest.raises(Invalid, match="would hold for everybody"):
        Rule("none", (), "expert")


def test_the_eas_sdk_believes_our_attestations_and_none_that_was_changed() -> None:
    def believed(attested: dict) -> bool:  # type: ignore[type-arg]
        asked = json.dumps({"attester": Account.from_key(KEY.secret).address, "attested": attested["sig"], "domain": attested["sig"]["domain"]})
        done = subprocess.run(["node", "tests/quality/eas.mjs"], cwd=ROOT, input=asked, capture_output=True, text=True, check=True)
        return bool(json.loads(done.stdout))

    attested = attest(KEY, REGISTRY, GRANTED, b"\x02" * 32)
    assert believed(attested)
    attested["sig"]["message"]["expirationTime"] = "0"
    assert not believed(attested)


def test_an_attestation_is_read_back_and_what_is_wrong_with_one_is_said() -> None:
    attested = json.loads(json.dumps(attest(KEY, REGISTRY, GRANTED, b"\x02" * 32)))
    trusted = frozenset({KEY.address})
    assert read(attested, REGISTRY, trusted, now=1_850_000_000) == GRANTED
    for wrong, sentence in [
        (lambda: read(attested, REGISTRY, trusted, now=1_900_000_000), "expired"),
        (lambda: read(attested, REGISTRY, frozenset(), now=0), "isn't trusted"),
        (lambda: read(attested, Registry(5, REGISTRY.address), trusted, now=0), "another chain"),
        (lambda: read({"sig": {}, "signer": KEY.address}, REGISTRY, trusted, now=0), "no attestation"),
    ]:
        with pytest.raises(Invalid, match=sentence):
            wrong()
    attested["sig"]["message"]["recipient"] = "0x" + "cd" * 20
    with pytest.raises(Invalid, match="isn't signed"):
        read(attested, REGISTRY, trusted, now=0)
