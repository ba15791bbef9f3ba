"""The contracts' own tests (contracts/test) and gas figures, so that pytest is the one door to everything."""

import platform
import re
import shutil
import subprocess

import pytest

from piecework.chain.build import BUILD, CONTRACTS, ROOT, contract

EIP_170_BYTES = 24_576
"""The most code that a chain takes for one contract."""


def forge(*arguments: str) -> str:
    """What forge prints; fails with it where forge does."""
    local = ROOT / "node_modules" / ".bin" / "forge"
    program = str(local) if local.exists() else shutil.which("forge")
    if program is None and (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("npm has no forge for this machine; put one on PATH to run the contracts' own tests")
    assert program, "there is no forge: run 'make setup'"
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"forge {' '.join(arguments)}:\n{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.timeout(900)
def test_every_test_of_the_contracts_passes() -> None:
    printed = forge("test")
    assert "0 failed, 0 skipped" in printed
    sources = "".join(path.read_text() for path in (ROOT / "contracts" / "test").rglob("*.t.sol"))
    names = re.findall(r"^contract (\w+Test) ", sources, re.MULTILINE)
    assert len(names) > 40
    for name in names:
        assert f":{name}\n" in printed, f"the tests of {name} didn't run"


@pytest.mark.timeout(900)
def test_settling_costs_what_the_snapshot_says() -> None:
    forge("build")
    forge("snapshot", "--match-contract", "GasTest", "--check")


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_tests_compile_a_contract_in_one_way_only(name: str) -> None:
    """A test that imports its source would have it compiled the tests' way too, and which of the two a test deploys is chance."""
    sources = [path.read_text() for path in (ROOT / "contracts" / "test").rglob("*.sol")]
    assert not [text for text in sources if re.search(rf"import .*src/[^\"]*\b{name}\.sol", text)]


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_fits_a_chain_and_uses_nothing_that_ganache_lacks(name: str) -> None:
    built = contract(name)
    assert 0 < len(built.bytecode) // 2 - 1 < 2 * EIP_170_BYTES  # EIP-3860's bound on what creates it
    assert '"evmVersion":"shanghai"' in (BUILD / f"{name}.json").read_text().replace("\\", "").replace(" ", "")
