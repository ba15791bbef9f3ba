"""The wallets that every devnet knows: public keys to nothing of worth, never to be used elsewhere."""

from dataclasses import dataclass
from functools import cache

from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

from piecework.domain.typed_data import Key

MNEMONIC = "test test test test test test test test test test test junk"
NAMES = ("deployer", "requester", "coordinator", "relayer", *(f"worker-{number}" for number in range(1, 7)))
"""Who uses which account by custom; the deployer is the escrow's governor too."""


@dataclass(frozen=True, slots=True)
class Account:
    """A named wallet; `address` lower-case hex, `key` 0x hex, None where only its owner has it."""

    name: str
    address: str
    key: str | None


@cache
def dev_accounts() -> tuple[Account, ...]:
    """The first ten accounts of the devnets' mnemonic (BIP-44, m/44'/60'/0'/0/n)."""
    seed = seed_from_mnemonic(MNEMONIC, "")
    keys = [key_from_seed(seed, f"m/44'/60'/0'/0/{index}") for index in range(len(NAMES))]
    return tuple(Account(name, Key(key).address, "0x" + key.hex()) for name, key in zip(NAMES, keys, strict=True))


def dev_key(name: str) -> Key:
    """The key of a devnet account by its name."""
    return Key(next(account.key for account in dev_accounts() if account.name == name and account.key))
