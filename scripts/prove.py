"""Proves what the contracts promise, and looks for what nobody thought of: python -m scripts.prove [halmos|slither] [names …]

halmos runs every `check_` of contracts/prove on any values at all (`names` choose among them); slither looks for known mistakes in
contracts/src, and what it finds must stand in contracts/prove/slither.toml with a reason. Both work on a copy, because slither
deletes what forge has built and halmos wants other settings. docs/proofs.md says what is proved within which bounds.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".venv-analysis" / "bin"
COPY = ROOT / ".build" / "prove"
KNOWN = ROOT / "contracts" / "prove" / "slither.toml"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LOOP = 300
"""More than any loop of a proof runs: one that is cut short proves nothing, and is a failure here."""
PROFILES, RESTRICTIONS = (rf"^{name} = \[\n(  .*\n)*\]$" for name in ("additional_compiler_profiles", "compilation_restrictions"))
HALMOS = {
    "^src = .*$": 'src = "contracts"',
    "^test = .*$": 'test = "contracts/prove"',
    "^offline = true$": 'offline = true\nast = true\nextra_output = ["storageLayout", "metadata"]',
    RESTRICTIONS: 'compilation_restrictions = [{ paths = "contracts/prove/*.sol", via_ir = false }]',
}
SLITHER = {PROFILES: "", RESTRICTIONS: "", "^test = .*$": 'test = "none"'}
"""What of foundry.toml is another for each tool: the shipped contracts are compiled as they ship, the proofs the quick way."""


def copy(name: str, folders: tuple[str, ...], changes: dict[str, str]) -> Path:
    """The folders of `contracts` and changed settings of forge, beside links to what npm installed; kept, with what was built."""
    place = COPY / name
    for folder in folders:
        target = place / "contracts" / folder
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(ROOT / "contracts" / folder, target)
    for link in ("node_modules", "contracts/solc.cjs"):
        (place / link).unlink(missing_ok=True)
        (place / link).symlink_to(ROOT / link)
    (place / "foundry.toml").write_text(settings(changes))
    return place


def settings(changes: dict[str, str]) -> str:
    """foundry.toml with each pattern replaced where it stands."""
    text = (ROOT / "foundry.toml").read_text()
    for pattern, replacement in ({"^out = .*$": 'out = "out"'} | changes).items():
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count == 1, f"foundry.toml has {count} times what looks like {pattern}"
    return text


def run(place: Path, *command: str) -> tuple[int, str]:
    """Exit code and output of one of the tools."""
    path = os.pathsep.join((str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]))
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=place, env=os.environ | {"PATH": path, "COLUMNS": "200"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, COLOURS.sub("", done.stdout)


def halmos(names: tuple[str, ...]) -> bool:
    """Whether every proof that `names` choose holds, without a path left out."""
    place = copy("halmos", ("src", "prove"), HALMOS)
    chosen = "|".join(names) or "."
    code, said = run(place, "halmos", "--root", ".", "--loop", str(LOOP), "--no-status", "--match-test", f"({chosen})",
                     "--solver-timeout-assertion", "300s")  # fmt: skip
    print("\n".join(line for line in said.splitlines() if re.match(r"\[|Counterexample|    (p_|halmos_)|Symbolic|ERROR|Error", line)))
    proved = len(re.findall(r"^\[PASS\]", said, re.MULTILINE))
    cut = "loop unrolling bound" in said
    if cut:
        print(f"A loop runs more than {LOOP} times: what was proved is less than it says.")
    if code or not proved:
        print(said[-2000:] if not proved else "", "Not everything is proved.", sep="\n")
    return code == 0 and proved > 0 and not cut


def slither() -> bool:
    """Whether slither finds what stands in slither.toml, and nothing else."""
    place = copy("slither", ("src",), SLITHER)
    report = place / "findings.json"
    report.unlink(missing_ok=True)
    said = run(place, "slither", ".", "--filter-paths", "node_modules", "--json", str(report))[1]
    if not report.exists():
        print(said[-2000:], "slither ended without a report.", sep="\n")
        return False
    found = json.loads(report.read_text())["results"]["detectors"]
    known = {(check, where): count for check, entry in read_known().items() for where, count in entry["where"].items()}
    faults = differences(Counter((entry["check"], where(entry["elements"][0])) for entry in found), known)
    print(*faults, f"slither: {len(found)} findings, {len(faults)} of them not as in {KNOWN.relative_to(ROOT)}.", sep="\n")
    return not faults


def read_known() -> dict[str, Any]:
    """What was looked at, by detector."""
    return tomllib.loads(KNOWN.read_text())


def where(element: dict[str, Any]) -> str:
    """The function, or else the contract, that a finding is about: it stays the same when lines move."""
    parent = element.get("type_specific_fields", {}).get("parent")
    if parent and element["type"] in ("node", "variable"):
        return where(parent)
    return f"{parent['name']}.{element['name']}" if parent and parent["type"] == "contract" else str(element["name"])


def differences(found: Counter[tuple[str, str]], known: dict[tuple[str, str], int]) -> list[str]:
    """In sentences: what is new, and what isn't found any more."""
    return [
        f"{check} in {place}: found {found[check, place]} times, looked at {known.get((check, place), 0)} times"
        for check, place in sorted(found.keys() | known.keys())
        if found[check, place] != known.get((check, place), 0)
    ]


def main() -> int:
    """0 if everything holds."""
    tool, names = (sys.argv[1], tuple(sys.argv[2:])) if len(sys.argv) > 1 else ("", ())
    began = time.monotonic()
    results = [check() for name, check in (("slither", slither), ("halmos", lambda: halmos(names))) if tool in ("", name)]
    print(f"{'Everything holds' if results and all(results) else 'Something does not hold'} ({time.monotonic() - began:.0f} s).")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
