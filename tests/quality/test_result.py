"""The result file: anyone with the answers can check it, and nobody can change it unnoticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.quality.consensus import Algorithm, Request, consensus
from piecework.quality.labels import Labels
from piecework.quality.result import verify, write
from tests.quality.crowd import ANAESTHETISTS, anaesthetists, made

KEY = Key(b"\x07" * 32)


@pytest.mark.parametrize("algorithm", ["majority", "weighted", "ds", "mace"])
def test_a_result_is_the_same_bytes_from_shuffled_answers_and_verifies(algorithm: Algorithm) -> None:
    rows, truth = made()
    one, other = (
        list(write(consensus(Labels.of(some), Request(algorithm), truth=truth), KEY, truth)) for some in (rows, rows[::-1])
    )
    assert one == other
    assert verify(one, Labels.of(rows)) == KEY.address


def test_skills_that_were_given_are_in_the_file() -> None:
    rows, _ = made()
    skill = {f"w{at:02}": 0.5 + at / 30 for at in range(12)}
    lines = list(write(consensus(Labels.of(rows), Request("weighted"), skill)))
    assert json.loads(lines[0])["skills"] == skill
    assert verify(lines, Labels.of(rows)) is None


def test_the_signature_is_one_that_wallets_make() -> None:
    seal = json.loads(list(write(consensus(anaesthetists()), KEY))[-1])
    text = encode_defunct(text=f"Piecework consensus\n{seal['keccak256']}")
    assert Account.recover_message(text, signature=seal["signature"]).lower() == KEY.address
    assert Account.sign_message(text, KEY.secret).signature.hex() == seal["signature"][2:]


def test_what_was_changed_is_named() -> None:
    labels = anaesthetists()
    lines = list(write(consensus(labels), KEY))
    changed = lines[:]
    changed[1] = changed[1].replace(b'"label":"1"', b'"label":"2"', 1)
    assert changed != lines
    with pytest.raises(Invalid, match="changed after it was written"):
        verify(changed, labels)
    with pytest.raises(Invalid, match="aren't the answers"):
        verify(lines, Labels.of(list(labels.rows())[1:]))
    seal = json.loads(lines[-1]) | {"signer": "0x" + "11" * 20}
    with pytest.raises(Invalid, match="The signature is"):
        verify([*lines[:-1], json.dumps(seal).encode()], labels)


def test_a_result_sealed_anew_over_another_label_is_computed_again_and_refused() -> None:
    labels = anaesthetists()
    lines = list(write(consensus(labels)))
    unit = json.loads(lines[1])
    lines[1] = json.dumps(unit | {"label": "4"}).encode() + b"\n"
    lines[-1] = json.dumps({"keccak256": "0x" + keccak256(b"".join(lines[:-1])).hex(), "signature": None}).encode()
    with pytest.raises(Invalid, match=f"'{unit['unit']}' comes out differently"):
        verify(lines, labels)


@pytest.mark.parametrize("lines", [[], [b"{}"], [b"[]", b"[]", b"[]"], [b"no", b"{}", b"{}"], [b"null", b"1", b"2"]])
def test_what_is_no_result_file_is_refused_in_a_sentence(lines: list[bytes]) -> None:
    with pytest.raises(Invalid):
        verify(lines, anaesthetists())


@pytest.mark.parametrize(
    "changed",
    [{"answers_sha256": None}, {"known": None}, {"known": {"1": 3}}, {"skills": [1]}, {"skills": {"w": "good"}}, {"settings": 3}, {"seed": "x"}],
)
def test_a_first_line_of_another_shape_is_refused_in_a_sentence(changed: dict[str, object]) -> None:
    labels = anaesthetists()
    lines = list(write(consensus(labels)))
    lines[0] = json.dumps(json.loads(lines[0]) | changed).encode() + b"\n"
    lines[-1] = json.dumps({"keccak256": "0x" + keccak256(b"".join(lines[:-1])).hex(), "signature": None}).encode()
    with pytest.raises(Invalid):
        verify(lines, labels)


def _piecework(*typed: str, key: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("piecework")), "consensus", *typed]
    return subprocess.run(command, capture_output=True, text=True, env={"PIECEWORK_REQUESTER_KEY": key})


def test_the_command_writes_signs_and_verifies(tmp_path: Path) -> None:
    out = tmp_path / "result.jsonl"
    done = _piecework(str(ANAESTHETISTS), "--algorithm", "ds", "--out", str(out), "--json", key="07" * 32)
    assert json.loads(done.stdout)["signer"] == KEY.address, done.stderr
    checked = _piecework(str(ANAESTHETISTS), "--verify", str(out))
    assert (checked.returncode, KEY.address in checked.stdout) == (0, True), checked.stderr
    out.write_bytes(out.read_bytes().replace(b'"label":"1"', b'"label":"3"', 1))
    refused = _piecework(str(ANAESTHETISTS), "--verify", str(out))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "changed after it was written" in refused.stderr


def test_an_algorithm_that_is_none_is_said() -> None:
    refused = _piecework(str(ANAESTHETISTS), "--algorithm", "oracle")
    assert (refused.returncode, "choose one of majority" in refused.stderr) == (1, True)
