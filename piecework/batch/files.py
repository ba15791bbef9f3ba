"""The CSV files of batches: rows for a page's variables, results in Mechanical Turk's columns, and reviews in the same file.

Source of the columns: results files of Mechanical Turk's requester pages.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from piecework.domain.errors import Invalid

HIT_COLUMNS = (
    "HITId", "HITTypeId", "Title", "Description", "Keywords", "Reward", "CreationTime", "MaxAssignments", "RequesterAnnotation",
    "AssignmentDurationInSeconds", "AutoApprovalDelayInSeconds", "Expiration", "NumberOfSimilarHITs", "LifetimeInSeconds",
)  # fmt: skip
ASSIGNMENT_COLUMNS = (
    "AssignmentId", "WorkerId", "AssignmentStatus", "AcceptTime", "SubmitTime", "AutoApprovalTime", "ApprovalTime", "RejectionTime",
    "RequesterFeedback", "WorkTimeInSeconds",
)  # fmt: skip
RATES = {"LifetimeApprovalRate": None, "Last30DaysApprovalRate": 30, "Last7DaysApprovalRate": 7}
"""Each with its days; None for all time."""
REVIEW = ("Approve", "Reject")
MOST_BYTES = 65_535
"""Of a HIT's question."""
_VARIABLE = re.compile(r"\$\{([^}]{1,255})\}")
_HEAD = '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd"><HTMLContent><![CDATA['
_TAIL = "]]></HTMLContent><FrameHeight>%d</FrameHeight></HTMLQuestion>"


def read_rows(path: Path, empty: bool = False) -> list[dict[str, str]]:
    """A CSV's rows by column; none only where it may be `empty`.

    Raises:
        Invalid: it can't be read, has no rows, or a row that doesn't fit its columns; the sentence says which.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} can't be read as UTF-8: {error}.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise Invalid(f"{path} is not a CSV file: {error} (line {reader.line_num}).") from None
    columns = reader.fieldnames or []
    if (not rows and not empty) or not all(columns) or not columns or len(set(columns)) != len(columns):
        raise Invalid(f"{path} needs a line with different column names, and at least one row under it.")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise Invalid(f"Row {number} of {path} hasn't as many fields as there are columns.")
    return rows


# ------------------------------------------------------------------------------------------------ publishing


def questions(page: str, rows: Sequence[Mapping[str, str]], frame_height: int) -> list[str]:
    """A page with each row filled in for its ${variables}, as HTMLQuestion.

    Raises:
        Invalid: a variable has no column, or a page is too long.
    """
    lacking = sorted(set(_VARIABLE.findall(page)) - rows[0].keys())
    if lacking:
        raise Invalid(f"The page has ${{{lacking[0]}}}, but the rows have no column of that name; they have {', '.join(rows[0])}.")
    made = []
    for number, row in enumerate(rows, 2):
        filled = _VARIABLE.sub(lambda found, row=row: row[found[1]], page)  # type: ignore[misc]
        question = _HEAD + filled.replace("]]>", "]]]]><![CDATA[>") + _TAIL % frame_height
        if len(question.encode()) > MOST_BYTES:
            raise Invalid(f"The page filled in with row {number} has more than {MOST_BYTES} bytes.")
        made.append(question)
    return made


# ------------------------------------------------------------------------------------------------ results


def results(hits: Iterable[tuple[Mapping[str, Any], Mapping[str, str], Sequence[Mapping[str, Any]]]], now: datetime) -> str:
    """The results file.

    Args:
        hits: each HIT and its assignments as the API gives them, and the row that it was made of.
        now: the time, aware; for the rates.
    """
    known = list(hits)
    lines, inputs, answers = [], dict[str, None](), dict[str, None]()
    everybody = [one for _, _, assignments in known for one in assignments]
    for hit, row, assignments in known:
        inputs |= dict.fromkeys(f"Input.{name}" for name in row)
        for one in assignments:
            said = {f"Answer.{name}": value for name, value in answers_of(one["Answer"]).items()}
            answers |= dict.fromkeys(said)
            given = {f"Input.{name}": value for name, value in row.items()}
            lines.append(_hit(hit, len(known)) | _assignment(one) | _rates(one["WorkerId"], everybody, now) | given | said)
    columns = [*HIT_COLUMNS, *ASSIGNMENT_COLUMNS, *RATES, *inputs, *answers, *REVIEW]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def answers_of(xml: str) -> dict[str, str]:
    """What was answered to each question; several selections are joined by |.

    Raises:
        Invalid: it isn't XML.
    """
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise Invalid(f"An answer can't be read: {error}.") from None
    found: dict[str, str] = {}
    for answer in root:
        texts = [(str(part.tag).rpartition("}")[2], part.text or "") for part in answer]
        name = next(text for tag, text in texts if tag == "QuestionIdentifier")
        found[name] = "|".join(text for tag, text in texts if tag != "QuestionIdentifier")
    return found


def _hit(hit: Mapping[str, Any], similar: int) -> dict[str, str]:
    life = (hit["Expiration"] - hit["CreationTime"]).total_seconds()
    shown = {name: hit.get(name, "") for name in HIT_COLUMNS}
    shown |= {"Reward": f"${hit['Reward']}", "NumberOfSimilarHITs": similar, "LifetimeInSeconds": round(life)}
    return {name: _text(value) for name, value in shown.items()}


def _assignment(one: Mapping[str, Any]) -> dict[str, str]:
    shown = {name: one.get(name, "") for name in ASSIGNMENT_COLUMNS}
    shown["WorkTimeInSeconds"] = round((one["SubmitTime"] - one["AcceptTime"]).total_seconds())
    return {name: _text(value) for name, value in shown.items()}


def _rates(worker: str, everybody: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, str]:
    """A worker's approved among those reviewed in this batch, such as 75% (3/4)."""
    mine = [one for one in everybody if one["WorkerId"] == worker and one["AssignmentStatus"] in ("Approved", "Rejected")]
    rates = {}
    for name, days in RATES.items():
        recent = [one for one in mine if days is None or (now - one["SubmitTime"]).days < days]
        good = sum(one["AssignmentStatus"] == "Approved" for one in recent)
        rates[name] = f"{100 * good // len(recent) if recent else 0}% ({good}/{len(recent)})"
    return rates


def _text(value: Any) -> str:
    return f"{value.astimezone(UTC):%a %b %d %H:%M:%S UTC %Y}" if isinstance(value, datetime) else str(value)


# ------------------------------------------------------------------------------------------------ reviewing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row says of its assignment: `reason` None approves it."""

    assignment: str
    reason: str | None


def verdicts(rows: Sequence[Mapping[str, str]], path: Path) -> list[Verdict]:
    """What a results file with its last two columns filled in decides; rows with neither decide nothing.

    Raises:
        Invalid: a column is missing, a row says both, or an assignment stands twice.
    """
    if rows and not {"AssignmentId", *REVIEW} <= rows[0].keys():
        raise Invalid(f"{path} needs the columns AssignmentId, Approve and Reject.")
    found: dict[str, Verdict] = {}
    for number, row in enumerate(rows, 2):
        id, approve, reject = row["AssignmentId"], row["Approve"].strip(), row["Reject"].strip()
        if approve and reject:
            raise Invalid(f"Row {number} of {path} both approves and rejects; leave one of the two empty.")
        if not approve and not reject:
            continue
        if id in found:
            raise Invalid(f"Assignment {id} stands twice in {path} (row {number}).")
        found[id] = Verdict(id, None if approve else reject)
    return list(found.values())
