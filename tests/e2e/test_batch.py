"""`piecework batch`: a CSV becomes HITs, people answer, the results file comes back, and decides."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Marketplace
from tests.e2e.test_workers import client, workers

PAGE = '<form action="https://www.mturk.com/mturk/externalSubmit"><p>${question}</p><input type=radio name=q value=yes><input type=radio name=q value=no></form>'


def test_a_batch_goes_out_and_comes_back(market: Marketplace, tmp_path: Path) -> None:
    page, rows, published, results = (tmp_path / name for name in ("page.html", "rows.csv", "rows.batch.json", "results.csv"))
    page.write_text(PAGE)
    rows.write_text('question,note\n"Is it a ""bird""?",1\nIs it <b>a plane</b>?,2\n', "utf-8")
    settings = ("--title", "Batch hangar", "--reward", "0.05", "--assignments", "2")
    shown = json.loads(market.run("batch", "publish", str(page), str(rows), *settings, "--dry-run", "--json").stdout)
    assert (shown["hits"], shown["assignments"], shown["cost"]) == (2, 4, "0.20") and 'Is it a "bird"?' in shown["first"]
    first = json.loads(market.run("batch", "publish", str(page), str(rows), *settings, "--json").stdout)
    again = json.loads(market.run("batch", "publish", str(page), str(rows), *settings, "--json").stdout)
    assert first == again and len({one["hit"] for one in json.loads(published.read_text())["hits"]}) == 2, "published once"
    assert workers(market, "--count", "2", "--profile", "rule:yes", "--text", "Batch hangar", "--answers", "4", "--seed", "batch")["answered"] == 4
    market.run("batch", "results", str(published), "--out", str(results))
    found = list(csv.DictReader(io.StringIO(results.read_text(), newline="")))
    assert len(found) == 4 and {row["AssignmentStatus"] for row in found} == {"Submitted"} and {row["Answer.q"] for row in found} == {"yes"}
    assert sorted(row["Input.question"] for row in found)[0] == 'Is it <b>a plane</b>?' and found[0]["RequesterAnnotation"].startswith("BatchId:")
    for row, verdict in zip(found, ({"Approve": "x"}, {"Reject": "It is no bird."}, {"Approve": "X"}, {}), strict=True):
        row.update(verdict)
    with results.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    assert json.loads(market.run("batch", "review", str(results), "--json").stdout) == {"approved": 2, "rejected": 1, "unchanged": 0, "refused": {}}
    assert json.loads(market.run("batch", "review", str(results), "--json").stdout)["unchanged"] == 3
    turk = client(market)
    statuses = {row["AssignmentId"]: turk.get_assignment(AssignmentId=row["AssignmentId"])["Assignment"] for row in found}
    assert [statuses[row["AssignmentId"]]["AssignmentStatus"] for row in found] == ["Approved", "Rejected", "Approved", "Submitted"]
    assert statuses[found[1]["AssignmentId"]]["RequesterFeedback"] == "It is no bird."
    results.write_text(f"AssignmentId,Approve,Reject\n{'3' + 'A' * 29},x,\n{found[3]['AssignmentId']},x,\n")
    partly = market.run("batch", "review", str(results), "--json", check=False)
    said = json.loads(partly.stdout)
    assert partly.returncode == 1 and said["approved"] == 1 and "does not exist" in said["refused"]["3" + "A" * 29]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("publish", "page.html", "none.csv", "--title", "t", "--reward", "0.05"), "can't be read"),
        (("publish", "page.html", "rows.csv", "--title", "t", "--reward", "0.001"), "two decimals"),
        (("publish", "page.html", "rows.csv", "--title", "t", "--reward", "99999999"), "are left to spend"),
        (("results", "rows.csv"), "is no batch's file"),
        (("review", "rows.csv"), "needs the columns"),
        (("review", "rows.csv", "--key", "rows.csv"), "needs the columns"),
    ],
)
def test_what_can_not_be_is_said_in_a_sentence(
    market: Marketplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("<p>${a}</p>")
    (tmp_path / "rows.csv").write_text("a\n1\n")
    failed = market.run("batch", *arguments, check=False)
    assert failed.returncode == 1 and words in failed.stderr and "Traceback" not in failed.stderr, failed.stderr + failed.stdout
