"""`ape run deploy`, typed, on a chain that ape takes for a live one; then a marketplace on nothing but the file that it wrote."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from piecework.chain.build import ROOT, contract
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import token_balance
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.sql import sortable
from tests.backend.workshop import answer, approve_all, new_key, open_job, works
from tests.conftest import Chain
from tests.contracts.deploying.shop import ACCOUNT, NETWORK, Shop, install
from tests.support.devnet import anvil, keys

CHAIN_ID = 8453042
DEPLOYER, GOVERNOR, MEMBER = (Key(keccak256(name.encode())) for name in ("deployer", "governor", "member"))
REWARD = 50_000

pytestmark = pytest.mark.timeout(900)


def arguments(token: str | None, governor: str = GOVERNOR.address) -> str:
    tokens = f'[tokens]\n{CHAIN_ID} = "{token}"\n' if token else ""
    return f'governor = "{governor}"\nsalt = "0x{"0c" * 32}"\n[council]\nmembers = ["{MEMBER.address}"]\nfee = 1\n{tokens}'


@pytest.fixture(scope="module")
def live() -> Iterator[Rpc]:
    """A chain that no tool knows, with a dollar on it and some coins for who deploys."""
    install()
    with anvil("--chain-id", str(CHAIN_ID)) as rpc:
        Wallet(rpc, keys()[0]).send(DEPLOYER.address, "0x", 10**18)
        yield rpc


@pytest.fixture(scope="module")
def dollar(live: Rpc) -> str:
    created = Wallet(live, keys()[0]).send(None, contract("DevnetDollar").bytecode).contract
    assert created
    return created


@pytest.fixture(scope="module")
def shop(live: Rpc, dollar: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    opened = Shop(tmp_path_factory.mktemp("home"), live, DEPLOYER).open()
    opened.file.write_text(arguments(dollar))
    return opened


@pytest.fixture(scope="module")
def deployed(shop: Shop) -> Path:
    """The deployment file of the live chain."""
    shop.deploy_live()
    return shop.out / f"{CHAIN_ID}.json"


def test_a_run_that_is_not_agreed_to_is_finished_by_the_next(live: Rpc, dollar: str, shop: Shop) -> None:
    """This comes first: it deploys, under a salt of its own, up to the second transaction."""
    own = Shop(shop.home, live, DEPLOYER)
    own.file.write_text(arguments(dollar).replace("0c", "0d"))
    cut = own.deploy("--network", NETWORK, "--account", ACCOUNT, typed="y\nn\n")
    assert cut.returncode != 0 and "ape didn't send a transaction" in cut.stderr and "Traceback" not in cut.stderr
    assert not (own.out / f"{CHAIN_ID}.json").exists()
    assert "already, since block" in own.deploy_live()
    finished = Deployment.load(own.out / f"{CHAIN_ID}.json")
    finished.check(live)
    assert set(finished.transactions) == {"Piecework", "CoordinatorBond", "CouncilArbitrator"}
    for path in own.out.iterdir():
        path.unlink()
    own.file.write_text(arguments(dollar))


def test_the_file_says_what_is_on_the_chain_and_what_it_was_made_of(live: Rpc, dollar: str, deployed: Path) -> None:
    made = Deployment.load(deployed)
    made.check(live)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert (made.chain_id, made.token, made.token_symbol, made.devnet) == (CHAIN_ID, dollar, "DEVUSD", False)
    assert (made.origin.commit, made.origin.evm_version, made.origin.via_ir) == (head, "shanghai", True)
    for name, transaction in made.transactions.items():
        receipt = live.call("eth_getTransactionReceipt", transaction)
        assert receipt["from"] == DEPLOYER.address, name
        if name == "Piecework":
            assert int(receipt["blockNumber"], 16) == made.start_block
    inputs = {path.name for path in deployed.parent.glob("*.input.json")}
    assert inputs == {f"{CHAIN_ID}.{name}.input.json" for name in ("Piecework", "Recourse", "CoordinatorBond", "CouncilArbitrator")}
    assert all(json.loads((deployed.parent / name).read_text())["language"] == "Solidity" for name in inputs)


def test_a_second_run_changes_nothing(live: Rpc, shop: Shop, deployed: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in shop.out.iterdir()}
    height = live.call("eth_blockNumber")
    shop.deploy_live()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in shop.out.iterdir()} == before
    assert live.call("eth_blockNumber") == height


def test_indexer_and_backend_start_from_the_file_alone_and_a_payment_is_mirrored(live: Rpc, deployed: Path, tmp_path: Path) -> None:
    chain = Chain(live, Deployment.load(deployed), *keys())
    with works(chain, f"sqlite:///{tmp_path}/market.db", tmp_path, PIECEWORK_DEPLOYMENT=str(deployed)) as running:
        worker = new_key()

        async def trade() -> str:
            async with Market(running.url) as market:
                asker, job = await open_job(market, chain.requester, [("what is it?", 1)])
                await answer(await Worker.sign_in(market, worker), job)
                await approve_all(asker, job)
                return str(job["id"])

        job = asyncio.run(trade())
        [row] = running.until("select worker, slot, amount from mirror_slot_payment where job = :job", job=job)
        assert (row.worker, row.slot, row.amount) == (worker.address, 0, sortable(REWARD))
        assert token_balance(live, chain.deployment.token, worker.address) == REWARD


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        (arguments("0x" + "12" * 20), ("--account", ACCOUNT), "is no token with a symbol and decimals"),
        (arguments(None), ("--account", ACCOUNT), f"doesn't say what jobs pay in on chain {CHAIN_ID}"),
        (arguments("0x" + "12" * 20, keys()[0].address), ("--account", ACCOUNT), "whose keys everybody knows"),
        (arguments("0x" + "12" * 20), (), "On a live network say who deploys"),
        (arguments("0x" + "12" * 20), ("--account", "nobody"), "ape knows no account 'nobody'"),
        (arguments("0x12"), ("--account", ACCOUNT), f"'tokens.{CHAIN_ID}' should be an address"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_sent(
    live: Rpc, shop: Shop, tmp_path: Path, text: str, options: tuple[str, ...], sentence: str
) -> None:
    height = live.call("eth_blockNumber")
    file = tmp_path / "deploy.toml"
    file.write_text(text)
    refused = shop.deploy("--network", NETWORK, "--out", str(tmp_path / "out"), "--arguments", str(file), *options)
    assert refused.returncode != 0
    assert sentence in " ".join(refused.stderr.split()) and "Traceback" not in refused.stderr
    assert live.call("eth_blockNumber") == height and not (tmp_path / "out").exists()


@pytest.mark.parametrize("network", ["test", "foundry"])
def test_local_networks_need_nothing_and_get_the_same_addresses(shop: Shop, tmp_path: Path, network: str) -> None:
    """On ape's own chain the proxy is put there first, on Anvil it is there."""
    (tmp_path / "deploy.toml").write_text(arguments(None))
    out = tmp_path / "out"
    done = shop.deploy("--network", f"ethereum:local:{network}", "--arguments", str(tmp_path / "deploy.toml"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    [file] = [path for path in out.glob("*.json") if path.name.count(".") == 1]
    made = Deployment.load(file)
    assert made.devnet and set(made.transactions) == {"Piecework", "CoordinatorBond", "CouncilArbitrator", "DevnetDollar"}
    assert ("Put the deterministic deployment proxy" in done.stderr) == (network == "test")
    assert made.escrow == Deployment.load(shop.out / f"{CHAIN_ID}.json").escrow


def test_the_repositorys_own_folder_holds_nothing_of_ours() -> None:
    assert not list((ROOT / "contracts" / "deployments").glob(f"{CHAIN_ID}*"))
