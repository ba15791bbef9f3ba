"""A short text signed by an Ethereum key, as wallets sign messages (EIP-191, version 0x45)."""

from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key, recover


def message_digest(text: str) -> bytes:
    """What `personal_sign` signs: keccak256 of 0x19, "Ethereum Signed Message:", a line feed, the length and the text."""
    raw = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw)


def sign_message(key: Key, text: str) -> str:
    """65 bytes as 0x hex."""
    return "0x" + key.sign(message_digest(text)).hex()


def signer_of(text: str, signature: str) -> str:
    """The address that signed `text`.

    Raises:
        Invalid: no signature.
    """
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        raise Invalid("The signature isn't hexadecimal.") from None
    return recover(message_digest(text), raw)
