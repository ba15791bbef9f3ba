"""A bad file gets one clear line with the row number."""

from pathlib import Path

import pytest

from piecework.domain.errors import Invalid
from piecework.replay.answers import read_answers, read_truth

BAD_FILES = {
    "an empty file": (b"", "is empty"),
    "a header alone": (b"task,worker,label\n", "no answers below the header"),
    "a missing column": (b"task,worker\n1,2\n", "row 1: there is no column 'label'"),
    "a column named twice": (b"task,worker,label,label\n1,2,a,b\n", "row 1: the column 'label' stands there twice"),
    "an empty label": (b"task,worker,label\n1,2,a\n1,3, \n", "row 3: the label is empty"),
    "a row that is too short": (b"task,worker,label\n1,2\n", "row 2: the label is empty"),
    "another encoding": ("task,worker,label\n1,2,a\n1,3,é\n".encode("latin-1"), "row 3: this isn't UTF-8"),
    "UTF-16": ("task,worker,label\n1,2,a\n".encode("utf-16"), "row 1: this isn't UTF-8"),
    "a NUL": (b"task,worker,label\n1,2,a\0b\n", "row 2: there is a NUL"),
    "an open quote": (b'task,worker,label\n1,2,"a\n', "this isn't CSV"),
    "a very long label": (b"task,worker,label\n1,2," + b"a" * 10_001 + b"\n", "row 2: the label is longer"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gets_one_line_that_says_where(name: str, tmp_path: Path) -> None:
    content, sentence = BAD_FILES[name]
    path = tmp_path / "answers.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid) as refused:
        read_answers(path)
    assert sentence in refused.value.sentence
    assert "\n" not in refused.value.sentence


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be read"):
        read_answers(tmp_path / "nowhere.csv")


def test_repeated_answers_are_kept_and_other_columns_ignored(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text('\ufefflabel,note,worker,task\nyes,x,ann,"one, two"\n\nno,y,ann,"one, two"\nyes,z,bob,3\n')
    answers = read_answers(path)
    assert [(r.task, r.worker, r.label, r.repeat) for r in answers.rows] == [
        ("one, two", "ann", "yes", 0),
        ("one, two", "ann", "no", 1),
        ("3", "bob", "yes", 0),
    ]
    assert answers.most_repeats == 2


def test_the_fingerprint_tells_files_apart_by_their_answers_alone(tmp_path: Path) -> None:
    texts = {"a": "task,worker,label\n1,2,x\n", "b": "worker,task,label,more\n2,1,x,?\n", "c": "task,worker,label\n1,2,y\n"}
    prints = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        prints[name] = read_answers(tmp_path / name).fingerprint
    assert prints["a"] == prints["b"] != prints["c"]


def test_a_truth_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("task,label\n1,a\n1,a\n1,b\n")
    with pytest.raises(Invalid, match="row 4: task '1' has two different labels"):
        read_truth(path)
