"""Reports: an answer that says, in place of what the job asks for, that the task is broken or that one doesn't qualify for it.

A report is an answer like any other: committed to, receipted, revealed, and paid with its slot's whole reward. A job takes reports where
its manifest says so: `"reports": {"broken": true, "screened_out": true, "each": 3}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from piecework.domain.errors import Invalid

KEY, WHY = "$report", "why"
KINDS = ("broken", "screened_out")
CRITERION = "false-report"
"""The code of the one criterion by which a report can be rejected; a job that takes reports publishes what it means."""
LONGEST_WHY = 2_000
MOST_EACH = 1_000


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported, one of `KINDS`, and why."""

    kind: str
    why: str

    def answer(self) -> dict[str, str]:
        """The answer that says it."""
        return {KEY: self.kind, WHY: self.why}


def is_report(answer: Any) -> bool:
    """Whether an answer is meant as a report."""
    return isinstance(answer, Mapping) and KEY in answer


def report_of(answer: Any, taken: Mapping[str, Any] | None) -> Report | None:
    """The report that an answer is; None for one that is none.

    Args:
        taken: what the job's manifest says under `reports`; None where it takes none.

    Raises:
        Invalid: a report that the job doesn't take, or without a reason.
    """
    if taken is None or not is_report(answer):
        return None
    kind, why = answer[KEY], answer.get(WHY)
    if kind not in KINDS or not taken.get(kind):
        raise Invalid(f"This job takes reports of {' and '.join(name for name in KINDS if taken.get(name))}, not of {kind!r}.")
    if answer.keys() != {KEY, WHY} or not isinstance(why, str) or not 0 < len(why.strip()) or len(why) > LONGEST_WHY or "\0" in why:
        raise Invalid(f"A report says in '{WHY}' why, in 1 to {LONGEST_WHY} characters, and nothing else.")
    return Report(kind, why)
