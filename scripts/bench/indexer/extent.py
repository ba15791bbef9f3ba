"""How much a run of the bench measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.indexer.chain import FOLDER
from scripts.bench.indexer.database import KINDS
from scripts.bench.indexer.ponder import VERSIONS

PARTS = ("indexer", "usual", "ponder", "slots", "head")
"""What can be measured; the indexer's own speed, always with the floor, is what `usual` and `ponder` are compared with."""


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        events: of the chain.
        kinds: of databases.
        parts: of the bench, see `PARTS`.
        runs: of which the median counts, after one that doesn't count.
        usual_seconds: how long the usual way runs.
        settlements: of 10,000 slots each, on a chain of their own.
        head_blocks: that are followed, one a second.
        ponder: versions of it.
        folder: where the chain and Ponder are kept for the next time.
    """

    events: int = 1_000_000
    kinds: Sequence[str] = KINDS
    parts: Sequence[str] = PARTS
    runs: int = 3
    usual_seconds: float = 10
    settlements: int = 100
    head_blocks: int = 30
    ponder: Sequence[str] = VERSIONS
    folder: Path = FOLDER
