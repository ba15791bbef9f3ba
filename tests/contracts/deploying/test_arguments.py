"""The file of constructor arguments: what is wrong in it is named."""

import re
from pathlib import Path

import pytest

from piecework.chain.arguments import Arguments
from piecework.chain.build import ROOT
from piecework.domain.errors import Invalid, NotFound

ONE, TWO, THREE = ("0x" + digit * 40 for digit in "123")
GOOD = f"""\
governor = "{ONE}"
salt = "0x{"05" * 32}"
[council]
members = ["{TWO}", "{THREE}"]
fee = 7
[tokens]
8453 = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
"""


def load(folder: Path, text: str) -> Arguments:
    path = folder / "deploy.toml"
    path.write_text(text)
    return Arguments.load(path)


def test_a_right_file_is_read(tmp_path: Path) -> None:
    usdc = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
    assert load(tmp_path, GOOD) == Arguments(ONE, b"\x05" * 32, (TWO, THREE), 7, {8453: usdc})


def test_the_file_of_this_repository_is_right() -> None:
    assert Arguments.load(ROOT / "contracts" / "deploy.toml").tokens


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (f'governor = "{ONE}"\n', "", "the key 'governor' is missing"),
        ('salt = "0x' + "05" * 32 + '"\n', "", "the key 'salt' is missing"),
        ("fee = 7\n", "", "the key 'council.fee' is missing"),
        ("fee = 7\n", "fee = 7\nfees = 8\n", "'council.fees' is no key that a deployment knows"),
        ("governor =", "owner = 1\ngovernor =", "'owner' is no key that a deployment knows"),
        (ONE, "0x12", "'governor' should be an address, 0x and 40 hex digits, but is '0x12'"),
        (f'"{ONE}"', "12", "'governor' should be an address"),
        (ONE, "0x" + "00" * 20, "'governor' is the zero address"),
        ("0x833589f", "0x833588f", "whose capitals don't match its digits"),
        ("0x833589fC", "0x833589fc", "whose capitals don't match its digits"),
        ("0505", "05", "'salt' should be 0x and 64 hex digits"),
        (f'"{TWO}", "{THREE}"', "", "'council.members' should be a list of 1 to 255 addresses"),
        (THREE, TWO, "'council.members' names somebody twice"),
        ("fee = 7", "fee = -1", "'council.fee' should be a whole number of wei"),
        ("fee = 7", "fee = 0.1", "'council.fee' should be a whole number of wei"),
        ("fee = 7", f"fee = {2**96}", "'council.fee' should be a whole number of wei"),
        ("fee = 7", "fee = true", "'council.fee' should be a whole number of wei"),
        ("8453 =", "base =", "'tokens.base' should have a chain id as its key"),
        ("[council]", "[[council]]", "'council' should be a table, written [council]"),
        ("[tokens]", "[tokens", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, right: str, wrong: str, sentence: str) -> None:
    assert right in GOOD
    with pytest.raises(Invalid, match=re.escape(sentence)) as refused:
        load(tmp_path, GOOD.replace(right, wrong, 1))
    assert str(tmp_path / "deploy.toml") in refused.value.sentence


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file with the contracts' arguments at"):
        Arguments.load(tmp_path / "deploy.toml")
