"""Every figure of `python -m scripts.bench gas`."""

from rich.progress import track

from piecework.chain.escrow import encode_set_protocol_fee, escrow_abi, view
from scripts.bench.gas.breakdown import breakdown
from scripts.bench.gas.operations import disputes, hostile, money, openings
from scripts.bench.gas.plain import Plain
from scripts.bench.gas.published import PEERS, SHAPES, STRETCH, TARGETS
from scripts.bench.gas.workload import Settled, run
from scripts.bench.gas.world import TRANSACTION_GAS, World, fresh_world
from scripts.bench.rows import Row

UNIT = "gas an assignment"
MOST_CODE = 24_576
"""What EIP-170 allows one contract, bytes."""


def measure() -> list[Row]:
    """Our rows first, then what they are measured against, then every other call."""
    with fresh_world() as world:
        cold = [run(world, *shape) for shape in track(SHAPES, "settling, new workers", transient=True)]
        rows = [Row(_shape(s), round(done.gas, 1), UNIT, t) for s, done, t in zip(SHAPES, cold, TARGETS, strict=True)]
        rows += [Row(f"{_shape(s)}, stretch", round(done.gas, 1), UNIT, t) for s, done, t in zip(SHAPES, cold, STRETCH, strict=True)]
        rows += _variants(world)
        rows.append(Row("dearest of these transactions", max(done.largest for done in cold), "gas", TRANSACTION_GAS - 1))
        rows += _new_slots(world, cold)
        rows += _beside(world)
        for index in (0, 3, 5):
            spent = breakdown(world, cold[index])
            rows += [Row(f"{_shape(SHAPES[index])}: {name}", round(gas, 1), UNIT) for name, gas in spent.items()]
        rows += _operations(world)
        return rows + _sizes(world)


def _shape(shape: tuple[int, int]) -> str:
    return f"({shape[0]},{shape[1]})"


def _variants(world: World) -> list[Row]:
    """Workers who hold the token, hundreds settled together, a protocol fee."""
    rows = [Row("(1000,100) warm", round(run(world, 1_000, 100, warm=True).gas, 1), UNIT, 1_250)]
    rows.append(Row("(1000,100) warm, stretch", rows[0].value, UNIT, 1_110))
    together = run(world, 10_000, 100, parts=100)
    rows.append(Row("(10000,100) approved in hundreds, settled together", round(together.gas, 1), UNIT, 620))
    world.escrow(world.deployer, encode_set_protocol_fee(100, world.workers(1)[0]))
    rows.append(Row("(1000,100) with a fee of 1 %", round(run(world, 1_000, 100, fee=500).gas, 1), UNIT))
    world.escrow(world.deployer, encode_set_protocol_fee(0, world.deployer.address))
    return rows


def _new_slots(world: World, cold: list[Settled]) -> list[Row]:
    """Words of the escrow's storage that a settlement creates."""
    rows = []
    for shape, done in zip(SHAPES, cold, strict=True):
        created = sum(_created(world, receipt.transaction_hash) for receipt in [done.posted, *done.settled])
        rows.append(Row(f"{_shape(shape)}: new words in the escrow", created / done.assignments, "words an assignment"))
    return rows


def _created(world: World, transaction_hash: str) -> int:
    options = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    diff = world.rpc.call("debug_traceTransaction", transaction_hash, options)
    before = diff["pre"].get(world.deployment.escrow, {}).get("storage", {})
    after = diff["post"].get(world.deployment.escrow, {}).get("storage", {})
    return sum(int(before.get(key, "0x0"), 16) == 0 for key, value in after.items() if int(value, 16))


def _beside(world: World) -> list[Row]:
    """The same payments without an escrow, here and now; and what others published."""
    plain, rows = Plain(world), []
    for name, way in (("transfers one by one", plain.transfers), ("multisend", plain.multisend), ("floor", plain.floor)):
        rows += [Row(f"{_shape(shape)}: {name}", round(way(*shape), 1), UNIT) for shape in SHAPES]
        rows.append(Row(f"(1000,100) warm: {name}", round(way(1_000, 100, warm=True), 1), UNIT))
    for name, figures in PEERS.items():
        rows += [Row(f"{_shape(s)}: {name} (published)", gas, UNIT) for s, gas in zip(SHAPES, figures, strict=True)]
    return rows


def _operations(world: World) -> list[Row]:
    rows = []
    for calls in (openings, disputes, money):
        rows += [Row(name, gas, "gas", TRANSACTION_GAS - 1) for name, gas in calls(world)]
    return rows + [Row(name, gas, "gas", TRANSACTION_GAS - 1) for name, gas in hostile(world)]


def _sizes(world: World) -> list[Row]:
    recourse = str(view(world.rpc, escrow_abi(), world.deployment.escrow, "recourse"))
    contracts = {
        "Piecework": world.deployment.escrow,
        "Recourse": recourse,
        "CoordinatorBond": world.bond,
        "CouncilArbitrator": world.council,
    }
    codes = {name: world.rpc.call("eth_getCode", address, "latest") for name, address in contracts.items()}
    return [Row(f"size of {name}", len(code) // 2 - 1, "bytes", MOST_CODE) for name, code in codes.items()]
