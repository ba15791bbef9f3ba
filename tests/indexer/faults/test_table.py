"""docs/faults.md names tests that are there."""

import ast
import re

from piecework.chain.build import ROOT

HERE = ROOT / "tests" / "indexer"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def rows() -> dict[int, str]:
    """The table's rows by the number of the fault."""
    text = (ROOT / "docs" / "faults.md").read_text()
    return {int(number): rest for number, rest in re.findall(r"^\| (\d+) \| (.*)$", text, re.MULTILINE)}


def test_every_fault_has_a_test_or_a_reason() -> None:
    found = rows()
    assert sorted(found) == list(range(1, 45))
    for number, row in found.items():
        assert NAMED.search(row) or "Doesn't apply" in row, f"fault {number} is shown by nothing"


def test_every_test_that_is_named_is_there() -> None:
    named = {pair for row in rows().values() for pair in NAMED.findall(row)}
    assert named
    for file, test in sorted(named):
        tree = ast.parse((HERE / file).read_text())
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f"{file}::{test}"
