"""Makes ape's own environment: python scripts/setup_ape.py

ape pins what everything else has left behind (pytest 8, click 8.1, rich 14.3), so it lives in .venv-ape. It asks py-solc-x for a
compiler and the PATH for a devnet; both are pointed at what npm installed, so that nothing is downloaded.
"""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-ape"
SOLC = "solc-v0.8.37"
STARTUP = """\
{root}
import os; os.environ.setdefault("SOLCX_BINARY_PATH", "{root}/.solcx"); \
os.environ.setdefault("PYTEST_ADDOPTS", "-c '{root}/tests/ape/pytest.ini' --rootdir '{root}'"); \
os.environ["PATH"] = "{root}/node_modules/.bin" + os.pathsep + os.environ["PATH"]
"""
"""A .pth file of the environment. Its first line is a folder to import from: the deploy script uses piecework.chain. The second is
run by every Python of the environment, so that a bare "ape test" finds the compiler, the devnet and ape's own tests, and not the
settings and tests of everything else."""


def link_compiler() -> None:
    """Puts npm's compiler where py-solc-x looks for an installed one."""
    home = ROOT / ".solcx"
    home.mkdir(exist_ok=True)
    link = home / SOLC
    link.unlink(missing_ok=True)
    link.symlink_to(Path("..") / "contracts" / "solc.cjs")


def main() -> None:
    """Creates or completes the environment; half a minute the first time."""
    if not (ROOT / "node_modules" / "solc").exists():
        sys.exit("There is no Solidity compiler; run 'make setup' first.")
    python = VENV / "bin" / "python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
    lock = ROOT / "requirements-ape.lock"
    done = subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", lock], check=False)
    if done.returncode != 0:
        sys.exit("ape's packages could not be installed; pip says why above.")
    packages = next((VENV / "lib").glob("python*/site-packages"))
    (packages / "piecework.pth").write_text(STARTUP.format(root=ROOT))
    link_compiler()
    print("ape is ready: source .venv-ape/bin/activate")


if __name__ == "__main__":
    main()
