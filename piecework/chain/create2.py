"""Creation at addresses that are known beforehand (EIP-1014), through the proxy that has one address on every chain.

A call of it with a salt and creation code creates that code (https://github.com/Arachnid/deterministic-deployment-proxy). The
transaction that makes the proxy binds no chain, and nobody has the key that signed it: whoever pays its gas may put it on a chain,
and nobody can put anything else at that address.
"""

from piecework.domain.keccak import keccak256

PROXY = "0x4e59b44847b379578588920ca78fbf26c0b4956c"
PROXY_CODE = (
    "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b"
    "8082525050506014600cf3"
)
PROXY_TRANSACTION = (
    "0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba0222222222222222222222222222222"
    "2222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222"
)
PROXY_MAKER = "0x3fab184622dc19b6109349b94811493bf2a45362"
"""Who signed that transaction, and must hold its gas."""
PROXY_PRICE = 100_000 * 100 * 10**9
"""Wei: the gas limit and the gas price that stand in it."""


def address_of(salt: bytes, code: str) -> str:
    """Where the proxy creates `code` (0x hex, with the constructor's arguments), lower-case hex."""
    digest = keccak256(b"\xff" + bytes.fromhex(PROXY[2:]) + salt + keccak256(bytes.fromhex(code[2:])))
    return "0x" + digest[12:].hex()


def call_of(salt: bytes, code: str) -> str:
    """Calldata that has the proxy create `code`."""
    return "0x" + salt.hex() + code[2:]
