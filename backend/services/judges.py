"""Who rules on appeals: the account that a job's terms name as its arbitrator, or a member of the council that stands there."""

from typing import Any

from eth_abi.abi import encode
from sqlalchemy import Row

from piecework.chain.rpc import Rpc, RpcRefused

IS_MEMBER = "0xa230c524"
"""isMember(address), as `CouncilArbitrator` and other councils have it."""
YES = "0x" + "01".zfill(64)


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
        data = IS_MEMBER + encode(["address"], [account]).hex()
        try:
            return bool(self._rpc.call("eth_call", {"to": arbitrator, "data": data}, "latest") == YES)
        except RpcRefused:
            return False

    def may_read(self, account: str, row: Row[Any]) -> bool:
        """Whether an account may read an answer: its worker, its requester, and while it is appealed who rules on that.

        Args:
            row: as `backend.store.assignments.view` has it.
        """
        return account in (row.worker, row.requester) or (row.shown_state == "appealed" and self.sits(account, row.arbitrator))
