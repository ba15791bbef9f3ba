"""Up, status, down and up again, on both devnets."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import urllib3

from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.stack.accounts import dev_accounts
from piecework.stack.process import wait_until
from tests.stack.workshop import PIECEWORK, block, dollars, mint, piecework, place
from tests.support.devnet import free_port, keys

FRIEND = "0x" + "f1" * 20


def money_logs(stack: dict[str, Any]) -> list[str]:
    """The transactions that moved dollars, in their order."""
    asked = {"fromBlock": "0x0", "address": stack["token"]["address"]}
    return [log["transactionHash"] for log in Rpc(stack["rpc_url"]).call("eth_getLogs", asked)]


@pytest.mark.parametrize("devnet", ["anvil", "ganache"])
def test_chain_contracts_and_database_survive_down_and_up(tmp_path: Path, devnet: str) -> None:
    with place(tmp_path / "data") as here:
        first = here.up("--port", "0", "--devnet", devnet)
        mint(first, FRIEND, 5)
        head, before = block(first), money_logs(first)
        assert here.down().returncode == 0
        assert not any(trace.alive() for trace in here.traces().values())
        assert here.status()[0] == 3

        second = here.up()
        changing = ("pids",)
        assert {k: v for k, v in second.items() if k not in changing} == {k: v for k, v in first.items() if k not in changing}
        assert block(second, int(head["number"], 16))["hash"] == head["hash"]
        assert dollars(second, FRIEND) == 5
        assert len(before) > 1
        assert money_logs(second)[: len(before)] == before, "the logs of blocks from before the restart are there"


def test_up_prints_what_a_program_needs_and_all_of_it_is_true(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        port = free_port()
        said = here.up("--port", str(port))
        assert said["url"] == f"http://127.0.0.1:{port}"
        assert urllib3.request("GET", said["url"] + "/ready").json()["ready"] is True
        info = urllib3.request("GET", said["url"] + "/v1/info").json()
        for name in ("chain_id", "escrow", "token", "coordinator", "relayer", "rpc_url"):
            assert info[name] == said[name], name
        assert int(Rpc(said["rpc_url"]).call("eth_chainId"), 16) == said["chain_id"]
        assert Deployment.load(here.data / "deployment.json").escrow == said["escrow"]
        assert said["database_url"] == f"sqlite:///{here.data}/database.sqlite"
        assert set(said["pids"]) == {"supervisor", "devnet", "indexer", "backend"}
        assert [account["name"] for account in said["accounts"]] == [account.name for account in dev_accounts()]
        assert dollars(said, said["accounts"][1]["address"]) == 1_000_000 * 10**6

        code, health = here.status()
        assert (code, health["state"], health["ready"]["ready"]) == (0, "running", True)
        again = here.up("--port", "0")
        assert again == said, "a second up prints the stack that runs, and starts nothing"


def test_the_dev_accounts_are_those_of_the_devnets() -> None:
    assert [account.address for account in dev_accounts()][:5] == [key.address for key in keys()]


def test_up_in_the_foreground_stops_everything_at_ctrl_c(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        command = [PIECEWORK, "up", "--json", "--port", "0", "--data", str(here.data)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout
        said = json.loads(process.stdout.readline())
        traces = here.traces()
        assert all(trace.alive() for trace in traces.values())
        mint(said, FRIEND, 9)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert not any(trace.alive() for trace in traces.values())
        assert here.status()[1]["state"] == "stopped"
        assert dollars(here.up(), FRIEND) == 9


def test_a_stop_in_the_middle_of_a_start_leaves_nothing_running(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        command = [PIECEWORK, "up", "--detach", "--json", "--port", "0", "--data", str(here.data)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert wait_until(lambda: (here.data / "stack.json").exists() and "indexer" in here.traces(), 60)
        traces = here.traces()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert not any(trace.alive() for trace in traces.values())


def test_down_where_nothing_runs_says_so_and_is_no_error(tmp_path: Path) -> None:
    done = piecework("down", "--data", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing runs" in done.stdout
    assert not (tmp_path / "nowhere").exists()
