"""What lets one contract run another's code on its own state: one layout, and no function with two meanings."""

import json
import subprocess
from typing import Any

import pytest

from piecework.chain.build import BUILD, ROOT, compile_contracts

HALVES = ("Piecework", "Recourse")
SHARED = {"MAX_OPENED()", "MAX_SLOTS()", "MAX_WORKERS()", "eip712Domain()", "feeBps()", "treasury()"}
"""What both halves have from `Books`, with one meaning."""
TAKE_COINS = {"deposit", "post", "fund", "defend"}


@pytest.fixture(scope="module")
def halves() -> dict[str, dict[str, Any]]:
    """Both halves as the compiler sees them: storage layout, ABI and function selectors, without the slow code."""
    compile_contracts()
    standard_input = json.loads((BUILD / "input.json").read_text())
    wanted = ["storageLayout", "abi", "evm.methodIdentifiers"]
    standard_input["settings"]["outputSelection"] = {f"contracts/src/{name}.sol": {name: wanted} for name in HALVES}
    done = subprocess.run(
        [ROOT / "contracts" / "solc.cjs", "--standard-json", "--base-path", ROOT],
        input=json.dumps(standard_input),
        capture_output=True,
        text=True,
        check=True,
    )
    compiled = json.loads(done.stdout)["contracts"]
    return {name: compiled[f"contracts/src/{name}.sol"][name] for name in HALVES}


def test_both_halves_have_one_storage_layout(halves: dict[str, dict[str, Any]]) -> None:
    piecework, recourse = (_slots(halves[name]["storageLayout"]) for name in HALVES)
    assert len(piecework) >= 10
    assert piecework == recourse


def test_a_function_that_both_halves_have_is_one_that_they_share(halves: dict[str, dict[str, Any]]) -> None:
    piecework, recourse = (halves[name]["evm"]["methodIdentifiers"] for name in HALVES)
    assert piecework.keys() & recourse.keys() == SHARED
    by_selector = {selector: signature for signature, selector in piecework.items()}
    clashes = {
        selector: (by_selector[selector], signature)
        for signature, selector in recourse.items()
        if by_selector.get(selector, signature) != signature
    }
    assert not clashes
    shared = {signature.partition("(")[0] for signature in SHARED}
    assert _functions(halves["Piecework"], shared) == _functions(halves["Recourse"], shared)


def test_coins_go_with_four_functions_and_no_others(halves: dict[str, dict[str, Any]]) -> None:
    payable = {
        entry["name"]
        for half in halves.values()
        for entry in half["abi"]
        if entry["type"] == "function" and entry["stateMutability"] == "payable"
    }
    assert payable == TAKE_COINS


def _slots(layout: dict[str, Any]) -> list[tuple[str, ...]]:
    """Each variable's name, place and type, written out: the compiler's names of types hold numbers of a tree."""
    types = layout["types"]
    return [
        (entry["label"], entry["slot"], str(entry["offset"]), *_type(entry["type"], types))
        for entry in layout["storage"]
    ]


def _type(name: str, types: dict[str, Any]) -> tuple[str, ...]:
    """A type's label, encoding and size, and those of what it holds."""
    kind = types[name]
    parts = [kind["label"], kind["encoding"], kind["numberOfBytes"]]
    for inner in ("key", "value", "base"):
        if inner in kind:
            parts += _type(kind[inner], types)
    for member in kind.get("members", []):
        parts += [member["label"], member["slot"], str(member["offset"]), *_type(member["type"], types)]
    return tuple(parts)


def _functions(half: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {entry["name"]: entry for entry in half["abi"] if entry["type"] == "function" and entry["name"] in names}
