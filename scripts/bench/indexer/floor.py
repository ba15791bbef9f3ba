"""The floor under any indexer of this chain: its logs asked for over two connections, and the bytes thrown away."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from scripts.bench.indexer.chain import Chain

CONNECTIONS = 2
REACHES = (4, 8, 16, 32)
"""Blocks a call, of which the quickest is the floor's: 0.5 to 4 MB here."""
BUFFER = 1 << 20


def quickest_reach(chain: Chain) -> int:
    """How many blocks to ask for at once; this is the warm-up too."""
    return max(REACHES, key=lambda reach: floor(chain, reach))


def floor(chain: Chain, reach: int) -> float:
    """Events a second that the node gives away when nobody looks at them."""
    ranges = iter(range(0, chain.head + 1, reach))
    lock, failures = threading.Lock(), list[BaseException]()

    def taken() -> Iterator[int]:
        while True:
            with lock:
                first = next(ranges, None)
            if first is None:
                return
            yield first

    def work() -> None:
        try:
            _discard(chain, taken(), reach)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return chain.events / (time.perf_counter() - began)


def _discard(chain: Chain, firsts: Iterator[int], reach: int) -> None:
    """One connection's part."""
    host, buffer = urlsplit(chain.rpc.url).netloc, bytearray(BUFFER)
    connection = http.client.HTTPConnection(host, timeout=60)
    query = {"address": chain.deployment.escrow}
    for first in firsts:
        asked = [query | {"fromBlock": hex(first), "toBlock": hex(min(first + reach - 1, chain.head))}]
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": asked})
        connection.request("POST", "/", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200
        while answer.readinto(buffer):
            pass
    connection.close()
