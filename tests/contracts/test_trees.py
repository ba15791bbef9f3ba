"""Nothing of the contracts is without its tests: a branch tree for each function that changes anything, and a test for each attack that
a review found and each failure of another system."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from piecework.chain.build import ROOT, contract

TESTS = ROOT / "contracts" / "test"
PEERS = {"human_protocol": 4, "standard_bounties": 2, "morpho_urd": 1, "1inch": 1, "sapien": 1, "execution_market": 1, "kleros_escrow": 1}
"""How many failures of each system are known."""
HEADING = re.compile(r"^// (?![│├└(])(.+)\n// [├└]", re.MULTILINE)


def headings(name: str) -> Iterator[str]:
    """What stands above each tree about a contract: functions, and which side of them."""
    own = {"CoordinatorBond": "Bond", "CouncilArbitrator": "Council"}
    for path in sorted(TESTS.glob("*.t.sol")):
        about = next((contract for contract, prefix in own.items() if path.name.startswith(prefix)), "escrow")
        if about == (name if name in own else "escrow"):
            yield from HEADING.findall(path.read_text())


@pytest.mark.parametrize("name", ["Piecework", "Recourse", "CoordinatorBond", "CouncilArbitrator"])
def test_each_function_that_changes_anything_has_its_branch_tree(name: str) -> None:
    functions = [entry for entry in contract(name).abi if entry["type"] == "function"]
    changing = {entry["name"] for entry in functions if entry["stateMutability"] in ("nonpayable", "payable")}
    assert len(changing) > 3
    above = " ".join(headings(name))
    assert {function for function in changing if not re.search(rf"\b{function}\b", above)} == set()


def test_each_of_the_forty_findings_has_a_test_named_after_it() -> None:
    found = re.findall(r"function test_finding_(\d\d)_", "".join(path.read_text() for path in TESTS.glob("Findings*.t.sol")))
    assert set(found) == {f"{number:02}" for number in range(1, 41)}


def test_each_failure_of_another_system_has_a_test_named_after_it() -> None:
    found = re.findall(rf"function test_peer_({'|'.join(PEERS)})_", (TESTS / "Peers.t.sol").read_text())
    assert Counter(found) == PEERS
