"""What the protocol costs in gas, beside plain transfers, a summed multisend, the floor, and what others published."""

from scripts.bench.gas.measure import measure

__all__ = ["measure"]
