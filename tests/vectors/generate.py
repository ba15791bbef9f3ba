"""Writes typed_data.json: python -m tests.vectors.generate

Every value comes from somebody else's code, so that the file can judge ours: typed data from eth-account, calldata and ids from
eth-abi with the types written out here, commitments and roots from the formulas in the protocol written out once more with
eth-utils' keccak and Python's own JSON. Run it only when the
protocol changes; the file is under version control, and a test sees that it still is what this script writes.
"""

import json
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

PATH = Path(__file__).with_name("typed_data.json")
SIGNER = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")

TERMS = (
    "address requester,address operator,address token,uint128 reward,uint128 fee,address coordinator,address arbitrator,"
    "bytes arbitratorExtraData,uint128 contestDeposit,uint128 appealStake,uint64 closesAt,uint32 reviewWindow,"
    "uint32 appealWindow,bytes32 contentHash,bytes32 salt"
)
BATCH = "bytes32 job,uint256 firstSlot,address[] workers,bytes places,bytes32 answerRoot"
APPROVAL = "bytes32 batch,uint256 slots,uint256 amount"
WITHDRAWAL = (
    "address owner,address token,address receiver,uint256 amount,uint256 maxFee,uint64 nonce,uint64 deadline"
)
FUNDING = "bytes32 job,uint32 firstSlot,uint32 slots,bytes32 contentHash"
OPEN_REQUEST = "bytes32[] batches"
APPEAL_REQUEST = "bytes32[] openings,uint256[] places"
OPERATOR_GRANT = (
    "address requester,address operator,address token,uint192 allowance,uint64 expiresAt,uint64 nonce,uint64 deadline"
)

# What crosses the boundary as calldata, field by field.
SIGNED_BATCH = (
    "uint32 firstSlot,uint8 workerCount,bytes places,bytes32 answerRoot,bytes32 r,bytes32 vs,bytes approval"
)
OPENED_BATCH = (
    "uint32 firstSlot,address[] workers,bytes places,bytes32 answerRoot,bytes32 r,bytes32 vs,uint8 place"
)
PAYOUT = "uint256 creditMask,uint256 pushGas"
APPEAL = "address worker,address sponsor,uint32 slots,uint64 appealedAt,bytes32 request"

DOMAINS = [
    (1, "0x" + "00" * 17 + "123456"),
    (31337, "0x5fbdb2315678afecb367f032d93f642f64180aa3"),
    (1337, "0xe78a0f7e598cc8b0bb87894b0f60dd2a88d6a8ab"),
    (2**53 - 1, "0x" + "ff" * 20),
]
NOBODY, EVERYBODY = "0x" + "00" * 20, "0x" + "ff" * 20
ZERO, ONES = "0x" + "00" * 32, "0x" + "ff" * 32


def address(seed: int) -> str:
    """An address that nothing else uses."""
    return "0x" + keccak(seed.to_bytes(4))[-20:].hex()


def word(seed: int) -> str:
    """A 32-byte word that nothing else uses."""
    return "0x" + keccak(seed.to_bytes(8)).hex()


def terms(seed: int, **changes: Any) -> dict[str, Any]:
    """Terms of a usual job, changed as told."""
    usual = {
        "requester": address(seed),
        "operator": NOBODY,
        "token": address(seed + 1),
        "reward": 50_000,
        "fee": 500,
        "coordinator": address(seed + 2),
        "arbitrator": NOBODY,
        "arbitratorExtraData": "0x",
        "contestDeposit": 0,
        "appealStake": 0,
        "closesAt": 1_800_000_000,
        "reviewWindow": 86_400,
        "appealWindow": 86_400,
        "contentHash": word(seed),
        "salt": word(seed + 1),
    }
    return usual | changes


def all_terms() -> list[dict[str, Any]]:
    """Usual, empty, fullest, and one with everything different."""
    return [
        terms(1),
        terms(2, requester=NOBODY, token=NOBODY, coordinator=NOBODY, reward=0, fee=0, closesAt=0, reviewWindow=0,
              appealWindow=0, contentHash=ZERO, salt=ZERO),
        terms(3, requester=EVERYBODY, operator=EVERYBODY, token=EVERYBODY, coordinator=EVERYBODY, arbitrator=EVERYBODY,
              reward=2**128 - 1, fee=2**128 - 1, contestDeposit=2**128 - 1, appealStake=2**128 - 1, closesAt=2**64 - 1,
              reviewWindow=2**32 - 1, appealWindow=2**32 - 1, contentHash=ONES, salt=ONES,
              arbitratorExtraData="0x" + "ff" * 100),
        terms(4, operator=address(44), arbitrator=address(45), arbitratorExtraData="0x" + "00" * 31 + "01",
              contestDeposit=250_000, appealStake=20_000_000),
    ]  # fmt: skip


