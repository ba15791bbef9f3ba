"""The chain that is measured on: the project's own contracts, and as many of their events as are asked for."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from piecework.chain.build import BUILD
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from scripts.bench.indexer.node import head_of, mine, node
from scripts.bench.indexer.street import BUSY, Block, Street

MAKERS = ("calldata.py", "chain.py", "node.py", "requester.py", "street.py")
FOLDER = Path(tempfile.gettempdir()) / "piecework-bench"
"""Where built chains and other tools are kept from one run to the next."""

STATE, DEPLOYMENT, MADE = "state.json", "deployment.json", "events"


@dataclass(frozen=True)
class Chain:
    """A chain that stands still.

    Attributes:
        head: its newest block.
        events: logs of the escrow in it, as the steps that made it promise.
    """

    rpc: Rpc
    deployment: Deployment
    head: int
    events: int


def build(rpc: Rpc, blocks: Callable[[Street], Iterable[Block]], tell: Callable[[int], None]) -> Chain:
    """Mines the blocks, each while the next is made; `tell` hears how many events there are by now."""
    street, made = Street(rpc), 0
    with ThreadPoolExecutor(1) as miner:
        mining = miner.submit(lambda: None)
        for block in blocks(street):
            mining.result()
            mining = miner.submit(mine, rpc, block.transactions)
            made += block.events
            tell(made)
        mining.result()
    return Chain(rpc, street.deployment, head_of(rpc), made)


@contextmanager
def built_chain(events: int, tell: Callable[[int], None], folder: Path = FOLDER) -> Iterator[Chain]:
    """The chain for as long as the block runs: from the folder where an earlier run left it, else made now and left there."""
    kept = folder / f"chain-{events}-{_origin()}"
    if kept.exists():
        with node(load=kept / STATE) as rpc:
            yield Chain(rpc, Deployment.load(kept / DEPLOYMENT), head_of(rpc), int((kept / MADE).read_text()))
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=folder) as name:
        making = Path(name) / "chain"
        making.mkdir()
        with node(dump=making / STATE) as rpc:
            chain = build(rpc, lambda street: street.blocks(events), tell)
            chain.deployment.save(making / DEPLOYMENT)
            (making / MADE).write_text(str(chain.events))
            yield chain
        for old in folder.glob(f"chain-{events}-*"):
            shutil.rmtree(old)
        making.rename(kept)  # in one step, and only now that the state is whole: others may be making the same one


def _origin() -> str:
    """Changes with the contracts and with how the chain is made."""
    sources = [BUILD / "fingerprint", BUSY, *(Path(__file__).with_name(name) for name in MAKERS)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
