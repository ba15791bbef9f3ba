"""What `make mutate` makes of a fault. The faults in the contracts themselves take hours: `make mutate` plants them."""

import shutil
from pathlib import Path

import pytest

from piecework.chain.build import ROOT, SOURCES
from scripts.mutation import run
from scripts.mutation.mutant import FILES, Mutant, generic
from scripts.mutation.planted import planted

SUM = """// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

contract Sum {
    function add(uint256 a, uint256 b) public pure returns (uint256) {
        return a + b;
    }
}
"""
TEST = """// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Sum} from "../src/Sum.sol";

contract SumTest is Sum {
    function testFuzz_zero_adds_nothing(uint64 a) public pure {
        assert(add(a, 0) == a);
    }

    function testFuzz_order_does_not_matter(uint64 a, uint64 b) public pure {
        assert(add(a, b) == add(b, a));
    }
}
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contract of one line with its tests, built by the same compiler and settings."""
    root = tmp_path_factory.mktemp("whole") / "whole"
    for name, text in (("src/Sum.sol", SUM), ("test/Sum.t.sol", TEST)):
        path = root / "contracts" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    settings = (ROOT / "foundry.toml").read_text()
    (root / "foundry.toml").write_text(settings.partition("additional_compiler_profiles")[0])
    shutil.copy(ROOT / "contracts" / "solc.cjs", root / "contracts")
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    assert run._forge(root, "build").returncode == 0
    return root


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ("a - b", ("SumTest.testFuzz_order_does_not_matter", True)),
        ("a + b + 1", ("SumTest.testFuzz_zero_adds_nothing", True)),
        ("b + a", ("", True)),
        ("a + c", ("", False)),
    ],
)
def test_a_fault_is_noticed_by_a_test_or_nobody_or_is_no_solidity(whole: Path, new: str, verdict: tuple[str, bool]) -> None:
    mutant = Mutant("a fault", "Sum.sol", "a + b", new)
    tried = run._try(whole, whole.parent / "copy", mutant)
    assert (tried.killer, tried.built) == verdict


def test_nothing_of_one_fault_is_left_for_the_next(whole: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file() and "node_modules" not in path.parts}
    copy = whole.parent / "copy"
    assert run._try(whole, copy, Mutant("a fault", "Sum.sol", "a + b", "a - b")).killer
    assert not copy.exists()
    assert {path: path.read_bytes() for path in before} == before
    assert not (whole / "contracts" / "forge-cache" / "fuzz").exists()


@pytest.mark.parametrize(("new", "sentence"), [("a + c", "don't build"), ("a - b", "'SumTest.testFuzz_order_does_not_matter' fails")])
def test_what_fails_without_a_fault_is_said_before_any_is_planted(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: str, sentence: str
) -> None:
    def broken(into: Path) -> Path:
        shutil.copytree(whole, into, symlinks=True)
        source = into / "contracts" / "src" / "Sum.sol"
        source.write_text(source.read_text().replace("a + b", new))
        return into

    monkeypatch.setattr(run, "_copy", broken)
    with pytest.raises(run.WholeFails, match=sentence):
        list(run.judge([], tmp_path, 1))


def test_a_life_that_was_cut_short_is_not_named_before_what_cut_it_short() -> None:
    failure, success = {"status": "Failure"}, {"status": "Success"}
    suites = {
        "contracts/test/Invariants.t.sol:InvariantTest": {"test_results": {"invariant_all()": failure}},
        "contracts/test/Post.t.sol:PostTest": {"test_results": {"test_b()": failure, "test_a()": success}},
    }
    assert run._failed(suites) == "PostTest.test_b"


@pytest.mark.parametrize("flaw", planted(), ids=lambda flaw: flaw.name)
def test_a_planted_flaw_has_its_place_in_the_source(flaw: Mutant) -> None:
    text = (SOURCES / flaw.file).read_text()
    assert flaw.apply(text) != text


def test_the_generic_faults_are_in_every_file_and_each_changes_it() -> None:
    every = generic(SOURCES, 10_000, seed=1)
    assert len(every) > 700
    assert {mutant.file for mutant in every} == set(FILES) - {"libraries/TypedData.sol"}  # the vectors hold its every line
    for mutant in every:
        text = (SOURCES / mutant.file).read_text()
        assert mutant.apply(text) != text, mutant.name


def test_a_sample_is_drawn_by_its_seed() -> None:
    assert generic(SOURCES, 5, seed=1) == generic(SOURCES, 5, seed=1) != generic(SOURCES, 5, seed=2)
