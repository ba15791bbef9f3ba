"""The hand-written decoders say what eth_abi says, of what Solidity wrote and of what nobody should write."""

import random
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import decode, events, quick
from indexer.chain import AnswerRefused, Log
from piecework.chain.escrow import escrow_abi

TOPICS = {name: topic for topic, name in escrow_abi().topics.items()}
AT = events.Position(5, 0, "0x" + "01" * 32)

hashes = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20)
uint256 = st.integers(0, 2**256 - 1)


def topic(value: bytes) -> str:
    return "0x" + value.rjust(32, b"\0").hex()


def log(name: str, topics: list[bytes], data: bytes | str) -> Log:
    text = data if isinstance(data, str) else "0x" + data.hex()
    return Log(5, 0, "0x" + "02" * 32, AT.transaction_hash, "0x" + "e5" * 20, (TOPICS[name], *map(topic, topics)), text)


def slowly(given_log: Log) -> dict[str, Any]:
    """By eth_abi, with bytes as 0x hex."""
    _, values = escrow_abi().decode_event(given_log.topics, given_log.data)
    return {name: "0x" + value.hex() if isinstance(value, bytes) and name != "places" else value for name, value in values.items()}


def quickly(given_log: Log) -> Any:
    return quick.DECODERS[given_log.topics[0]](AT, given_log)


@given(addresses, addresses, uint256)
def test_a_deposit(account: bytes, token: bytes, amount: int) -> None:
    made = log("Deposited", [account, token], encode(["uint256"], [amount]))
    expected = slowly(made)
    assert quickly(made) == events.Deposited(AT, expected["account"], expected["token"], expected["amount"])


@given(addresses, addresses, addresses, uint256, addresses, uint256)
def test_a_withdrawal(owner: bytes, token: bytes, receiver: bytes, amount: int, relayer: bytes, fee: int) -> None:
    data = encode(["address", "uint256", "address", "uint256"], [receiver, amount, relayer, fee])
    made = log("Withdrawn", [owner, token], data)
    expected = slowly(made)
    names = ("owner", "token", "receiver", "amount", "relayer", "fee")
    assert quickly(made) == events.Withdrawn(AT, *(expected[name] for name in names))


@given(hashes, hashes, st.integers(0, 2**32 - 1), st.integers(0, 255), hashes, st.binary(max_size=300))
def test_a_batch(job: bytes, batch: bytes, first: int, count: int, root: bytes, places: bytes) -> None:
    data = encode(["uint32", "uint8", "bytes32", "bytes"], [first, count, root, places])
    made = log("BatchSettled", [job, batch], data)
    expected = slowly(made)
    names = ("job", "batch", "firstSlot", "workerCount", "answerRoot", "places")
    assert quickly(made) == events.BatchSettled(AT, *(expected[name] for name in names))


@given(hashes, uint256, st.lists(addresses, max_size=20))
def test_a_table(job: bytes, credited: int, workers: list[bytes]) -> None:
    made = log("WorkersPaid", [job], encode(["uint256", "address[]"], [credited, workers]))
    expected = slowly(made)
    assert quickly(made) == quick.Table(expected["job"], expected["credited"], tuple(expected["workers"]))


WHOLE = {
    "Deposited": log("Deposited", [b"a", b"b"], encode(["uint256"], [7])),
    "Withdrawn": log("Withdrawn", [b"a", b"b"], encode(["address", "uint256"] * 2, [b"c" * 20, 1, b"d" * 20, 2])),
    "BatchSettled": log(
        "BatchSettled", [b"a", b"b"], encode(["uint32", "uint8", "bytes32", "bytes"], [3, 4, b"r" * 32, b"\1\2" * 40])
    ),
    "WorkersPaid": log("WorkersPaid", [b"a"], encode(["uint256", "address[]"], [5, [b"w" * 20, b"x" * 20]])),
}


@settings(max_examples=400)
@given(st.sampled_from(sorted(WHOLE)), st.randoms(use_true_random=False))
def test_what_eth_abi_refuses_is_refused_and_nothing_else_is_read_otherwise(name: str, chance: random.Random) -> None:
    whole = WHOLE[name]
    mangled = Log(5, 0, whole.block_hash, whole.transaction_hash, whole.address, whole.topics, mangle(whole.data, chance))
    try:
        expected = slowly(mangled)
    except (DecodingError, ValueError, OverflowError):
        with pytest.raises(ValueError):
            quickly(mangled)
        return
    try:
        found = quickly(mangled)
    except ValueError:
        return  # stricter than eth_abi is allowed: Solidity never writes it
    values = [tuple(value) if isinstance(value, list) else value for value in expected.values()]
    held = [getattr(found, field) for field in found.__struct_fields__ if field != "at"]
    assert sorted(map(repr, held)) == sorted(map(repr, values))


def mangle(data: str, chance: random.Random) -> str:
    """Cuts whole bytes off, or turns some bytes into others."""
    raw = bytearray.fromhex(data[2:])
    if chance.random() < 0.4:
        return "0x" + raw[: chance.randrange(len(raw) + 1)].hex()
    for _ in range(chance.randint(1, 3)):
        raw[chance.randrange(len(raw))] = chance.choice([0, 1, 0x20, 0x40, 0x80, 0xFF, chance.randrange(256)])
    return "0x" + raw.hex()


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_log_with_a_topic_too_few_or_with_dirt_in_it_is_refused(name: str) -> None:
    whole = WHOLE[name]
    for topics in (whole.topics[:-1], (*whole.topics, whole.topics[-1])):
        with pytest.raises(AnswerRefused):
            list(decode.events([Log(5, 0, whole.block_hash, whole.transaction_hash, whole.address, topics, whole.data)]))
    if name in ("Deposited", "Withdrawn"):
        dirty = (whole.topics[0], "0xff" + whole.topics[1][4:], *whole.topics[2:])
        with pytest.raises(AnswerRefused, match="dirt"):
            list(decode.events([Log(5, 0, whole.block_hash, whole.transaction_hash, whole.address, dirty, whole.data)]))
