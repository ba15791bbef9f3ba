"""What the contracts are created with: one file, the same for every chain (contracts/deploy.toml)."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import is_checksum_address

from piecework.domain.errors import Invalid, NotFound
from piecework.domain.units import NATIVE

MOST_MEMBERS = 255
MOST_FEE = 2**96 - 1
"""The council's own bounds, in wei the second."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """Constructor arguments, and the salt that makes addresses differ where arguments don't.

    Attributes:
        governor: may set the fee of new jobs, and nothing else.
        salt: 32 bytes, part of every address.
        members: who rules on appeals, one account one vote.
        fee: wei that the council asks for a dispute.
        tokens: chain id → the ERC-20 that jobs pay in there.
    """

    governor: str
    salt: bytes
    members: tuple[str, ...]
    fee: int
    tokens: Mapping[int, str]

    @classmethod
    def of_devnet(cls, governor: str) -> "Arguments":
        """For chains on which nothing is worth anything: the governor is the whole council."""
        return cls(governor, bytes(32), (governor,), 10**16, {})

    @property
    def accounts(self) -> frozenset[str]:
        """Everybody who gets a power by them."""
        return frozenset((self.governor, *self.members))

    @classmethod
    def load(cls, path: Path) -> "Arguments":
        """Reads the file.

        Raises:
            NotFound: no such file.
            Invalid: a key is missing, unknown or wrong; the sentence names it.
        """
        try:
            values = tomllib.loads(path.read_text())
        except FileNotFoundError:
            raise NotFound(f"There is no file with the contracts' arguments at {path}.") from None
        except tomllib.TOMLDecodeError as error:
            raise Invalid(f"{path} is no TOML: {error}.") from None
        try:
            return cls._read(values)
        except Invalid as wrong:
            raise Invalid(f"{path}: {wrong.sentence}") from None

    @classmethod
    def _read(cls, values: dict[str, Any]) -> "Arguments":
        _require_keys("", values, {"governor", "salt", "council"}, {"tokens"})
        council, tokens = _table(values, "council"), _table(values, "tokens")
        _require_keys("council.", council, {"members", "fee"}, set())
        return cls(
            governor=_address("governor", values["governor"]),
            salt=_salt(values["salt"]),
            members=_members(council["members"]),
            fee=_fee(council["fee"]),
            tokens={_chain_id(key): _address(f"tokens.{key}", value) for key, value in tokens.items()},
        )


def _table(values: dict[str, Any], name: str) -> dict[str, Any]:
    table = values.get(name, {})
    if not isinstance(table, dict):
        raise Invalid(f"'{name}' should be a table, written [{name}].")
    return table


def _require_keys(prefix: str, table: dict[str, Any], needed: set[str], possible: set[str]) -> None:
    for key in sorted(needed - table.keys()):
        raise Invalid(f"the key '{prefix}{key}' is missing.")
    for key in sorted(table.keys() - needed - possible):
        raise Invalid(f"'{prefix}{key}' is no key that a deployment knows.")


def _address(key: str, value: Any) -> str:
    """An account, lower-case; of one in mixed case the checksum must be right (EIP-55)."""
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-fA-F]{40}", value):
        raise Invalid(f"'{key}' should be an address, 0x and 40 hex digits, but is {value!r}.")
    if value not in (value.lower(), "0x" + value[2:].upper()) and not is_checksum_address(value):
        raise Invalid(f"'{key}' is {value}, whose capitals don't match its digits: a digit is wrong, or it was typed by hand.")
    if value.lower() == NATIVE:
        raise Invalid(f"'{key}' is the zero address.")
    return value.lower()


def _salt(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-fA-F]{64}", value):
        raise Invalid(f"'salt' should be 0x and 64 hex digits, but is {value!r}.")
    return bytes.fromhex(value[2:])


def _members(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_MEMBERS:
        raise Invalid(f"'council.members' should be a list of 1 to {MOST_MEMBERS} addresses.")
    members = tuple(_address("council.members", member) for member in value)
    if len(set(members)) != len(members):
        raise Invalid("'council.members' names somebody twice.")
    return members


def _fee(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_FEE:
        raise Invalid(f"'council.fee' should be a whole number of wei from 0 to 2^96 - 1, but is {value!r}.")
    return value


def _chain_id(key: str) -> int:
    if not re.fullmatch("[1-9][0-9]*", key):
        raise Invalid(f"'tokens.{key}' should have a chain id as its key.")
    return int(key)
