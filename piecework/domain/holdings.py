"""The head of a holdings document, which service and client must agree on."""

from typing import Any

FORMAT, VERSION = "piecework-holdings", 1


def head(chain_id: int, escrow: str, worker: str) -> dict[str, Any]:
    """What every document begins with: the format, and whose it is at which escrow."""
    return {"format": FORMAT, "version": VERSION, "chain_id": chain_id, "escrow": escrow, "worker": worker}
