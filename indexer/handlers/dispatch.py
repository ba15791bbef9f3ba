"""The one function that every handler belongs to."""

from collections.abc import Callable
from typing import Any, TypeVar

from indexer.events import Event
from indexer.store import Store

Handler = TypeVar("Handler", bound=Callable[[Any, Store], None])

_HANDLERS: dict[type[Any], list[Callable[[Any, Store], None]]] = {}


def handles(*kinds: type[Any]) -> Callable[[Handler], Handler]:
    """Makes a function a handler of events of these types; an event goes to all its handlers, in the order of their import."""

    def register(handler: Handler) -> Handler:
        for kind in kinds:
            _HANDLERS.setdefault(kind, []).append(handler)
        return handler

    return register


def handle(event: Event, store: Store) -> None:
    """Puts the rows of one event into the store; events come in the order of the chain."""
    for handler in _HANDLERS[type(event)]:
        handler(event, store)
