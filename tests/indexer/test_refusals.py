"""What the indexer won't begin with: a sentence, exit code 1, and nothing changed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from indexer.prepare import open_database, prepare_database, register_deployment
from indexer.source import Source
from piecework.chain.deploy import deploy
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.domain.errors import Invalid
from piecework.migrations.lines import MIRROR
from piecework.migrations.revise import advance
from tests.indexer.bench import bench, dump, process
from tests.indexer.workshop import Workshop
from tests.support.devnet import anvil


def refused(folder: Path, database_url: str, deployment: Deployment, rpc_url: str, **settings: object) -> str:
    """What the process said when it refused."""
    with process(folder, database_url, deployment, rpc_url, **settings) as running:
        assert running.ended() == 1
        assert "Traceback" not in running.said
        return running.said


@pytest.fixture
def filled(busy_workshop: Workshop, database_url: str) -> Iterator[str]:
    """A database that mirrors the busy chain."""
    with bench(database_url, busy_workshop) as mirror:
        mirror.catch_up()
        before = dump(mirror.engine)
        yield database_url
        assert dump(mirror.engine) == before


def test_another_chain_id_is_refused(busy_workshop: Workshop, filled: str, tmp_path: Path) -> None:
    with anvil("--chain-id", "4711") as other:
        assert "has id 4711, but the deployment is on 31337" in refused(
            tmp_path, filled, busy_workshop.deployment, other.url
        )


def test_a_devnet_that_was_started_anew_is_refused(busy_workshop: Workshop, filled: str, tmp_path: Path) -> None:
    with anvil("--timestamp", "1700000000") as other:
        assert "a devnet was started anew" in refused(tmp_path, filled, busy_workshop.deployment, other.url)


def test_an_address_without_a_contract_is_refused(busy_workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    nowhere = replace(busy_workshop.deployment, escrow="0x" + "12" * 20)
    assert "There is no contract at 0x1212" in refused(tmp_path, database_url, nowhere, busy_workshop.rpc.url)


def test_the_same_escrow_from_another_block_on_is_refused(
    busy_workshop: Workshop, filled: str, tmp_path: Path
) -> None:
    later = replace(busy_workshop.deployment, start_block=busy_workshop.deployment.start_block + 1)
    said = refused(tmp_path, filled, later, busy_workshop.rpc.url)
    assert "The database mirrors the escrow" in said and "use the deployment file that it was made with" in said


def test_a_database_of_the_devnet_before_is_refused(workshop: Workshop, filled: str, tmp_path: Path) -> None:
    """The same addresses on the same chain id, but another genesis."""
    with anvil("--timestamp", "1700000000") as rpc:
        wallet = Wallet(rpc, workshop.chain.deployer)
        anew = deploy(wallet, workshop.chain.deployer.address)
        assert anew.escrow == workshop.deployment.escrow
        assert "on another chain with the id 31337" in refused(tmp_path, filled, anew, rpc.url)


def test_another_escrow_of_the_devnet_after_is_refused(workshop: Workshop, filled: str, tmp_path: Path) -> None:
    """A chain id stands for one chain in a database, whatever is looked for on it."""
    with anvil("--timestamp", "1700000000") as rpc:
        other = deploy(Wallet(rpc, workshop.chain.deployer), workshop.chain.requester.address)
        said = refused(tmp_path, filled, other, rpc.url)
        assert "on another chain with the id 31337" in said and "use another database" in said


def test_missing_settings_are_named(busy_workshop: Workshop, tmp_path: Path) -> None:
    said = refused(tmp_path, "", busy_workshop.deployment, busy_workshop.rpc.url, finality_blocks="many")
    assert "PIECEWORK_FINALITY_BLOCKS" in said


def test_another_database_than_the_two_is_refused(busy_workshop: Workshop, tmp_path: Path) -> None:
    said = refused(tmp_path, "mysql://somewhere/x", busy_workshop.deployment, busy_workshop.rpc.url)
    assert "'mysql' is not a database that Piecework knows" in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE mirror_close DROP COLUMN slots_refunded", "in mirror_close column slots_refunded is missing"),
        ("DROP TABLE mirror_tip", "it lacks mirror_tip"),
        ("DROP VIEW mirror_slot_payment", "it lacks mirror_slot_payment"),
    ],
)
def test_tables_of_an_unknown_version_are_refused(
    change: str, sentence: str, busy_workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """As from before there were revisions. A table that is made now would lack what the blocks before say."""
    engine = open_database(database_url)
    with engine.begin() as connection:
        advance(connection, MIRROR, MIRROR.revisions[0])
        connection.execute(text("DROP TABLE mirror_version"))
        connection.execute(text(change))
    engine.dispose()
    said = refused(tmp_path, database_url, busy_workshop.deployment, busy_workshop.rpc.url)
    assert f"The database's mirror tables were made by another version of Piecework ({sentence}" in said
    assert "it is mirrored anew from the chain" in said


def test_a_newer_versions_tables_are_refused(busy_workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    engine = prepare_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE mirror_version SET version_num = '9999'"))
    engine.dispose()
    said = refused(tmp_path, database_url, busy_workshop.deployment, busy_workshop.rpc.url)
    assert "The database's mirror tables are at revision 9999" in said


def test_preparing_twice_changes_nothing(busy_workshop: Workshop, filled: str) -> None:
    for _ in range(2):
        engine = prepare_database(filled)
        register_deployment(engine, busy_workshop.deployment, Source(busy_workshop.rpc, busy_workshop.deployment))
        assert "mirror_slot_run" in inspect(engine).get_table_names()
        engine.dispose()


def test_a_deployment_that_is_refused_leaves_an_empty_mirror(busy_workshop: Workshop, database_url: str) -> None:
    elsewhere = replace(busy_workshop.deployment, chain_id=5)
    engine = prepare_database(database_url)
    before = dump(engine)
    with pytest.raises(Invalid):
        register_deployment(engine, elsewhere, Source(Rpc(busy_workshop.rpc.url), elsewhere))
    assert dump(engine) == before
    engine.dispose()
