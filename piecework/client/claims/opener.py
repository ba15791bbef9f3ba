"""Opening a receipt on the chain before its answer is shown: from then on nobody can give the slot to anybody else."""

from dataclasses import dataclass

from piecework.chain.escrow import Escrow, escrow_abi
from piecework.chain.escrow_recourse import OpenedBatch, encode_open
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.client.claims.trail import trail
from piecework.client.holdings import Receipt
from piecework.domain.errors import Conflict
from piecework.domain.terms import Terms, receipt_batch
from piecework.domain.typed_data import Domain, Key

COIN = 10**18


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens receipts whose reward is worth the gas, from the worker's own wallet.

    Args:
        rpc: a node of the escrow's chain.
        domain: the escrow's.
        worker: the key that holds the receipts, and gas money.
        coin_price: base units of the job's token that a whole coin of the chain is worth.
        multiple: how many times its gas a reward must be worth.
    """

    rpc: Rpc
    domain: Domain
    worker: Key
    coin_price: int
    multiple: int = 10

    def open(self, terms: Terms, receipt: Receipt, since_block: int = 0) -> str | None:
        """Opens one slot; where it was opened already, or isn't worth it, does nothing.

        Args:
            since_block: a block before which the chain has nothing of the job.

        Returns:
            The transaction's hash, or None where nothing was sent.

        Raises:
            Conflict: the slot is somebody else's on the chain, or can't be opened: don't show the answer.
            Unavailable: the chain doesn't answer; nothing was shown, do it again.
        """
        escrow = Escrow(self.rpc, self.domain.escrow)
        if escrow.taken(receipt.job, [receipt.slot]):
            self._require_mine(receipt, since_block)
            return None
        batch = receipt_batch(receipt.job, receipt.slot, self.worker.address, receipt.commitment)
        data = encode_open(terms, [OpenedBatch(batch, receipt.signature or b"", 1)], b"")
        try:
            gas = escrow.gas(self.worker.address, data)
        except Conflict as conflict:
            raise Conflict(f"The receipt can't be opened, so the answer isn't shown: {conflict.sentence}") from conflict
        if not self._is_worth(terms, gas):
            return None
        return Wallet(self.rpc, self.worker, escrow_abi()).send(self.domain.escrow, data).transaction_hash

    def _is_worth(self, terms: Terms, gas: int) -> bool:
        cost = gas * int(self.rpc.call("eth_gasPrice"), 16)
        return terms.reward * COIN >= self.multiple * cost * self.coin_price

    def _require_mine(self, receipt: Receipt, since_block: int) -> None:
        head = int(self.rpc.call("eth_blockNumber"), 16)
        holder = trail(self.rpc, self.domain.escrow, receipt.job, since_block, head).holder(receipt.slot)
        if holder != self.worker.address:
            raise Conflict(f"Slot {receipt.slot} is {holder or 'nobody'}'s on the chain, whatever the receipt says; the answer isn't shown.")
