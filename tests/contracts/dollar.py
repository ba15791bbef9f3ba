"""What the devnet's dollar lets its holders sign: ERC-2612 permits and EIP-3009 authorizations."""

from eth_abi.abi import encode

from piecework.chain.escrow import token_abi, view
from piecework.chain.rpc import Rpc
from piecework.domain.keccak import keccak256

PERMIT = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline"
AUTHORIZATION = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"


class DollarMessages:
    """The typed messages of one dollar on one chain."""

    def __init__(self, rpc: Rpc, token: str) -> None:
        separator = view(rpc, token_abi(), token, "DOMAIN_SEPARATOR")
        assert isinstance(separator, bytes)
        self._separator = separator

    def permit(self, owner: str, spender: str, amount: int, nonce: int, deadline: int) -> bytes:
        """What an owner signs to let a spender take `amount` base units until `deadline`."""
        return self._digest("Permit", PERMIT, owner, spender, amount, nonce, deadline)

    def authorization(self, owner: str, receiver: str, amount: int, valid: tuple[int, int], nonce: bytes) -> bytes:
        """What an owner signs to let the receiver fetch `amount` base units between two instants, both excluded."""
        return self._digest("ReceiveWithAuthorization", AUTHORIZATION, owner, receiver, amount, *valid, nonce)

    def _digest(self, name: str, fields: str, *values: object) -> bytes:
        kinds = [field.split(" ")[0] for field in fields.split(",")]
        struct = keccak256(keccak256(f"{name}({fields})".encode()) + encode(kinds, values))
        return keccak256(b"\x19\x01" + self._separator + struct)
