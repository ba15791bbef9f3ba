"""What a requester calls a worker: the same name always, and another one for every requester.

Two requesters can't tell by comparing messages that they write to one person. Addresses are shown where money is (submissions,
batches, payments), because the requester signs them and the chain has them for everybody.
"""

import hashlib
import hmac
from collections.abc import Iterable

from piecework.domain.errors import NotFound

LENGTH = 16
"""Hex digits."""


class Aliases:
    """Names by a hash with a key, so that nobody can find the address of a name by trying all that are known.

    Args:
        secret: the coordinator's key; every process of one coordinator has the same.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"piecework aliases" + secret).digest()

    def of(self, requester: str, worker: str) -> str:
        """The worker's name to this requester."""
        digest = hmac.new(self._key, f"{requester}{worker}".encode(), hashlib.sha256).hexdigest()
        return f"w-{digest[:LENGTH]}"

    def worker(self, requester: str, alias: str, among: Iterable[str]) -> str:
        """Whose name it is, of those.

        Raises:
            NotFound: nobody's.
        """
        for worker in among:
            if self.of(requester, worker) == alias:
                return worker
        raise NotFound(f"No worker of yours is called {alias}.")
