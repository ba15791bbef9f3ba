"""What explorers are given makes, compiled anew, exactly what is on the chain."""

import json
import subprocess
from typing import Any

import pytest

from piecework.chain.abi import Abi
from piecework.chain.build import (
    BUILD,
    CONTRACTS,
    ROOT,
    contract,
    origin,
    verification_input,
)
from piecework.domain.errors import Invalid
from tests.conftest import Chain


def compiled(standard_input: dict[str, Any], name: str) -> dict[str, Any]:
    """A contract, from nothing but its input: no folder to read from."""
    done = subprocess.run(
        [ROOT / "contracts" / "solc.cjs", "--standard-json"],
        input=json.dumps(standard_input), capture_output=True, text=True, check=True,
    )  # fmt: skip
    output = json.loads(done.stdout)
    assert not [error for error in output.get("errors", ()) if error["severity"] == "error"]
    found = [contracts[name] for contracts in output["contracts"].values() if name in contracts]
    assert len(found) == 1
    result: dict[str, Any] = found[0]
    return result


def arguments_of(chain: Chain, name: str) -> str:
    """The constructor's arguments of the tests' own deployment, hex."""
    deployer = chain.deployer.address
    given: dict[str, tuple[object, ...]] = {
        "Piecework": (deployer,),
        "CoordinatorBond": (chain.deployment.escrow,),
        "CouncilArbitrator": ((deployer,), 10**16),
        "DevnetDollar": (),
    }
    return Abi(contract(name).abi).encode_arguments(*given[name])


def without_immutables(code: str, references: dict[str, list[dict[str, int]]]) -> str:
    """Runtime code with 0 wherever the constructor wrote an immutable value."""
    raw = bytearray.fromhex(code.removeprefix("0x"))
    for places in references.values():
        for place in places:
            raw[place["start"] : place["start"] + place["length"]] = bytes(place["length"])
    return raw.hex()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CONTRACTS)
def test_an_input_compiled_anew_is_what_is_on_the_chain(shared_chain: Chain, name: str) -> None:
    standard_input = verification_input(name)
    standard_input["settings"]["outputSelection"] = {"*": {name: ["metadata", "evm.bytecode", "evm.deployedBytecode"]}}
    made = compiled(standard_input, name)
    assert set(json.loads(made["metadata"])["sources"]) <= set(standard_input["sources"])

    runtime = made["evm"]["deployedBytecode"]
    there = shared_chain.rpc.call("eth_getCode", shared_chain.deployment.contracts[name], "latest")
    assert without_immutables(there, runtime["immutableReferences"]) == runtime["object"]
    if name in shared_chain.deployment.transactions:
        sent = shared_chain.rpc.call("eth_getTransactionByHash", shared_chain.deployment.transactions[name])["input"]
        assert sent[2 + 64 :] == made["evm"]["bytecode"]["object"] + arguments_of(shared_chain, name)


def test_a_source_that_was_changed_since_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = contract("CouncilArbitrator").metadata
    source = "contracts/src/CouncilArbitrator.sol"
    monkeypatch.setitem(metadata["sources"][source], "keccak256", "0x" + "00" * 32)
    with pytest.raises(Invalid, match=f"{source} is not what the contracts were compiled from"):
        verification_input("CouncilArbitrator")


def test_the_settings_that_are_recorded_are_those_of_the_build() -> None:
    wanted = json.loads((BUILD / "input.json").read_text())["settings"]
    made = origin()
    assert (made.evm_version, made.via_ir, made.optimizer_runs) == (
        wanted["evmVersion"], wanted["viaIR"], wanted["optimizer"]["runs"],
    )  # fmt: skip
    solc = json.loads((ROOT / "node_modules" / "solc" / "package.json").read_text())["version"]
    assert made.compiler.startswith(f"{solc}+commit.")
