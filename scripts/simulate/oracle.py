"""What must be true when all is quiet, found without the indexer's help."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from indexer.bonds import bond_abi
from piecework.chain.escrow import escrow_abi
from piecework.chain.rpc import Rpc
from scripts.simulate.rows import Tables
from tests.indexer.workshop import Workshop

WITHOUT_ROWS = {"Dispute"}
"""Events that the typed tables keep no row of: another event beside it says the same."""


@dataclass(frozen=True)
class Walk:
    """The canonical chain.

    Attributes:
        hashes: of all blocks, by number.
        logs: the escrow's, in the order of the chain.
    """

    hashes: dict[int, str]
    logs: list[dict[str, Any]]

    @property
    def head(self) -> int:
        return max(self.hashes)


class Wrong(AssertionError):
    """The mirror isn't the chain's."""


def walk(rpc: Rpc, first: int) -> Walk:
    """The blocks from `first` on, linked by their parents from the newest one down, each asked for its logs by its hash."""
    head = int(rpc.call("eth_blockNumber"), 16)
    blocks = rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in range(first, head + 1)])
    for parent, child in zip(blocks, blocks[1:], strict=False):
        assert child["parentHash"] == parent["hash"], "the chain itself isn't linked"
    answers = rpc.batch([("eth_getLogs", [{"blockHash": block["hash"]}]) for block in blocks])
    logs = [log for found in answers for log in found]
    return Walk({int(block["number"], 16): block["hash"] for block in blocks}, logs)


def require_whole(mirror: Tables) -> None:
    """At any moment: no row is beyond the cursor, and the cursor's block is among the blocks."""
    cursor, highest, blocks = mirror.state()
    if cursor is None:
        _require(highest == -1, "there are rows without a cursor")
        return
    _require(highest <= cursor[0], f"there are rows of block {highest}, beyond the cursor at {cursor[0]}")
    _require(blocks.get(cursor[0]) == cursor[1], f"block {cursor[0]} of the cursor isn't the one that is kept")


def require_canonical(mirror: Tables, fresh: Tables, chain: Walk, workshop: Workshop) -> None:
    """In the end: the mirror is the chain's, and one that saw nothing but the end has the same rows.

    Raises:
        Wrong: with what differs first.
    """
    require_whole(mirror)
    cursor = mirror.cursor()
    assert cursor is not None
    _require(cursor[0] <= chain.head, f"the cursor at {cursor[0]} is above the head at {chain.head}")
    for number, block_hash in mirror.blocks().items():
        canonical = chain.hashes.get(number, block_hash)
        _require(canonical == block_hash, f"block {number} is kept as {block_hash}, which is dead")
    _require_events(mirror, chain, workshop)
    _require_balances(mirror, workshop)
    _require_same(mirror, fresh)


def require_indexes(mirror: Tables, wanted: set[str]) -> None:
    """In the end: every index that the empty tables had is there, however often the indexer was killed before it had made them."""
    _require(mirror.indexes() == wanted, f"other indexes than at first: {sorted(mirror.indexes() ^ wanted)[:5]}")


def _require_events(mirror: Tables, chain: Walk, workshop: Workshop) -> None:
    """The raw events are the chain's, all of each; and every event has a derived row and every row an event, by its place."""
    own = [log for log in chain.logs if log["address"] in (workshop.deployment.escrow, workshop.deployment.bond)]
    wanted = Counter((*_place(log), "0x" + "".join(topic[2:] for topic in log["topics"]), log["data"]) for log in own)
    held = mirror.events()
    _require(held == wanted, f"mirror_event has {list(held - wanted)[:2]} but should have {list(wanted - held)[:2]}")
    everybodys = {_place(log) for log in chain.logs}
    everybodys |= {place[:2] for place in everybodys}
    derived: set[tuple[Any, ...]] = set()
    for table, places in mirror.places().items():
        dead = places - everybodys
        _require(not dead, f"{table} has rows of no event: {sorted(dead)[:3]}")
        if table != "mirror_event":
            derived |= {place[:2] for place in places}
    topics = escrow_abi().topics | bond_abi().topics
    named = {_place(log)[:2]: topics[log["topics"][0]] for log in own}
    lost = {place: name for place, name in named.items() if place not in derived and name not in WITHOUT_ROWS}
    _require(not lost, f"events without a row: {sorted(lost.items())[:3]}")


def _require_balances(mirror: Tables, workshop: Workshop) -> None:
    """The newest row of every ledger balance is what the escrow says."""
    rows = mirror.query("SELECT account, token, balance FROM mirror_ledger_entry ORDER BY block_number, log_index, sequence")
    newest = {(account, token): mirror.amount(balance) for account, token, balance in rows}
    for account, token in workshop.accounts | set(newest):
        on_chain, kept = workshop.escrow.balance_of(account, token), newest.get((account, token), 0)
        _require(on_chain == kept, f"{account} has {on_chain} of {token}, but {kept} by the mirror")


def _require_same(mirror: Tables, fresh: Tables) -> None:
    ours, theirs = mirror.dump(), fresh.dump()
    _require(ours.keys() == theirs.keys(), f"other tables: {sorted(ours.keys() ^ theirs.keys())}")
    for table, rows in ours.items():
        more, fewer = rows - theirs[table], theirs[table] - rows
        _require(not more and not fewer, f"{table} has {list(more)[:2]} but should have {list(fewer)[:2]}")


def _place(log: dict[str, Any]) -> tuple[int, int, str]:
    return int(log["blockNumber"], 16), int(log["logIndex"], 16), log["transactionHash"]


def _require(held: bool, otherwise: str) -> None:
    if not held:
        raise Wrong(otherwise)
