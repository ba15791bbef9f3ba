"""One fault: a text in a source file, and what stands there instead."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES = (
    "Books.sol",
    "Piecework.sol",
    "Settlements.sol",
    "Recourse.sol",
    "Openings.sol",
    "Appeals.sol",
    "CoordinatorBond.sol",
    "CouncilArbitrator.sol",
    "libraries/Push.sol",
    "libraries/Signatures.sol",
    "libraries/Slots.sol",
    "libraries/TypedData.sol",
)
SWAPS = ((" >= ", " > "), (" <= ", " < "), (" > ", " >= "), (" < ", " <= "), (" == ", " != "), (" != ", " == "),
         (" + ", " - "), (" - ", " + "), (" * ", " + "), (" && ", " || "), (" || ", " && "), (" += ", " -= "),
         ("lt(", "gt("), ("iszero(", "("), (" | ", " & "), ("true", "false"))
"""What generic mutants put in place of what, once each where it stands."""
DROPPED = (
    re.compile(r"^ +if \(.*\) revert .*;$"),
    re.compile(r"^ +(credit|debit|takeOut|spendAllowance|useNonce|require\w+)\(.*\);$"),
    re.compile(r"^ +(emit )?\w+(\[.*\]|\.\w+)? ?(=|\+=|-=|\+\+).*;$"),
    re.compile(r"^ +emit .*;$"),
)
"""Lines that generic mutants leave out."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A named change of one file under contracts/src; `at` is the offset of `old`, or -1 for its only place."""

    name: str
    file: str
    old: str
    new: str
    at: int = -1

    def apply(self, text: str) -> str:
        """The file with the fault in it.

        Raises:
            ValueError: the text isn't there, or more than once.
        """
        if self.at >= 0:
            return text[: self.at] + self.new + text[self.at + len(self.old) :]
        if text.count(self.old) != 1:
            raise ValueError(f"'{self.name}': its text is {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


def generic(sources: Path, sample: int, seed: int) -> list[Mutant]:
    """`sample` mutants of all that the operators make, drawn by `seed`, in the order of the files."""
    every = [mutant for file in FILES for mutant in _of(file, (sources / file).read_text())]
    drawn = set(random.Random(seed).sample(range(len(every)), min(sample, len(every))))
    return [mutant for number, mutant in enumerate(every) if number in drawn]


def _of(file: str, text: str) -> Iterator[Mutant]:
    offset = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if _is_code(line):
            for old, new in SWAPS:
                for found in re.finditer(re.escape(old), line):
                    yield Mutant(f"{file}:{number} '{old.strip()}' -> '{new.strip()}'", file, old, new, offset + found.start())
            if any(pattern.match(line.rstrip("\n")) for pattern in DROPPED):
                yield Mutant(f"{file}:{number} without '{line.strip()[:60]}'", file, line, "\n", offset)
            if " lock" in line and "modifier" not in line:
                yield Mutant(f"{file}:{number} without its lock", file, " lock", "", offset + line.index(" lock"))
        offset += len(line)


def _is_code(line: str) -> bool:
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith(("//", "*", "/*", "import", "pragma", "///", "error ", "event "))
