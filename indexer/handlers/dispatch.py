"""The one function that every handler belongs to."""

from functools import singledispatch

from indexer.events import Event
from indexer.store import Store


@singledispatch
def handle(event: Event, store: Store) -> None:
    """Puts the rows of one event into the store; events come in the order of the chain."""
    raise TypeError(f"no handler for {type(event).__name__}")
