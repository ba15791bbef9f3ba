"""Who rules on appeals: the account that a job's terms name as its arbitrator, or a member of the council that stands there."""

from typing import Any

from eth_abi.exceptions import DecodingError
from sqlalchemy import Row

from piecework.chain.escrow import council_abi, view
from piecework.chain.rpc import Rpc, RpcRefused


class Judges:
    """Says who is shown what is to be judged.

    Args:
        rpc: asked who sits in a council.
    """

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def sits(self, account: str, arbitrator: str) -> bool:
        """Whether an account rules for an arbitrator, at the latest block.

        Raises:
            Unavailable: the chain, which would know, doesn't answer.
        """
        if account == arbitrator:
            return True
        try:
            return bool(view(self._rpc, council_abi(), arbitrator, "isMember", account))
        except (RpcRefused, DecodingError):  # no council, or no contract at all
            return False

    def may_read(self, account: str, row: Row[Any]) -> bool:
        """Whether an account may read an answer: its worker, its requester, and while it is appealed who rules on that.

        Args:
            row: as `backend.store.assignments.view` has it.
        """
        return account in (row.worker, row.requester) or (row.shown_state == "appealed" and self.sits(account, row.arbitrator))
