"""The usual way to write an indexer: web3.py's `get_logs`, one decoded event after the other, one SQLModel object each.

`python -m scripts.bench.indexer.usual_way RPC DEPLOYMENT DATABASE SECONDS` prints events, seconds and processor seconds. It does what
tutorials do, with nothing checked, and stops after so many seconds, but not before it has had an event: its speed doesn't depend on
how far it has come.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlmodel import BigInteger, Field, Session, SQLModel, create_engine
from web3 import HTTPProvider, Web3

from piecework.chain.deployment import Deployment
from piecework.chain.escrow import escrow_abi

REACH = 8
"""Blocks a call; one call's events are one transaction."""


class UsualEvent(SQLModel, table=True):
    """One event as a row."""

    __tablename__ = "usual_event"
    block_number: int = Field(sa_type=BigInteger, primary_key=True)
    log_index: int = Field(primary_key=True)
    transaction_hash: str = Field(max_length=66)
    name: str
    arguments: str
    """JSON."""


def main(url: str, deployment: Path, database_url: str, most_seconds: float) -> tuple[int, float, float]:
    """Events that became rows, and the seconds and processor seconds that it took."""
    escrow, abi = Web3.to_checksum_address(Deployment.load(deployment).escrow), escrow_abi()
    node = Web3(HTTPProvider(url))
    contract = node.eth.contract(address=escrow, abi=list(abi.events.values()))
    decoders = {topic: contract.events[name]() for topic, name in abi.topics.items()}
    engine = create_engine(database_url)
    SQLModel.metadata.tables["usual_event"].create(engine)
    began, busy, events, head = time.perf_counter(), time.process_time(), 0, node.eth.block_number
    with Session(engine) as session:
        for first in range(0, head + 1, REACH):
            found = node.eth.get_logs({"address": escrow, "fromBlock": first, "toBlock": min(first + REACH - 1, head)})
            for event in _rows(decoders, found):
                session.add(event)
            session.commit()
            events += len(found)
            if events and time.perf_counter() - began > most_seconds:
                break
    return events, time.perf_counter() - began, time.process_time() - busy


def _rows(decoders: dict[str, Any], found: list[Any]) -> Iterator[UsualEvent]:
    for log in found:
        event = decoders["0x" + log["topics"][0].hex()].process_log(log)
        yield UsualEvent(
            block_number=event["blockNumber"],
            log_index=event["logIndex"],
            transaction_hash=event["transactionHash"].hex(),
            name=event["event"],
            arguments=Web3.to_json(event["args"]),
        )


if __name__ == "__main__":
    _url, _deployment, _database, _seconds = sys.argv[1:]
    print(*main(_url, Path(_deployment), _database, float(_seconds)))
