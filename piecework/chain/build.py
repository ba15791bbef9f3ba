"""Compiles the contracts and reads what came out.

One standard-JSON input serves every tool: the settings are those of foundry.toml. A solc on PATH is used before npm's WebAssembly
one, so that machines without a prebuilt package work too.
"""

import hashlib
import json
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import solcx
from solcx.exceptions import SolcError

from piecework.domain.errors import Invalid, NotFound

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "contracts" / "src"
BUILD = ROOT / "contracts" / "build"
CONTRACTS = ("Piecework", "DevnetDollar")
MINIMUM_SOLC = (0, 8, 28)


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled contract: its ABI as JSON values and its creation code."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str


def compile_contracts(force: bool = False) -> bool:
    """Compiles what the builds are older than.

    Returns:
        Whether anything was compiled.

    Raises:
        Invalid: the sources don't compile, or the compiler isn't there.
    """
    standard_input = _standard_input()
    fingerprint = hashlib.sha256(json.dumps(standard_input, sort_keys=True).encode()).hexdigest()
    stamp = BUILD / "fingerprint"
    built = stamp.exists() and stamp.read_text() == fingerprint
    if built and not force and all((BUILD / f"{name}.json").exists() for name in CONTRACTS):
        return False
    output = _compile(standard_input)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "input.json").write_text(json.dumps(standard_input))
    for source, contracts in output["contracts"].items():
        for name, compiled in contracts.items():
            if name in CONTRACTS:
                _write(name, source, compiled)
    stamp.write_text(fingerprint)
    return True


@cache
def contract(name: str) -> Contract:
    """A compiled contract.

    Raises:
        NotFound: it hasn't been compiled.
    """
    path = BUILD / f"{name}.json"
    if not path.exists():
        raise NotFound(f"The contract {name} isn't compiled; run 'make setup'.")
    build = json.loads(path.read_text())
    return Contract(name, build["abi"], build["bytecode"])


def _standard_input() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    return {
        "language": "Solidity",
        "sources": {str(path.relative_to(ROOT)): {"content": path.read_text()} for path in sorted(SOURCES.rglob("*.sol"))},
        "settings": {
            "evmVersion": settings["evm_version"],
            "viaIR": settings["via_ir"],
            "optimizer": {"enabled": settings["optimizer"], "runs": settings["optimizer_runs"]},
            "remappings": settings["remappings"],
            "outputSelection": {"*": {"*": ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }


def _compile(standard_input: dict[str, Any]) -> dict[str, Any]:
    try:
        return solcx.compile_standard(
            standard_input, solc_binary=_solc(), base_path=str(ROOT), allow_paths=[str(ROOT)]
        )
    except SolcError as error:
        raise Invalid(f"The contracts don't compile:\n{error.stderr_data or error.message}") from None


def _solc() -> Path:
    """A native solc that is new enough, else npm's behind its shim."""
    native = shutil.which("solc")
    if native and _version(native) >= MINIMUM_SOLC:
        return Path(native)
    if not (ROOT / "node_modules" / "solc").exists():
        raise Invalid("There is no Solidity compiler; run 'make setup', which installs one from npm.")
    return ROOT / "contracts" / "solc.cjs"


def _version(solc: str) -> tuple[int, ...]:
    text = subprocess.run([solc, "--version"], capture_output=True, text=True, check=False).stdout
    number = text.partition("Version: ")[2].partition("+")[0]
    return tuple(int(part) for part in number.split(".")) if number else (0,)


def _write(name: str, source: str, compiled: dict[str, Any]) -> None:
    build = {
        "contractName": name,
        "sourceName": source,
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + compiled["evm"]["deployedBytecode"]["object"],
        "metadata": compiled["metadata"],
    }
    (BUILD / f"{name}.json").write_text(json.dumps(build, indent=1))