def all_batches() -> list[dict[str, Any]]:
    """A receipt, an empty batch, a usual one with holes, and the largest there is."""
    many = [address(1000 + i) for i in range(255)]
    return [
        {"job": word(10), "firstSlot": 7, "workers": [address(9)], "places": "0x01", "answerRoot": word(11)},
        {"job": ZERO, "firstSlot": 0, "workers": [], "places": "0x", "answerRoot": ZERO},
        {"job": word(12), "firstSlot": 300, "workers": [address(1), address(2), address(1)], "places": "0x" + "01000203" * 9,
         "answerRoot": word(13)},
        {"job": ONES, "firstSlot": 2**32 - 1, "workers": many,
         "places": "0x" + bytes(i % 256 for i in range(16_384)).hex(), "answerRoot": ONES},
    ]  # fmt: skip


def all_approvals() -> list[dict[str, Any]]:
    """Usual, empty, fullest."""
    return [
        {"batch": word(20), "slots": 100, "amount": 5_050_000},
        {"batch": ZERO, "slots": 0, "amount": 0},
        {"batch": ONES, "slots": 2**256 - 1, "amount": 2**256 - 1},
    ]


def all_withdrawals() -> list[dict[str, Any]]:
    """Usual, empty, fullest."""
    fields = ("owner", "token", "receiver", "amount", "maxFee", "nonce", "deadline")
    return [
        dict(zip(fields, (address(1), address(2), address(3), 123_456_789, 1000, 4, 1_800_000_000), strict=True)),
        dict(zip(fields, (NOBODY, NOBODY, NOBODY, 0, 0, 0, 0), strict=True)),
        dict(zip(fields, (EVERYBODY,) * 3 + (2**256 - 1,) * 2 + (2**64 - 1,) * 2, strict=True)),
    ]


def all_fundings() -> list[dict[str, Any]]:
    """Usual, empty, fullest."""
    return [
        {"job": word(30), "firstSlot": 100, "slots": 50, "contentHash": word(31)},
        {"job": ZERO, "firstSlot": 0, "slots": 0, "contentHash": ZERO},
        {"job": ONES, "firstSlot": 2**32 - 1, "slots": 2**32 - 1, "contentHash": ONES},
    ]


def all_open_requests() -> list[dict[str, Any]]:
    """One batch, none, many."""
    return [{"batches": [word(32)]}, {"batches": []}, {"batches": [word(400 + i) for i in range(40)]}]


def all_appeal_requests() -> list[dict[str, Any]]:
    """One opening, none, many with the last places that a table has."""
    return [
        {"openings": [word(33)], "places": [1]},
        {"openings": [], "places": []},
        {"openings": [word(500 + i) for i in range(40)], "places": [255 - i for i in range(40)]},
    ]


def all_operator_grants() -> list[dict[str, Any]]:
    """Usual, empty, fullest."""
    fields = ("requester", "operator", "token", "allowance", "expiresAt", "nonce", "deadline")
    return [
        dict(zip(fields, (address(1), address(2), address(3), 10**9, 1_800_000_000, 7, 1_700_000_000), strict=True)),
        dict(zip(fields, (NOBODY, NOBODY, NOBODY, 0, 0, 0, 0), strict=True)),
        dict(zip(fields, (EVERYBODY,) * 3 + (2**192 - 1,) + (2**64 - 1,) * 3, strict=True)),
    ]


