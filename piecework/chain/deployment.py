"""Where the escrow lives: one file per deployment that backend, indexer and clients start from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from piecework.chain.build import Origin
from piecework.chain.rpc import Rpc, RpcNonsense
from piecework.domain.errors import Invalid, NotFound
from piecework.domain.typed_data import Domain


@dataclass(frozen=True, slots=True)
class Deployment:
    """The escrow of one chain.

    Attributes:
        chain_id: the chain's id (EIP-155).
        genesis_hash: the hash of block 0, by which a devnet that was started anew is told from the one before.
        escrow, recourse, bond, council, token: addresses, lower-case hex; `token` is the one that jobs pay in by default, and a
            deployment may have no bond.
        token_symbol, token_decimals: as the token says.
        start_block: the block of the escrow's creation.
        devnet: whether the token may be minted by anyone and accounts are public.
        origin: what the contracts were made of.
        transactions: contract → hash of the transaction that created it, None where another contract's call did.
    """

    chain_id: int
    genesis_hash: str
    escrow: str
    recourse: str
    bond: str | None
    council: str
    token: str
    token_symbol: str
    token_decimals: int
    start_block: int
    devnet: bool
    origin: Origin
    transactions: Mapping[str, str | None]

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of the escrow."""
        return Domain(self.chain_id, self.escrow)

    @property
    def contracts(self) -> dict[str, str]:
        """The contracts' addresses by their names; the token under that of the devnet's, whatever it is."""
        return {
            "Piecework": self.escrow,
            "Recourse": self.recourse,
            **({"CoordinatorBond": self.bond} if self.bond else {}),
            "CouncilArbitrator": self.council,
            "DevnetDollar": self.token,
        }

    @property
    def mirrored(self) -> tuple[str, ...]:
        """The contracts whose events the mirror has: the escrow, and the bond where there is one."""
        return (self.escrow, self.bond) if self.bond else (self.escrow,)

    def text(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Writes the file in one step, so that a reader never sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        draft.write_text(self.text())
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Deployment":
        """Reads a deployment file.

        Raises:
            NotFound: no such file.
            Invalid: not a deployment.
        """
        try:
            values: dict[str, Any] = {"bond": None} | json.loads(path.read_text())
            return cls(**{name: values[name] for name in cls.__slots__} | {"origin": Origin(**values["origin"])})
        except FileNotFoundError:
            raise NotFound(f"There is no deployment file at {path}.") from None
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid(f"{path} is not a deployment file: {error}.") from None

    def check(self, rpc: Rpc) -> None:
        """Refuses to go on with another chain than the deployment's.

        Raises:
            Invalid: another chain id or genesis, or no contract where the escrow should be.
            RpcNonsense: the node doesn't say; one that has lost its way answers null.
        """
        try:
            chain_id = int(rpc.call("eth_chainId"), 16)
            genesis = rpc.call("eth_getBlockByNumber", "0x0", False)["hash"]
            code = bytes.fromhex(rpc.call("eth_getCode", self.escrow, "latest").removeprefix("0x"))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RpcNonsense(f"What the node at {rpc.place} answers about what chain it is makes no sense ({error}).") from error
        if chain_id != self.chain_id:
            raise Invalid(
                f"The chain at {rpc.place} has id {chain_id}, but the deployment is on {self.chain_id}; "
                "use the right --rpc-url or another data directory."
            )
        if genesis != self.genesis_hash:
            raise Invalid(
                f"The chain at {rpc.place} is not the one that the escrow was deployed to (its first block differs): "
                "a devnet was started anew. Use another data directory, or give it back its state."
            )
        if not code:
            raise Invalid(f"There is no contract at {self.escrow} on the chain at {rpc.place}; the deployment file is another's.")
