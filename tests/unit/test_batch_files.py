"""Batches' CSV files: what is read, filled in, written in Mechanical Turk's columns, and decided by them."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from piecework.batch.files import ASSIGNMENT_COLUMNS, HIT_COLUMNS, RATES, REVIEW, Verdict, questions, read_rows, results, verdicts
from piecework.domain.errors import Invalid

AT = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
HIT = {
    "HITId": "3A", "HITTypeId": "3T", "Title": "Is it, a \"bird\"?", "Description": "d", "Keywords": "k", "Reward": "0.05", "CreationTime": AT,
    "MaxAssignments": 2, "AssignmentDurationInSeconds": 60, "AutoApprovalDelayInSeconds": 5, "Expiration": AT + timedelta(days=1),
}  # fmt: skip
ANSWER = (
    '<?xml version="1.0" encoding="ASCII"?><QuestionFormAnswers xmlns="x"><Answer><QuestionIdentifier>q</QuestionIdentifier>'
    "<FreeText>a&#10;b</FreeText></Answer><Answer><QuestionIdentifier>s</QuestionIdentifier><SelectionIdentifier>one</SelectionIdentifier>"
    "<SelectionIdentifier>two</SelectionIdentifier></Answer></QuestionFormAnswers>"
)


def assignment(id: str, status: str, days_ago: int = 0) -> dict[str, object]:
    submitted = AT - timedelta(days=days_ago)
    return {
        "AssignmentId": id, "WorkerId": "AB", "AssignmentStatus": status, "AcceptTime": submitted - timedelta(seconds=42),
        "SubmitTime": submitted, "AutoApprovalTime": submitted, "Answer": ANSWER,
    }  # fmt: skip


def test_results_have_the_columns_that_scripts_expect() -> None:
    many = [assignment("3X", "Approved"), assignment("3Y", "Rejected", 10), assignment("3Z", "Submitted")]
    rows = list(csv.DictReader(io.StringIO(results([(HIT, {"url": "u,1"}, many)], AT))))
    assert list(rows[0]) == [*HIT_COLUMNS, *ASSIGNMENT_COLUMNS, *RATES, "Input.url", "Answer.q", "Answer.s", *REVIEW]
    first = rows[0]
    assert (first["Title"], first["Reward"], first["CreationTime"]) == ('Is it, a "bird"?', "$0.05", "Wed Nov 25 16:00:00 UTC 2026")
    assert (first["Answer.q"], first["Answer.s"], first["Input.url"], first["WorkTimeInSeconds"]) == ("a\nb", "one|two", "u,1", "42")
    assert [first[name] for name in RATES] == ["50% (1/2)", "50% (1/2)", "100% (1/1)"] and first["Approve"] == ""


def test_a_page_is_filled_in_row_by_row() -> None:
    first, second = questions("<p>${a} ${b.c} ]]> $x</p>", [{"a": "1", "b.c": "<i>"}, {"a": "2", "b.c": ""}], 0)
    assert "<p>1 <i> ]]]]><![CDATA[> $x</p>" in first and "<p>2  ]]" in second
    with pytest.raises(Invalid, match=r"\$\{c\}, but the rows have no column"):
        questions("${c}", [{"a": "1"}], 0)
    with pytest.raises(Invalid, match="row 2 has more than"):
        questions("${a}" * 3, [{"a": "x" * 30_000}], 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one row"), ("a,b\n", "at least one row"), ("a,a\n1,2\n", "different column names"), ("a,b\n1\n", "Row 2"),
        ("a,b\n1,2,3\n", "Row 2"), ('a\n"x\n', "not a CSV file"), (b"\xff\xfe\xff".decode("latin-1"), "at least one row"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(Invalid, match=words):
        read_rows(path)


def test_the_last_two_columns_decide() -> None:
    path = Path("results.csv")
    rows = [{"AssignmentId": id, "Approve": yes, "Reject": no} for id, yes, no in (("1", "x", ""), ("2", "", "blurry"), ("3", "", " "))]
    assert verdicts(rows, path) == [Verdict("1", None), Verdict("2", "blurry")]
    with pytest.raises(Invalid, match="both approves and rejects"):
        verdicts([rows[0] | {"Reject": "no"}], path)
    with pytest.raises(Invalid, match="stands twice"):
        verdicts([rows[0], rows[0]], path)
    with pytest.raises(Invalid, match="needs the columns"):
        verdicts([{"a": "1"}], path)
