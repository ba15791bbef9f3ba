"""The indexer's speed: beside what the node gives away when nobody looks, the usual way to write one, and Ponder."""

from scripts.bench.indexer.database import KINDS
from scripts.bench.indexer.measure import Extent, measure
from scripts.bench.indexer.ponder import VERSIONS

__all__ = ["KINDS", "VERSIONS", "Extent", "measure"]
