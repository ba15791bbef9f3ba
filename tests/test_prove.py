"""What `make prove` makes of what its tools say. The proofs themselves take minutes: `make prove` runs them."""

import re
import tomllib
from collections import Counter

import pytest

from piecework.chain.build import ROOT
from scripts.prove import HALMOS, SLITHER, differences, read_known, settings, where

KNOWN = {("timestamp", "Recourse.open"): 1, ("assembly", "Push.trySend"): 2}


def test_what_was_looked_at_is_no_fault() -> None:
    assert differences(Counter(KNOWN), KNOWN) == []


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (KNOWN | {("arbitrary-send-eth", "Push.trySend"): 1}, "arbitrary-send-eth in Push.trySend: found 1 times, looked at 0 times"),
        (KNOWN | {("timestamp", "Recourse.open"): 2}, "timestamp in Recourse.open: found 2 times, looked at 1 times"),
        ({("timestamp", "Recourse.open"): 1}, "assembly in Push.trySend: found 0 times, looked at 2 times"),
    ],
)
def test_a_new_finding_one_more_and_one_that_went_away_are_named(found: dict[tuple[str, str], int], sentence: str) -> None:
    assert differences(Counter(found), KNOWN) == [sentence]


def test_a_finding_is_known_by_its_function_wherever_its_lines_are() -> None:
    contract = {"type": "contract", "name": "Books", "type_specific_fields": {}}
    function = {"type": "function", "name": "pay", "type_specific_fields": {"parent": contract}}
    assert where(function) == "Books.pay"
    assert where({"type": "node", "name": "x = 1", "type_specific_fields": {"parent": function}}) == "Books.pay"
    assert where({"type": "variable", "name": "treasury", "type_specific_fields": {"parent": contract}}) == "Books"


def test_each_tool_has_settings_of_its_own_that_forge_can_read() -> None:
    """Both come out of foundry.toml, whatever is added to it."""
    halmos, slither = (tomllib.loads(settings(changes))["profile"]["default"] for changes in (HALMOS, SLITHER))
    assert halmos["compilation_restrictions"] == [{"paths": "contracts/prove/*.sol", "via_ir": False}]
    assert {"name": "tests", "via_ir": False, "optimizer": False} in halmos["additional_compiler_profiles"]
    assert (halmos["src"], halmos["test"], halmos["ast"]) == ("contracts", "contracts/prove", True)
    assert not {"additional_compiler_profiles", "compilation_restrictions"} & slither.keys()
    shipped = ("via_ir", "evm_version", "optimizer", "optimizer_runs")
    whole = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    for changed in (halmos, slither):
        assert {name: changed[name] for name in shipped} == {name: whole[name] for name in shipped}


def test_every_detector_has_a_reason() -> None:
    assert all(len(entry["reason"]) > 20 and entry["where"] for entry in read_known().values())


def test_every_proof_stands_in_the_document() -> None:
    proofs = {name for path in (ROOT / "contracts" / "prove").glob("*.t.sol") for name in re.findall(r"function (check_\w+)", path.read_text())}
    assert proofs and proofs == set(re.findall(r"`(check_\w+)`", (ROOT / "docs" / "proofs.md").read_text()))
