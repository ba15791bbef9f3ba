"""One table of hashes for every language: tests/vectors/typed_data.json, made by eth-account, read here, by the contract's
own tests (contracts/test/Vectors.t.sol) and by viem, which is what wallets' pages use."""

import json
import subprocess
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from piecework.chain.build import ROOT
from piecework.domain import merkle
from piecework.domain.content import canonical_json, commitment, content_hash, unit_leaf
from piecework.domain.errors import Invalid
from piecework.domain.terms import Batch, Terms, receipt_batch
from piecework.domain.typed_data import TYPES, Domain, Key, Withdrawal, recover
from tests.vectors.generate import PATH, SIGNER, vectors

FAMILIES = {"terms": "Terms", "batches": "Batch", "approvals": "Approval", "withdrawals": "Withdrawal"}
TABLE: dict[str, Any] = json.loads(PATH.read_text())
TYPED = [(kind, vector) for family, kind in FAMILIES.items() for vector in TABLE[family]]
NAMES = [f"{family}[{i}]" for family in FAMILIES for i in range(len(TABLE[family]))]


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def value(kind: str, text: Any) -> Any:
    """A JSON vector's field as our classes hold it."""
    if kind.startswith("uint"):
        return int(text)
    if kind.startswith("bytes"):
        return raw(text)
    return tuple(text) if kind == "address[]" else text


def digest(kind: str, vector: dict[str, Any]) -> bytes:
    """What our code signs for a vector."""
    domain = Domain(int(vector["domain"]["chainId"]), vector["domain"]["escrow"])
    fields = [value(field["type"], vector["message"][field["name"]]) for field in TYPES[kind]]
    if kind == "Terms":
        return domain.job_id(Terms(*fields))
    if kind == "Batch":
        return domain.batch_digest(Batch(*fields))
    return domain.approval_digest(*fields) if kind == "Approval" else domain.withdrawal_digest(Withdrawal(*fields))


def test_the_vectors_are_what_their_script_writes() -> None:
    assert vectors() == TABLE
    assert all(len(TABLE[name]) >= 3 for name in TABLE if name != "signer")


@pytest.mark.parametrize(("kind", "vector"), TYPED, ids=NAMES)
def test_our_digest_is_eth_accounts(kind: str, vector: dict[str, Any]) -> None:
    domain = Domain(int(vector["domain"]["chainId"]), vector["domain"]["escrow"])
    assert domain.separator == raw(vector["domain"]["separator"])
    assert digest(kind, vector) == raw(vector["digest"])


@pytest.mark.parametrize(("kind", "vector"), TYPED, ids=NAMES)
def test_our_signature_is_eth_accounts_and_recovers_to_the_signer(kind: str, vector: dict[str, Any]) -> None:
    assert Key(SIGNER).sign(raw(vector["digest"])) == raw(vector["signature"])
    assert recover(raw(vector["digest"]), raw(vector["signature"])) == TABLE["signer"]


@pytest.mark.parametrize(("kind", "vector"), TYPED, ids=NAMES)
def test_the_message_for_wallets_has_the_same_digest(kind: str, vector: dict[str, Any]) -> None:
    domain = Domain(int(vector["domain"]["chainId"]), vector["domain"]["escrow"])
    message = domain.message(kind, vector["message"])
    assert Account.sign_message(encode_typed_data(full_message=message), SIGNER).message_hash == raw(vector["digest"])


def test_viem_agrees_on_separators_digests_and_signers() -> None:
    request = {"types": TYPES, "vectors": [{"primaryType": kind, **vector} for kind, vector in TYPED]}
    script = ROOT / "tests" / "vectors" / "digests.mjs"
    answer = subprocess.run(
        ["node", script], input=json.dumps(request), capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert answer.returncode == 0, answer.stderr
    expected = [
        {"separator": vector["domain"]["separator"], "digest": vector["digest"], "signer": TABLE["signer"]}
        for _, vector in TYPED
    ]
    assert json.loads(answer.stdout) == expected


@pytest.mark.parametrize("vector", TABLE["commitments"])
def test_commitments_agree(vector: dict[str, Any]) -> None:
    assert canonical_json(vector["answer"]) == raw(vector["canonical"])
    parts = raw(vector["job"]), int(vector["slot"]), vector["worker"], raw(vector["salt"]), vector["answer"]
    assert commitment(*parts) == raw(vector["commitment"])


@pytest.mark.parametrize("vector", TABLE["merkle"], ids=lambda vector: f"{len(vector['leaves'])} leaves")
def test_merkle_roots_and_proofs_agree(vector: dict[str, Any]) -> None:
    leaves = [raw(leaf) for leaf in vector["leaves"]]
    assert merkle.root(leaves) == raw(vector["root"])
    assert merkle.proof(leaves, int(vector["index"])) == [raw(node) for node in vector["proof"]]


@pytest.mark.parametrize("vector", TABLE["contents"])
def test_content_hashes_and_unit_leaves_agree(vector: dict[str, Any]) -> None:
    assert canonical_json(vector["content"]) == raw(vector["canonical"])
    assert content_hash(vector["content"]) == raw(vector["contentHash"])
    assert unit_leaf(vector["content"], int(vector["slots"])) == raw(vector["unitLeaf"])


def test_a_receipt_is_a_batch_of_one() -> None:
    message = TABLE["batches"][0]["message"]
    receipt = receipt_batch(
        raw(message["job"]), int(message["firstSlot"]), message["workers"][0], raw(message["answerRoot"])
    )
    vector = TABLE["batches"][0]["domain"]
    assert Domain(int(vector["chainId"]), vector["escrow"]).batch_digest(receipt) == raw(TABLE["batches"][0]["digest"])


@pytest.mark.parametrize("broken", [b"", bytes(64), bytes(65), bytes(64) + b"\x1b", b"\xff" * 64 + b"\x1c"])
def test_what_no_key_signed_recovers_to_nobody(broken: bytes) -> None:
    with pytest.raises(Invalid):
        recover(bytes(32), broken)
