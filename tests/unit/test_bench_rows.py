"""A bench's figures say whether they were met, in one shape."""

import json

import pytest

from scripts.bench.rows import Row, print_rows


def test_a_row_says_whether_its_target_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row("a", 1, "s", 2), Row("b", 3, "s", 2), Row("c", 3, "a second", 2, at_least=True), Row("d", 1, "MiB")]
    print_rows("names", rows, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["bench"] == "names"
    assert [row["met"] for row in said["results"]] == [True, False, True, None]
    assert set(said["results"][0]) == {"name", "value", "unit", "target", "met"}
