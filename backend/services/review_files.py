"""Decisions in a results file that came back: an x (or anything) under Approve, a reason under Reject, as Mechanical Turk's pages took it."""

import io
from collections.abc import Mapping
from typing import Any

from backend.services.reviews import Decisions, Rejection
from backend.services.unit_files import Reading, RowFault, units
from piecework.domain.errors import Invalid

COLUMNS = ("AssignmentId", "Approve", "Reject")


def decisions(file: bytes, codes: Mapping[str, Any]) -> Decisions:
    """What a file decides; rows with neither mark decide nothing, and other columns don't matter.

    Args:
        file: CSV, UTF-8, with `COLUMNS`.
        codes: the job's criteria by code. Where there are any, a reason begins with one: "blurred: I can't see it."

    Raises:
        RowFault: a row says both, or names no assignment, or one that stands twice, or gives a reason without a code where one is needed.
        Invalid: it isn't such a file, or decides nothing.
    """
    approve: list[str] = []
    reject: list[tuple[str, Rejection]] = []
    seen: set[str] = set()
    for number, (row, _) in enumerate(units(io.BytesIO(file), Reading("csv")), 1):
        if lacking := [name for name in COLUMNS if name not in row]:
            raise Invalid(f"A results file that decides has the columns {', '.join(COLUMNS)}; this one lacks {', '.join(lacking)}.")
        id, yes, no = (row[name].strip() for name in COLUMNS)
        if not yes and not no:
            continue
        _check(number, id, yes, no, seen)
        seen.add(id.lower())
        if yes:
            approve.append(id.lower())
        else:
            reject.append((id.lower(), _why(number, no, codes)))
    if not seen:
        raise Invalid("The file decides nothing: put an x under Approve, or a reason under Reject.")
    return Decisions(approve, reject)


def _check(number: int, id: str, yes: str, no: str, seen: set[str]) -> None:
    if yes and no:
        raise RowFault(number, "It both approves and rejects; leave one of the two empty.", "Reject")
    if not id:
        raise RowFault(number, "It decides and names no assignment.", "AssignmentId")
    if id.lower() in seen:
        raise RowFault(number, "Its assignment stands in the file before.", "AssignmentId")


def _why(number: int, said: str, codes: Mapping[str, Any]) -> Rejection:
    if not codes:
        return Rejection(None, said)
    code, colon, text = said.partition(":")
    if not colon or code.strip() not in codes:
        raise RowFault(number, f"The job rejects by its criteria: begin the reason with one of {', '.join(codes)}, then a colon.", "Reject")
    return Rejection(code.strip(), text.strip())
