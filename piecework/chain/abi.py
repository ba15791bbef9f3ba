"""Encodes calls and decodes results, events and custom errors from a contract's ABI."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)

from piecework.domain.errors import Invalid


class Abi:
    """The functions, events and errors of one contract, by name."""

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        self.functions = {entry["name"]: entry for entry in entries if entry["type"] == "function"}
        self.events = {entry["name"]: entry for entry in entries if entry["type"] == "event"}
        self.errors = {_selector(entry): entry for entry in entries if entry["type"] == "error"}
        self.constructor = next((entry for entry in entries if entry["type"] == "constructor"), {"inputs": []})
        self.topics = {"0x" + event_abi_to_log_topic(entry).hex(): name for name, entry in self.events.items()}

    def encode(self, name: str, *arguments: Any) -> str:
        """Calldata of a call, 0x hex; structs are tuples."""
        entry = self.functions[name]
        return "0x" + (_selector(entry) + encode(_types(entry["inputs"]), arguments)).hex()

    def encode_arguments(self, *arguments: Any) -> str:
        """A constructor's arguments, hex without 0x, to stand behind the creation code."""
        return encode(_types(self.constructor["inputs"]), arguments).hex()

    def decode_result(self, name: str, data: str) -> Any:
        """What a call returned: the value, or a tuple of several."""
        values = decode(_types(self.functions[name]["outputs"]), bytes.fromhex(data[2:]))
        return values[0] if len(values) == 1 else values

    def decode_event(self, topics: Sequence[str], data: str) -> tuple[str, dict[str, Any]]:
        """An event's name and its arguments by name; addresses lower-case hex, bytes as bytes, structs as tuples.

        Raises:
            Invalid: no event of this contract, or not encoded as the ABI says.
        """
        name = self.topics.get(topics[0]) if topics else None
        if name is None:
            raise Invalid("A log of the escrow has a topic that its ABI doesn't know.")
        inputs = self.events[name]["inputs"]
        indexed = [entry for entry in inputs if entry["indexed"]]
        plain = [entry for entry in inputs if not entry["indexed"]]
        values = dict(zip((e["name"] for e in plain), decode(_types(plain), bytes.fromhex(data[2:])), strict=True))
        for entry, topic in zip(indexed, topics[1:], strict=True):
            values[entry["name"]] = decode([entry["type"]], bytes.fromhex(topic[2:]))[0]
        return name, values

    def revert_sentence(self, data: str | None) -> str | None:
        """A revert in words: the custom error's name and values, or the reason string; None if it says neither."""
        raw = bytes.fromhex((data or "0x")[2:])
        if raw[:4] == bytes.fromhex("08c379a0"):
            return str(decode(["string"], raw[4:])[0])
        entry = self.errors.get(raw[:4])
        if entry is None:
            return None
        values = decode(_types(entry["inputs"]), raw[4:])
        named = ", ".join(
            f"{e['name']} {v.hex() if isinstance(v, bytes) else v}" for e, v in zip(entry["inputs"], values, strict=True)
        )
        return f"{entry['name']}({named})"


def _types(inputs: Sequence[dict[str, Any]]) -> list[str]:
    return [collapse_if_tuple(entry) for entry in inputs]  # type: ignore[arg-type]  # eth_utils wants its own TypedDict


def _selector(entry: dict[str, Any]) -> bytes:
    return function_abi_to_4byte_selector(entry | {"type": "function"})  # type: ignore[arg-type]
