"""What a complete answer costs the coordinator, beside what the same costs otherwise, and what doccano costs, on the same machine."""

from scripts.bench.api.measure import SHORT, Extent, measure
from scripts.bench.api.places import KINDS

__all__ = ["KINDS", "SHORT", "Extent", "measure"]
