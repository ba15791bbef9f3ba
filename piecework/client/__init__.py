"""What a requester's or a worker's program calls: `Market` for anyone, `Worker` and `Requester` with a key."""

from piecework.client.market import Market, MarketError, Session
from piecework.client.requester import Requester
from piecework.client.worker import Worker

__all__ = ["Market", "MarketError", "Requester", "Session", "Worker"]
