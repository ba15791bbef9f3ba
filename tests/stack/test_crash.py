"""kill -9 of everything, of the supervisor alone, and of single pieces."""

import subprocess
import sys
from pathlib import Path

from piecework.chain.rpc import Rpc, RpcUnavailable
from piecework.stack.process import Trace, identity, wait_until
from piecework.stack.state import State
from tests.stack.workshop import Place, block, dollars, mint, place

FRIEND = "0x" + "f2" * 20


def test_kill_9_of_everything_right_after_a_payment_loses_nothing(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        said = here.up("--port", "0")
        for round_number in range(1, 4):
            for _ in range(5):
                mint(said, FRIEND, 1)
            head = block(said)
            here.kill()
            again = here.up()
            assert dollars(again, FRIEND) == 5 * round_number
            assert block(again, int(head["number"], 16))["hash"] == head["hash"], "the very same chain, so nobody sees a reorg"
            assert (again["escrow"], again["database_url"], again["rpc_url"]) == (said["escrow"], said["database_url"], said["rpc_url"])
            said = again
        assert "reorg" not in (here.data / "logs" / "indexer.log").read_text()


def test_kill_9_on_ganache_loses_nothing_either(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        said = here.up("--port", "0", "--devnet", "ganache")
        mint(said, FRIEND, 7)
        head = block(said)
        here.kill()
        again = here.up()
        assert dollars(again, FRIEND) == 7
        assert block(again, int(head["number"], 16))["hash"] == head["hash"]
        assert again["escrow"] == said["escrow"]


def test_a_killed_supervisor_leaves_pieces_that_down_ends(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        said = here.up("--port", "0")
        mint(said, FRIEND, 3)
        here.kill("supervisor")
        code, health = here.status()
        assert (code, health["state"], set(health["alive"])) == (3, "orphaned", {"devnet", "indexer", "backend"})
        assert not _answers(said["rpc_url"]), "what nobody notes any more, nobody is told"
        pieces = here.traces()
        assert here.down().returncode == 0
        assert not any(trace.alive() for trace in pieces.values())
        assert dollars(here.up(), FRIEND) == 3


def test_up_takes_over_from_a_killed_supervisor(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        said = here.up("--port", "0")
        mint(said, FRIEND, 4)
        here.kill("supervisor")
        pieces = here.traces()
        again = here.up()
        assert not any(trace.alive() for trace in pieces.values())
        assert (dollars(again, FRIEND), again["url"], again["escrow"]) == (4, said["url"], said["escrow"])


def test_a_devnet_that_dies_comes_back_with_its_chain_while_the_rest_goes_on(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        said = here.up("--port", "0")
        mint(said, FRIEND, 6)
        before = here.traces()
        here.kill("devnet")
        assert wait_until(lambda: _answers(said["rpc_url"]), 30)
        assert dollars(said, FRIEND) == 6
        mint(said, FRIEND, 1)
        assert wait_until(lambda: here.status()[1].get("ready", {}).get("mirrored_block") == int(block(said)["number"], 16), 30, 0.5)
        assert here.traces()["backend"] == before["backend"]
        assert "The devnet ended" in (here.data / "logs" / "supervisor.log").read_text()


def test_a_backend_that_dies_is_started_again(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        here.up("--port", "0")
        before = here.traces()["backend"]
        here.kill("backend")
        assert wait_until(lambda: _back(here, before), 30, 0.5)
        assert here.status()[1]["pids"]["backend"] == here.traces()["backend"].pid


def test_a_process_that_took_over_a_number_is_left_alone(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here, subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        here.up("--port", "0")
        here.down()
        state = State.load(here.data)
        assert state
        state.programs = {"backend": Trace(other.pid, "another boot/1")}
        state.save(here.data)
        assert "nothing runs" in here.down().stdout
        here.up()
        assert other.poll() is None and identity(other.pid)
        assert other.stdin
        other.stdin.close()


def _answers(url: str) -> bool:
    try:
        return bool(Rpc(url).call("eth_chainId"))
    except RpcUnavailable:
        return False


def _back(here: Place, before: Trace) -> bool:
    health = here.status()[1]
    return bool(health["alive"].get("backend", before.pid) != before.pid and health["ready"] and health["ready"]["ready"])
