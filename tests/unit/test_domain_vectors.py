"""One table of hashes for every language: tests/vectors/typed_data.json, made by eth-account, read here, by the contract's
own tests (contracts/test/Vectors.t.sol) and by viem, which is what wallets' pages use."""

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from piecework.chain.build import ROOT, contract
from piecework.chain.escrow import SignedBatch, encode_settle
from piecework.chain.escrow_recourse import OpenedBatch, encode_open
from piecework.domain import merkle
from piecework.domain.content import canonical_json, commitment, content_hash, unit_leaf
from piecework.domain.errors import Invalid
from piecework.domain.recourse import Appeal, Opening
from piecework.domain.terms import Batch, Terms, receipt_batch
from piecework.domain.typed_data import TYPES, Domain, Funding, Key, OperatorGrant, Withdrawal, recover
from tests.vectors.generate import PATH, SIGNER, vectors

FAMILIES = {
    "terms": "Terms",
    "batches": "Batch",
    "approvals": "Approval",
    "withdrawals": "Withdrawal",
    "fundings": "Funding",
    "openRequests": "OpenRequest",
    "appealRequests": "AppealRequest",
    "operatorGrants": "OperatorGrant",
}
TABLE: dict[str, Any] = json.loads(PATH.read_text())
TYPED = [(kind, vector) for family, kind in FAMILIES.items() for vector in TABLE[family]]
NAMES = [f"{family}[{i}]" for family in FAMILIES for i in range(len(TABLE[family]))]


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def value(kind: str, text: Any) -> Any:
    """A JSON vector's field as our classes hold it."""
    if kind.endswith("[]"):
        return tuple(value(kind[:-2], entry) for entry in text)
    if kind.startswith("uint"):
        return int(text)
    if kind.startswith("bytes"):
        return raw(text)
    return text


def values(kind: str, message: dict[str, Any]) -> list[Any]:
    """A message's fields in order."""
    return [value(field["type"], message[field["name"]]) for field in TYPES[kind]]


def digest(kind: str, vector: dict[str, Any]) -> bytes:
    """What our code signs for a vector."""
    domain = Domain(int(vector["domain"]["chainId"]), vector["domain"]["escrow"])
    fields = values(kind, vector["message"])
    digests: dict[str, Callable[[], bytes]] = {
        "Terms": lambda: domain.job_id(Terms(*fields)),
        "Batch": lambda: domain.batch_digest(Batch(*fields)),
        "Approval": lambda: domain.approval_digest(*fields),
        "Withdrawal": lambda: domain.withdrawal_digest(Withdrawal(*fields)),
        "Funding": lambda: domain.funding_nonce(Funding(*fields)),
        "OpenRequest": lambda: domain.open_request_digest(*fields),
        "AppealRequest": lambda: domain.appeal_request_digest(*fields),
        "OperatorGrant": lambda: domain.operator_digest(OperatorGrant(*fields)),
    }
    return digests[kind]()


def opening_of(vector: dict[str, Any]) -> Opening:
    """An opening's vector as our class."""
    opening = vector["opening"]
    return Opening(raw(opening["batch"]), int(opening["firstSlot"]), tuple(opening["workers"]), raw(opening["places"]))


def appeal_of(vector: dict[str, Any]) -> Appeal:
    """An appeal's vector as our class."""
    a = vector["appeal"]
    return Appeal(a["worker"], a["sponsor"], int(a["slots"]), int(a["appealedAt"]), raw(a["request"]))


def batch_of(entry: dict[str, Any], workers: Sequence[str]) -> tuple[Batch, bytes]:
    """A call's batch as our class, and the coordinator's 65 bytes from their compact form."""
    vs = int(entry["vs"], 16)
    signature = raw(entry["r"]) + (vs & (2**255 - 1)).to_bytes(32) + bytes([27 + (vs >> 255)])
    return Batch(bytes(32), int(entry["firstSlot"]), tuple(workers), raw(entry["places"]), raw(entry["answerRoot"])), signature


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


def test_viem_agrees_on_digests_signers_ids_and_calldata() -> None:
    calls = [*TABLE["settleCalls"], *TABLE["openCalls"]]
    request = {
        "abi": [*contract("Piecework").abi, *contract("Recourse").abi],
        "types": TYPES,
        "messages": [{"primaryType": kind, **vector} for kind, vector in TYPED],
        "openings": TABLE["openings"],
        "appeals": TABLE["appeals"],
        "calls": calls,
    }
    script = ROOT / "tests" / "vectors" / "digests.mjs"
    answer = subprocess.run(
        ["node", script], input=json.dumps(request), capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert answer.returncode == 0, answer.stderr
    messages = [
        {"separator": vector["domain"]["separator"], "digest": vector["digest"], "signer": TABLE["signer"]}
        for _, vector in TYPED
    ]
    assert json.loads(answer.stdout) == {
        "messages": messages,
        "openings": [vector["id"] for vector in TABLE["openings"]],
        "appeals": [vector["id"] for vector in TABLE["appeals"]],
        "calls": [call["calldata"] for call in calls],
    }


def test_openings_and_appeals_have_the_ids_of_the_vectors() -> None:
    for vector in TABLE["openings"]:
        assert opening_of(vector).id(raw(vector["job"])) == raw(vector["id"])
    for vector in TABLE["appeals"]:
        assert appeal_of(vector).id(raw(vector["job"])) == raw(vector["id"])


@pytest.mark.parametrize("call", TABLE["settleCalls"])
def test_our_calldata_of_a_settlement_is_eth_abis_and_viems(call: dict[str, Any]) -> None:
    named = call["arguments"]
    workers, mask = named["workers"], int(named["payout"]["creditMask"])
    entries = []
    for entry in named["batches"]:
        batch, signature = batch_of(entry, workers[: int(entry["workerCount"])])
        entries.append(SignedBatch(batch, signature, raw(entry["approval"])))
    credit_only = frozenset(worker for place, worker in enumerate(workers, 1) if mask >> place & 1)
    terms = Terms(*values("Terms", named["terms"]))
    assert encode_settle(terms, entries, credit_only, int(named["payout"]["pushGas"])) == call["calldata"]


@pytest.mark.parametrize("call", TABLE["openCalls"])
def test_our_calldata_of_an_opening_is_eth_abis_and_viems(call: dict[str, Any]) -> None:
    named = call["arguments"]
    entries = [OpenedBatch(*batch_of(entry, entry["workers"]), int(entry["place"])) for entry in named["batches"]]
    assert encode_open(Terms(*values("Terms", named["terms"])), entries, raw(named["signature"])) == call["calldata"]


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
