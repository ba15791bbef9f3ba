"""Compiles the contracts and reads what came out.

One standard-JSON input serves every tool: the settings are those of foundry.toml. A native solc on PATH is used before npm's
WebAssembly one only where it is the same version, because another compiler makes other code, and other code has other addresses.
"""

import hashlib
import json
import posixpath
import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from piecework.domain.errors import Invalid, NotFound
from piecework.domain.keccak import keccak256

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "contracts" / "src"
BUILD = ROOT / "contracts" / "build"
CONTRACTS = ("Piecework", "Recourse", "CoordinatorBond", "CouncilArbitrator", "DevnetDollar")

IMPORT = re.compile(r'^import\s[^"\';]*["\']([^"\']+)["\'];', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled contract: its ABI as JSON values, its creation code, and the compiler's own account of both."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """What compiled contracts were made of.

    Attributes:
        commit: the repository's, None outside of one.
        dirty: whether files differed from that commit (deployment files aside).
    """

    commit: str | None
    dirty: bool
    compiler: str
    evm_version: str
    via_ir: bool
    optimizer_runs: int


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
    return Contract(name, build["abi"], build["bytecode"], json.loads(build["metadata"]))


def origin() -> Origin:
    """Where the builds come from; they must not be older than the sources."""
    metadata = contract("Piecework").metadata
    settings = metadata["settings"]
    changed = _git("status", "--porcelain", "--", ".", ":!contracts/deployments")
    return Origin(
        commit=_git("rev-parse", "HEAD"),
        dirty=changed != "",
        compiler=metadata["compiler"]["version"],
        evm_version=settings["evmVersion"],
        via_ir=settings["viaIR"],
        optimizer_runs=settings["optimizer"]["runs"],
    )


def verification_input(name: str) -> dict[str, Any]:
    """The standard-JSON input that makes one contract, with which explorers verify it.

    It has all the sources, those that the contract doesn't need too: the order of what the compiler writes depends on them.

    Raises:
        Invalid: a source is not the one that the contract was compiled from.
    """
    metadata = contract(name).metadata
    whole = _standard_input()
    for path, known in metadata["sources"].items():
        _require_unchanged(path, whole["sources"][path]["content"], known["keccak256"])
    (source,) = metadata["settings"]["compilationTarget"]
    wanted = {source: {name: ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"]}}
    return whole | {"settings": whole["settings"] | {"outputSelection": wanted}}


def _require_unchanged(path: str, content: str, digest: str) -> None:
    if "0x" + keccak256(content.encode()).hex() != digest:
        raise Invalid(f"{path} is not what the contracts were compiled from; run 'python -m scripts.compile --force'.")


def _git(*arguments: str) -> str | None:
    """What git prints about this repository; None where there is no git or no repository."""
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run([program, "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _standard_input() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    return {
        "language": "Solidity",
        "sources": _sources(settings["remappings"]),
        "settings": {
            "evmVersion": settings["evm_version"],
            "viaIR": settings["via_ir"],
            "optimizer": {"enabled": settings["optimizer"], "runs": settings["optimizer_runs"]},
            "remappings": settings["remappings"],
            "outputSelection": {"*": {"*": ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }


def _sources(remappings: Sequence[str]) -> dict[str, dict[str, str]]:
    """Every source by its path: the contracts, and what they import, so that the input makes the same code anywhere."""
    waiting = [str(path.relative_to(ROOT)) for path in SOURCES.rglob("*.sol")]
    found: dict[str, dict[str, str]] = {}
    while waiting:
        path = waiting.pop()
        if path in found or not (ROOT / path).exists():
            continue  # what isn't there the compiler names
        content = (ROOT / path).read_text()
        found[path] = {"content": content}
        for target in IMPORT.findall(content):
            waiting.append(_resolved(path, target, remappings))
    return dict(sorted(found.items()))


def _resolved(importer: str, target: str, remappings: Sequence[str]) -> str:
    if target.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))
    for prefix, _, instead in (remapping.partition("=") for remapping in remappings):
        if target.startswith(prefix):
            return instead + target.removeprefix(prefix)
    return target


def _compile(standard_input: dict[str, Any]) -> dict[str, Any]:
    # It takes a tenth of a second to import, for everybody who only reads what was compiled.
    import solcx
    from solcx.exceptions import SolcError

    try:
        return solcx.compile_standard(
            standard_input, solc_binary=_solc(), base_path=str(ROOT), allow_paths=[str(ROOT)]
        )
    except SolcError as error:
        raise Invalid(f"The contracts don't compile:\n{error.stderr_data or error.message}") from None


def _solc() -> Path:
    """A native solc of the version that npm has, else npm's behind its shim."""
    home = ROOT / "node_modules" / "solc"
    if not home.exists():
        raise Invalid("There is no Solidity compiler; run 'make setup', which installs one from npm.")
    native = shutil.which("solc")
    if native and _version(native) == json.loads((home / "package.json").read_text())["version"]:
        return Path(native)
    return ROOT / "contracts" / "solc.cjs"


def _version(solc: str) -> str:
    text = subprocess.run([solc, "--version"], capture_output=True, text=True, check=False).stdout
    return text.partition("Version: ")[2].partition("+")[0]


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


def compile_file(path: Path, name: str) -> Contract:
    """One contract outside `contracts/src`, compiled with the same settings; for benches.

    Raises:
        Invalid: it doesn't compile.
    """
    source = str(path.relative_to(ROOT))
    output = _compile(_standard_input() | {"sources": {source: {"content": path.read_text()}}})
    compiled = output["contracts"][source][name]
    return Contract(name, compiled["abi"], "0x" + compiled["evm"]["bytecode"]["object"], json.loads(compiled["metadata"]))
