"""The indexer's speed: beside what the node gives away when nobody looks, the usual way to write one, and Ponder."""

from scripts.bench.indexer.database import KINDS
from scripts.bench.indexer.extent import PARTS, Extent
from scripts.bench.indexer.measure import measure

__all__ = ["KINDS", "PARTS", "Extent", "measure"]
