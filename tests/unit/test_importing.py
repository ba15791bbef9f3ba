"""What was exported from Mechanical Turk is read, and an old id is only claimed by whom its assignments are known to."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Key
from piecework.importing.claims import Claim, make_claim, read_claims, refusal
from piecework.importing.past import Past, read_past

HERE = (31_337, "0x" + "ee" * 20)
ME, OTHER = Key(b"\x01" * 32), Key(b"\x02" * 32)


def files(folder: Path) -> list[Path]:
    texts = {
        "results.csv": "HITId,AssignmentId,WorkerId,AssignmentStatus,Answer.q\n"
        + "".join(f"3H,3{name},A1ME,{status},x\n" for name, status in (("A", "Approved"), ("B", "Rejected"), ("C", "Approved"), ("D", "Submitted")))
        + "3H,3E,A2SHE,Approved,y\n3H,3E,A2SHE,Approved,y\n",
        "workers.csv": "Worker ID,CURRENT BlockStatus,UPDATE BlockStatus,CURRENT-Birds,UPDATE-Birds\nA1ME,Never Blocked,,7,\nA3HE,Blocked,,,\n",
        "types.json": json.dumps({"QualificationTypes": [{"Name": "Birds", "QualificationTypeId": "3OLD", "Description": "d"}]}),
        "grants.json": json.dumps({"Qualifications": [{"QualificationTypeId": "3OLD", "WorkerId": "A2SHE", "IntegerValue": 5, "Status": "Granted"}]}),
        "blocks.json": json.dumps({"WorkerBlocks": [{"WorkerId": "A2SHE", "Reason": "rude"}]}),
        "page.html": "<p>${a}</p>",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return read_past(files(tmp_path))


def test_every_kind_of_file_is_read(past: Past) -> None:
    me, she, he = (past.workers[id] for id in ("A1ME", "A2SHE", "A3HE"))
    assert (me.assignments, me.approved, me.rejected, me.block, me.grants) == (["3A", "3B", "3C", "3D"], 2, 1, None, {"Birds": 7})
    assert (she.assignments, she.block, she.grants) == (["3E"], "rude", {"3OLD": 5}) and he.block and not he.assignments
    assert list(past.types) == ["Birds"] and past.templates == {"page": "<p>${a}</p>"}
    assert Past.of_json(json.loads(json.dumps(past.as_json()))) == past


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "", "no CSV, JSON or HTML"), ("a.csv", "x,y\n1,2\n", "columns of neither"), ("a.json", "[]", "has neither"),
        ("a.json", "nonsense", "can't be read"), ("a.csv", "AssignmentId,WorkerId,AssignmentStatus\n3A,bob,Approved\n", "is no worker's id"),
        ("a.json", '{"WorkerBlocks": [{"Reason": "x"}]}', "can't be read"),
    ],
)  # fmt: skip
def test_another_file_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Invalid, match=words):
        read_past([tmp_path / name])


def test_whoever_knows_the_assignments_has_the_id(past: Past, tmp_path: Path) -> None:
    mine = make_claim("A1ME", ["3A", "3B", "3C"], ME, *HERE)
    (tmp_path / "claims").write_text(mine.as_json() + "\n\n" + make_claim("A2SHE", ["3E"], OTHER, *HERE).as_json() + "\n")
    first, second = read_claims(tmp_path / "claims")
    assert first == mine and refusal(first, past, *HERE) is None and refusal(second, past, *HERE) is None


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (make_claim("A9NOBODY", ["3A"], ME, *HERE), "knows of worker"),
        (make_claim("A1ME", ["3A", "3B"], ME, *HERE), "names 2 assignments; 3 are needed"),
        (make_claim("A1ME", ["3A", "3B", "3B"], ME, *HERE), "names 2 assignments"),
        (make_claim("A1ME", ["3A", "3B", "3E"], ME, *HERE), "Assignment 3E isn't one"),
        (make_claim("A1ME", ["3A", "3B", "3C"], ME, 1, HERE[1]), "another marketplace"),
        (replace(make_claim("A1ME", ["3A", "3B", "3C"], ME, *HERE), account=OTHER.address), "isn't signed"),
        (replace(make_claim("A1ME", ["3A", "3B", "3C"], ME, *HERE), signature="0x12"), "isn't signed"),
        (replace(make_claim("A1ME", ["3A", "3B", "3C"], ME, *HERE), signature="zz"), "isn't signed"),
        (make_claim("A3HE", [], ME, *HERE), "names 0 assignments"),
    ],
)
def test_nobody_else_has(past: Past, claim: Claim, words: str) -> None:
    assert words in (refusal(claim, past, *HERE) or "")
