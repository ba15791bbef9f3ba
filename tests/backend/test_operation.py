"""What a running coordinator says of itself: its numbers, whether it is ready, and its log."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

from piecework.client import Market, Worker
from tests.backend.workshop import Works, answer, approve_all, call, eventually, new_key, open_job, works
from tests.conftest import Chain
from tests.support import postgres

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def market(shared_chain: Chain, tmp_path: Path) -> Iterator[Works]:
    """A marketplace of the test's own that logs for machines."""
    with works(shared_chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, PIECEWORK_LOG_FORMAT="json") as own:
        yield own


def settled(market: Works) -> None:
    """A job of two answers, both approved and paid in one transaction."""

    async def run() -> None:
        async with Market(market.url) as connected:
            asker, job = await open_job(connected, market.chain.requester, [("one", 1), ("two", 1)])
            worker = await Worker.sign_in(connected, new_key())
            for _ in range(2):
                await answer(worker, job)
            await approve_all(asker, job)

    asyncio.run(run())
    market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")


def samples(market: Works) -> Samples:
    """Every sample without its deployment's labels, as Prometheus' own parser reads them."""
    said = urllib3.request("GET", market.url + "/metrics", retries=False, timeout=30)
    assert (said.status, said.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    own = {("chain_id", str(market.chain.deployment.chain_id)), ("escrow", market.chain.deployment.escrow)}
    found = [sample for family in text_string_to_metric_families(said.data.decode()) for sample in family.samples]
    assert all(own <= set(sample.labels.items()) for sample in found)
    return {(sample.name, frozenset(set(sample.labels.items()) - own)): sample.value for sample in found}


def of(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_prometheus_reads_requests_by_route_and_what_became_of_the_money(market: Works) -> None:
    settled(market)
    assert call(market, "GET", "/v1/jobs/0x12").status == 422
    for nothing in ("/nothing-here", "/nothing-there"):
        assert call(market, "GET", nothing).status == 404
    found = samples(market)
    for step in ("/v1/jobs/{job}/assignments", "/v1/assignments/{id}/commit", "/v1/assignments/{id}/reveal"):
        assert found["piecework_requests_total", frozenset({("method", "POST"), ("route", step), ("class", "2xx")})] == 2
        assert found["piecework_request_seconds_count", of(method="POST", route=step)] == 2
    assert found["piecework_requests_total", frozenset({("method", "GET"), ("route", "/v1/jobs/{job}"), ("class", "4xx")})] == 1
    assert found["piecework_requests_total", frozenset({("method", "GET"), ("route", "none"), ("class", "4xx")})] == 2
    carried = of(lane="relayer", kind="settlement", state="confirmed")
    assert found["piecework_outbox", carried] == 1 and ("piecework_outbox_age_seconds", carried) not in found
    assert found["piecework_carried_seconds_count", of(kind="settlement")] == 1
    assert found["piecework_lane_balance_wei", of(lane="relayer")] > 0
    assert [found[f"piecework_{name}", of()] for name in ("up", "ready", "leads", "database_up")] == [1, 1, 1, 1]
    assert found["piecework_commit_seconds_count", of()] > 10 and found["piecework_lock_conflicts_total", of(end="lost")] == 0


def test_metrics_are_not_for_everybody(market: Works) -> None:
    """A proxy that nobody trusts may have brought anybody."""
    assert call(market, "GET", "/metrics", **{"x-forwarded-for": "127.0.0.1"}).status == 403
    assert call(market, "GET", "/metrics").status == 200


def test_a_database_that_is_away_is_said_in_a_sentence_and_takes_only_its_own_numbers_with_it(
    shared_chain: Chain, tmp_path: Path
) -> None:
    url = postgres.server().database()
    name = make_url(url).database
    with works(shared_chain, url, tmp_path) as market:
        market.until("SELECT 1 FROM mirror_deployment")
        postgres.server().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres.server().execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        ready = call(market, "GET", "/ready")
        assert (ready.status, ready.body["detail"]) == (503, "The database doesn't answer.")
        assert call(market, "GET", "/health").status == 200
        found = samples(market)
        assert (found["piecework_database_up", of()], found["piecework_ready", of()]) == (0, 0)
        postgres.server().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        deadline = time.monotonic() + 30
        while call(market, "GET", "/ready").status != 200:
            assert time.monotonic() < deadline, market.log
            time.sleep(0.1)


def test_every_line_of_the_log_is_an_object_where_that_is_asked_for(market: Works) -> None:
    settled(market)

    async def both_said() -> bool:
        """The line of a settlement comes after the commit that the test saw."""
        lines = [json.loads(line) for line in market.log.splitlines()]
        assert all({"time", "level", "logger", "event", "message"} <= line.keys() for line in lines)
        return {"listening", "confirmed"} <= {line["event"] for line in lines}

    asyncio.run(eventually(both_said, 10))
    market.kill("backend")
    market.more["PIECEWORK_PUSH_GAS"] = "much"
    with pytest.raises(AssertionError):
        market.start("backend")
    market.processes.pop("backend")
    last = json.loads(market.log.splitlines()[-1])
    assert (last["level"], last["event"]) == ("error", "ended") and "PIECEWORK_PUSH_GAS" in last["message"]