def as_text(value: Any) -> Any:
    """Integers as decimal strings, wherever they stand, because JSON's are doubles."""
    if isinstance(value, dict):
        return {name: as_text(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [as_text(entry) for entry in value]
    return str(value) if isinstance(value, int) else value


def typed(name: str, fields: str, values: dict[str, Any], domain: tuple[int, str]) -> dict[str, Any]:
    """One message as eth-account hashes and signs it."""
    chain_id, escrow = domain
    members = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    signable = encode_typed_data(
        {"name": "Piecework", "version": "1", "chainId": chain_id, "verifyingContract": escrow}, {name: members}, values
    )
    signed = Account.sign_message(signable, SIGNER)
    return {
        "domain": {"chainId": str(chain_id), "escrow": escrow, "separator": "0x" + signable.header.hex()},
        "message": as_text(values),
        "digest": "0x" + signed.message_hash.hex(),
        "signature": "0x" + signed.signature.hex(),
    }


def family(name: str, fields: str, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every value in its turn's domain, and the first one in all of them."""
    cases = [(value, DOMAINS[i % len(DOMAINS)]) for i, value in enumerate(values)]
    cases += [(values[0], domain) for domain in DOMAINS[1:]]
    return [typed(name, fields, value, domain) for value, domain in cases]


def as_abi(fields: str, values: dict[str, Any]) -> tuple[Any, ...]:
    """A struct's values in order, hex as bytes; addresses stay, as eth-abi takes them."""
    kinds = [field.split(" ") for field in fields.split(",")]
    return tuple(bytes.fromhex(values[name][2:]) if kind.startswith("bytes") else values[name] for kind, name in kinds)


def abi_type(fields: str) -> str:
    """A struct's ABI type."""
    return f"({','.join(field.split(' ')[0] for field in fields.split(','))})"


def packed(workers: list[str]) -> bytes:
    """keccak256 of a worker table, a word an address."""
    return keccak(b"".join(bytes(12) + bytes.fromhex(worker[2:]) for worker in workers))


def openings() -> list[dict[str, Any]]:
    """Openings with their ids: of a receipt, of nobody, and of the largest batch that can be opened."""
    cases = []
    for batch in all_batches():
        opening = {"batch": batch["answerRoot"], "firstSlot": batch["firstSlot"], "workers": batch["workers"],
                   "places": batch["places"][: 2 + 2 * 1024]}  # fmt: skip
        places = keccak(bytes.fromhex(opening["places"][2:]))
        words = [bytes.fromhex(value[2:]) for value in (batch["job"], opening["batch"])]
        values = [*words, opening["firstSlot"], packed(opening["workers"]), places]
        opened = keccak(encode(["bytes32", "bytes32", "uint32", "bytes32", "bytes32"], values))
        cases.append({"job": batch["job"], "opening": as_text(opening), "id": "0x" + opened.hex()})
    return cases


def appeals() -> list[dict[str, Any]]:
    """Appeals with their ids: usual, empty, fullest."""
    fields = ("worker", "sponsor", "slots", "appealedAt", "request")
    cases = []
    for job, *values in (
        (word(40), address(1), address(2), 3, 1_750_000_000, word(41)),
        (ZERO, NOBODY, NOBODY, 0, 0, ZERO),
        (ONES, EVERYBODY, EVERYBODY, 2**32 - 1, 2**64 - 1, ONES),
    ):
        appeal = dict(zip(fields, values, strict=True))
        appealed = keccak(encode(["bytes32", abi_type(APPEAL)], [bytes.fromhex(job[2:]), as_abi(APPEAL, appeal)]))
        cases.append({"job": job, "appeal": as_text(appeal), "id": "0x" + appealed.hex()})
    return cases


def signed(seed: int) -> dict[str, str]:
    """Both words of a compact signature; nobody checks it here."""
    return {"r": word(seed), "vs": word(seed + 1)}


def settle_calls() -> list[dict[str, Any]]:
    """Calldata of `settle`: a receipt, two batches that share a table, and the largest batch."""
    receipt, _, holes, largest = all_batches()
    calls = []
    cases = [(1, [receipt], 2), (4, [receipt | {"workers": holes["workers"][:1]}, holes], 0), (3, [largest], 4)]
    for which, batches, mask in cases:
        entries = [
            {"firstSlot": b["firstSlot"], "workerCount": len(b["workers"]), "places": b["places"], "answerRoot": b["answerRoot"],
             **signed(60 + i), "approval": "0x" + ("ab" * 65 if i else "")}
            for i, b in enumerate(batches)
        ]  # fmt: skip
        arguments = {"terms": all_terms()[which - 1], "workers": batches[-1]["workers"], "batches": entries,
                     "payout": {"creditMask": mask, "pushGas": 60_000}}  # fmt: skip
        kinds = [abi_type(TERMS), "address[]", abi_type(SIGNED_BATCH) + "[]", abi_type(PAYOUT)]
        structs = [as_abi(SIGNED_BATCH, entry) for entry in entries]
        values = [as_abi(TERMS, arguments["terms"]), arguments["workers"], structs, as_abi(PAYOUT, arguments["payout"])]
        calls.append(called("settle", kinds, arguments, values))
    return calls


def open_calls() -> list[dict[str, Any]]:
    """Calldata of `open`: a receipt by its worker, several batches by the coordinator, and none."""
    receipt, _, holes, largest = all_batches()
    calls = []
    for which, batches, place in ((1, [receipt], 1), (4, [receipt, holes, largest], 0), (2, [], 0)):
        fields = ("firstSlot", "workers", "places", "answerRoot")
        entries = [{name: b[name] for name in fields} | signed(70 + i) | {"place": place} for i, b in enumerate(batches)]
        arguments = {"terms": all_terms()[which - 1], "batches": entries, "signature": "0x" + "cd" * 65 * place}
        kinds = [abi_type(TERMS), abi_type(OPENED_BATCH) + "[]", "bytes"]
        structs = [as_abi(OPENED_BATCH, entry) for entry in entries]
        values = [as_abi(TERMS, arguments["terms"]), structs, bytes.fromhex(arguments["signature"][2:])]
        calls.append(called("open", kinds, arguments, values))
    return calls


def called(name: str, kinds: list[str], arguments: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    """One call with its calldata."""
    selector = keccak(f"{name}({','.join(kinds)})".encode())[:4]
    calldata = "0x" + (selector + encode(kinds, values)).hex()
    return {"function": name, "arguments": as_text(arguments), "calldata": calldata}


def canonical(value: Any) -> bytes:
    """RFC 8785 for values whose keys are ASCII and whose numbers are small integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def commitments() -> list[dict[str, Any]]:
    """Commitments to answers of every JSON kind."""
    answers = ["yes", "", "naïve 🙂 \" \\ \n", None, True, 42, -7, [], {}, {"b": [1, None], "a": {"z": "ü"}}]
    cases = []
    for seed, answer in enumerate(answers):
        job, salt, worker, slot = word(seed), word(seed + 100), address(seed), seed**7
        parts = [bytes.fromhex(job[2:]), slot.to_bytes(32), bytes.fromhex(worker[2:]), bytes.fromhex(salt[2:])]
        text = canonical(answer)
        cases.append({"job": job, "slot": str(slot), "worker": worker, "salt": salt, "answer": answer,
                      "canonical": "0x" + text.hex(), "commitment": "0x" + keccak(b"".join(parts) + text).hex()})  # fmt: skip
    return cases


def merkle_trees() -> list[dict[str, Any]]:
    """Trees of many sizes with one proof each; built bottom-up, pair by pair, an odd node moving up as it is."""
    cases = []
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 33, 100):
        leaves = [keccak((size * 1000 + i).to_bytes(8)) for i in range(size)]
        index = (size * 7) // 10
        row, position, proof = leaves, index, []
        while len(row) > 1:
            if position ^ 1 < len(row):
                proof.append(row[position ^ 1])
            pairs = [sorted(row[i : i + 2]) for i in range(0, len(row), 2)]
            row = [keccak(b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs]
            position //= 2
        cases.append({"leaves": ["0x" + leaf.hex() for leaf in leaves], "index": str(index),
                      "proof": ["0x" + node.hex() for node in proof], "root": "0x" + row[0].hex()})  # fmt: skip
    return cases


def contents() -> list[dict[str, Any]]:
    """Manifests and units with their hashes."""
    manifest = {"version": 1, "title": "Is it a bluebird?", "instructions": "Look twice.", "template": "label",
                "labels": ["yes", "no"], "answers_per_worker": 1, "assignment_seconds": 3600, "units_root": word(50),
                "units": 108, "slots": 4212}  # fmt: skip
    cases = [{"content": {}, "slots": "1"}, {"content": manifest, "slots": "39"}]
    cases.append({"content": {"text": "Wo ist die Übung? 🐦", "list": [1, [2, {}], None, False]}, "slots": str(2**32 - 1)})
    for case in cases:
        text = canonical(case["content"])
        case["canonical"] = "0x" + text.hex()
        case["contentHash"] = "0x" + keccak(text).hex()
        case["unitLeaf"] = "0x" + keccak(keccak(int(case["slots"]).to_bytes(32) + text)).hex()
    return cases


def vectors() -> dict[str, Any]:
    """The whole file."""
    return {
        "signer": Account.from_key(SIGNER).address.lower(),
        "terms": family("Terms", TERMS, all_terms()),
        "batches": family("Batch", BATCH, all_batches()),
        "approvals": family("Approval", APPROVAL, all_approvals()),
        "withdrawals": family("Withdrawal", WITHDRAWAL, all_withdrawals()),
        "fundings": family("Funding", FUNDING, all_fundings()),
        "openRequests": family("OpenRequest", OPEN_REQUEST, all_open_requests()),
        "appealRequests": family("AppealRequest", APPEAL_REQUEST, all_appeal_requests()),
        "operatorGrants": family("OperatorGrant", OPERATOR_GRANT, all_operator_grants()),
        "openings": openings(),
        "appeals": appeals(),
        "settleCalls": settle_calls(),
        "openCalls": open_calls(),
        "commitments": commitments(),
        "merkle": merkle_trees(),
        "contents": contents(),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")
