"""What can't be started: one sentence on standard error, an exit code, and nothing running."""

import os
import socket
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from piecework.chain.deployment import Deployment
from piecework.stack.process import wait_until
from piecework.stack.settings import is_free
from piecework.stack.state import Lock
from tests.conftest import Chain
from tests.stack.workshop import PIECEWORK, Place, dollars, mint, piecework, place
from tests.support.devnet import anvil, free_port

NOBODY = "http://127.0.0.1:1"


def refuse(data: Path, *arguments: str, **environment: str) -> str:
    """The one sentence by which `up` refuses; it left nothing running."""
    mark = f"STACK_TEST={uuid.uuid4()}"
    environment |= dict([mark.split("=")])
    done = piecework("up", "--detach", "--json", "--data", str(data), *arguments, environment=environment)
    try:
        assert (done.returncode in (1, 2), done.stdout) == (True, ""), done
        *steps, sentence = done.stderr.strip().splitlines()
        assert all(step.endswith(" s") for step in steps), "only finished steps stand before the sentence"
        assert not Lock(data).held()
        assert wait_until(lambda: not marked(mark), 5), "whatever was started has ended"
        return sentence
    finally:
        if done.returncode == 0:
            Place(data).down()


def marked(variable: str) -> list[str]:
    """Processes with a variable in their environment; looks where there is /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if variable.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue  # it has ended, or isn't ours
    return found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "abc"], "--port"),
        (["--port", "65536"], "65536 is no port"),
        (["--port", "-1"], "-1 is no port"),
        (["--devnet", "geth"], "'geth' is no devnet: say anvil, ganache, or"),
        (["--devnet", "ftp://somewhere"], "is no devnet"),
        (["--database", "mysql://root@localhost/x"], "use sqlite:/// or postgresql://"),
        (["--database", "sqlite:////dev/null/x.sqlite"], "The database doesn't open"),
        (["--database", "postgresql://nobody@127.0.0.1:1/none"], "The database doesn't open"),
        (["--database", "://"], "is no database"),
        (["--devnet", NOBODY], f"No chain answers at {NOBODY}"),
        (["--prot", "8000"], "--prot"),
        (["here"], "unexpected extra argument"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    assert says in refuse(tmp_path / "data", "--port", "0", *arguments)


def test_in_the_foreground_it_says_the_same(tmp_path: Path) -> None:
    done = piecework("up", "--port", "0", "--devnet", NOBODY, "--data", str(tmp_path / "data"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"No chain answers at {NOBODY}") and done.stderr.count("\n") == 1


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"Port {port} is taken" in refuse(tmp_path / "data", "--port", str(port))
    assert not (tmp_path / "data" / "anvil").exists()


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    assert "is a file, not a folder" in refuse(tmp_path / "data", "--port", "0")
    assert (tmp_path / "data").read_text() == "mine"


def test_a_data_directory_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "can't be written" in refuse(tmp_path / "file" / "data", "--port", "0")


@pytest.mark.parametrize("devnet", ["anvil", "ganache"])
def test_a_missing_devnet_is_said_with_what_installs_it(tmp_path: Path, devnet: str) -> None:
    code = "import sys; from piecework.chain import build; build.ROOT = build.Path(sys.argv.pop(1)); from piecework.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, str(tmp_path), "up", "--port", "0", "--devnet", devnet]
    bare = os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run([*command, "--data", str(tmp_path / "data")], capture_output=True, text=True, timeout=60, check=False, env=bare)
    assert done.returncode == 1
    assert "make setup" in done.stderr or "install Node.js 20" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_keeps_its_devnet(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        here.up("--port", "0")
        here.down()
        assert "holds a marketplace on anvil, not on ganache" in refuse(here.data, "--devnet", "ganache")


def test_a_chain_started_anew_under_an_old_directory_is_refused(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        here.up("--port", "0")
        here.down()
        for file in (here.data / "anvil").iterdir():
            file.unlink()
        assert "a devnet was started anew" in refuse(here.data, "--port", "0")


def test_a_database_of_another_marketplace_is_refused(tmp_path: Path) -> None:
    with place(tmp_path / "one") as one, place(tmp_path / "two") as two:
        said = one.up("--port", "0")
        one.down()
        before = _tables(one.data / "database.sqlite")
        sentence = refuse(two.data, "--port", "0", "--database", said["database_url"])
        assert sentence.startswith("The database mirrors the escrow"), sentence
        assert _tables(one.data / "database.sqlite") == before


def test_a_damaged_stack_file_is_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "stack.json").write_text("{")
    assert "stack.json is damaged" in refuse(data, "--port", "0")


def test_a_start_that_failed_leaves_no_settings_behind(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        refuse(here.data, "--port", "0", "--database", "sqlite:////dev/null/x.sqlite")
        assert here.up("--port", "0")["database_url"] == f"sqlite:///{here.data}/database.sqlite"


def test_two_ups_at_once_start_one_marketplace(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        command = [PIECEWORK, "up", "--detach", "--port", "0", "--data", str(here.data)]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
        said = [process.communicate(timeout=120)[0] for process in both]
        codes = sorted(process.returncode for process in both)
        assert codes[0] == 0, said
        assert codes == [0, 0] or any("Another 'piecework up' works in" in text for text in said)
        assert here.status()[0] == 0


class TestChainsOfOthers:
    """`--devnet http://…`"""

    def test_a_devnet_of_ones_own_gets_an_escrow_and_keeps_it(self, tmp_path: Path) -> None:
        with anvil() as rpc, place(tmp_path / "data") as here:
            first = here.up("--port", "0", "--devnet", rpc.url)
            assert (first["rpc_url"], first["devnet"], set(first["pids"])) == (rpc.url, rpc.url, {"supervisor", "indexer", "backend"})
            mint(first, "0x" + "f3" * 20, 2)
            here.down()
            assert rpc.call("eth_chainId"), "a chain that isn't ours goes on"
            second = here.up()
            assert second["escrow"] == first["escrow"]
            assert dollars(second, "0x" + "f3" * 20) == 2

    def test_a_chain_without_known_accounts_needs_the_three_variables(self, tmp_path: Path, chain: Chain) -> None:
        empty = "0x" + "0" * 40
        chain.rpc.call("anvil_setBalance", chain.deployer.address, "0x0")
        data, url = tmp_path / "data", chain.rpc.url
        sentence = refuse(data, "--port", "0", "--devnet", url)
        assert all(name in sentence for name in ("PIECEWORK_DEPLOYMENT", "PIECEWORK_COORDINATOR_KEY", "PIECEWORK_RELAYER_KEY"))

        file = tmp_path / "mine.json"
        chain.deployment.save(file)
        known = {"PIECEWORK_DEPLOYMENT": str(file)}
        assert "set PIECEWORK_COORDINATOR_KEY" in refuse(data, "--port", "0", "--devnet", url, **known)
        known["PIECEWORK_COORDINATOR_KEY"] = "0x" + chain.coordinator.secret.hex()
        known["PIECEWORK_RELAYER_KEY"] = "0x12"
        assert "PIECEWORK_RELAYER_KEY is no key" in refuse(data, "--port", "0", "--devnet", url, **known)
        known["PIECEWORK_RELAYER_KEY"] = "0x" + chain.relayer.secret.hex()

        elsewhere = Deployment(**{name: getattr(chain.deployment, name) for name in Deployment.__slots__} | {"escrow": empty})
        elsewhere.save(file)
        assert "There is no contract at" in refuse(data, "--port", "0", "--devnet", url, **known)
        other = Deployment(**{name: getattr(chain.deployment, name) for name in Deployment.__slots__} | {"chain_id": 5})
        other.save(file)
        assert "has id 31337, but the deployment is on 5" in refuse(data, "--port", "0", "--devnet", url, **known)

        chain.deployment.save(file)
        with place(data) as here:
            done = piecework("up", "--detach", "--json", "--port", "0", "--devnet", url, "--data", str(data), environment=known)
            assert done.returncode == 0, done.stderr
            assert chain.deployment.escrow in done.stdout
            assert chain.coordinator.secret.hex() not in done.stdout + (here.data / "stack.json").read_text()


def test_a_port_that_was_chosen_stays_chosen_and_a_free_one_may_move(tmp_path: Path) -> None:
    with place(tmp_path / "data") as here:
        said = here.up("--port", str(free_port()))
        here.down()
        port = int(said["url"].rpartition(":")[2])
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            assert not is_free(port)
            assert f"Port {port} is taken" in refuse(here.data)
            moved = here.up("--port", "0")
            assert moved["url"] != said["url"]


def _tables(path: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [(name, connection.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]) for name in names]
