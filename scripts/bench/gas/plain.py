"""What the same payments cost without an escrow: transfers one by one, a multisend, and the floor under any push."""

from piecework.chain.abi import Abi
from piecework.chain.build import ROOT, compile_file
from piecework.chain.wallet import Wallet
from piecework.domain.typed_data import Key
from scripts.bench.gas.world import REWARD, World

MULTISEND = ROOT / "contracts" / "test" / "bench" / "Multisend.sol"
MOST = 500
"""Receivers of one transaction: 26,000 gas each must fit 2^24."""


class Plain:
    """A multisend on the world's chain."""

    def __init__(self, world: World) -> None:
        compiled = compile_file(MULTISEND, "Multisend")
        self._world, self._abi = world, Abi(compiled.abi)
        address = Wallet(world.rpc, world.deployer).send(None, compiled.bytecode).contract
        assert address
        self._address = address
        world.token(world.deployer, "mint", address, 1)

    def transfers(self, assignments: int, crowd: int, warm: bool = False) -> float:
        """One transfer an assignment; gas each. The first and the second of a worker are sent, the others are like the second."""
        world, requester = self._world, self._world.requester()
        workers = world.workers(min(crowd, 5), warm)
        firsts = [world.token(requester, "transfer", worker, REWARD).gas_used for worker in workers]
        seconds = [world.token(requester, "transfer", worker, REWARD).gas_used for worker in workers]
        first, second = sorted(firsts)[len(firsts) // 2], sorted(seconds)[len(seconds) // 2]
        return (crowd * first + (assignments - crowd) * second) / assignments

    def multisend(self, assignments: int, crowd: int, warm: bool = False) -> float:
        """An approval, then one sum a worker; gas an assignment."""
        world, requester = self._world, self._world.requester()
        gas = world.token(requester, "approve", self._address, assignments * REWARD).gas_used
        return (gas + self._hand_out("disperse", requester, assignments, crowd, warm)) / assignments

    def floor(self, assignments: int, crowd: int, warm: bool = False) -> float:
        """A transfer that funds, then pushes by who holds the money; gas an assignment."""
        world, requester = self._world, self._world.requester()
        gas = world.token(requester, "transfer", self._address, assignments * REWARD).gas_used
        return (gas + self._hand_out("push", requester, assignments, crowd, warm)) / assignments

    def _hand_out(self, name: str, requester: Key, assignments: int, crowd: int, warm: bool) -> int:
        world, gas, workers = self._world, 0, self._world.workers(crowd, warm)
        for at in range(0, crowd, MOST):
            some = list(workers[at : at + MOST])
            amounts = [assignments // crowd * REWARD] * len(some)
            gas += world.send(requester, self._address, self._abi.encode(name, world.deployment.token, some, amounts)).gas_used
        return gas
