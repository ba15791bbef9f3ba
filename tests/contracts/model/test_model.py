"""The contract against the model, over random lives of the escrow, on a real Anvil.

MODEL_EXAMPLES says how many lives, MODEL_STEPS how long each is at most, MODEL_SEED which ones: MODEL_EXAMPLES=2000 takes a
quarter of an hour, and prints how often each call ended in what.
"""

import os

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from piecework.chain.escrow import escrow_abi
from tests.contracts.model.machine import ENDS, Machine
from tests.contracts.model.stage import tally
from tests.contracts.model.world import world

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "130"))
STEPS = int(os.environ.get("MODEL_STEPS", "80"))
SEED = int(os.environ.get("MODEL_SEED", "1"))
ENOUGH = 3
"""How often each call must have been accepted, for a run to have seen anything."""


@pytest.mark.timeout(0)
def test_the_contract_does_what_the_model_does() -> None:
    tally.clear()
    with world() as (here, model):
        Machine.world, Machine.furnished, Machine.snapshot = here, model, here.rpc.call("evm_snapshot")
        profile = settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(seed(SEED)(Machine), settings=profile)
    print(f"seed {SEED}, {tally['end', 'done']} lives, {sum(tally.values())} calls:")
    print("\n".join(f"{count:7} {name}: {error}" for (name, error), count in sorted(tally.items())))
    seldom = {name: tally[name, "done"] for name in every_call() if tally[name, "done"] < ENOUGH}
    assert not seldom, f"too seldom accepted to have been tested: {seldom}"


def every_call() -> set[str]:
    """The functions that change the escrow (the arbitrator's comes by the council's vote), and how appeals may end."""
    changing = {name for name, entry in escrow_abi().functions.items() if entry["stateMutability"] in ("payable", "nonpayable")}
    return (changing - {"rule"}) | {"vote", "end", *ENDS}
