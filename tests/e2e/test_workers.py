"""`piecework workers` answers what is open: HITs of every kind through boto3's eyes, and a native job."""

import asyncio
import json
import time
from typing import Any

import boto3
import pytest

from piecework.client import Market, Requester
from piecework.stack.accounts import dev_key
from tests.backend.workshop import posting
from tests.e2e.conftest import Marketplace
from tests.mturk.conftest import HIT
from tests.mturk.test_people import TEST
from tests.mturk.test_submit import EXTERNAL, HTML


def client(market: Marketplace) -> Any:
    """boto3 with the devnet's key."""
    key = market.said["mturk"]
    names = ("endpoint_url", "region_name")
    return boto3.client(
        "mturk", aws_access_key_id=key["access_key_id"], aws_secret_access_key=key["secret_access_key"], **{name: key[name] for name in names}
    )


def workers(market: Marketplace, *arguments: str) -> dict[str, Any]:
    """What they say that they did."""
    said: dict[str, Any] = json.loads(market.run("workers", "--json", *arguments).stdout)
    return said


def test_hits_of_every_kind_are_answered(market: Marketplace) -> None:
    turk = client(market)
    hits = [turk.create_hit(**HIT | {"Question": question}, MaxAssignments=3)["HIT"]["HITId"] for question in (HTML, EXTERNAL, TEST)]
    said = workers(market, "--count", "4", "--profile", "rule:a", "--answers", "9", "--seed", "hits", "--text", "is it a bird")
    assert (said["answered"], said["refused"]) == (9, 0), said
    for hit, words in zip(hits, ("<FreeText>a</FreeText>", "<FreeText>a</FreeText>", "<SelectionIdentifier>a</SelectionIdentifier>"), strict=True):
        found = turk.list_assignments_for_hit(HITId=hit)["Assignments"]
        assert len(found) == 3 and all(words in one["Answer"] for one in found), found
        assert len({one["WorkerId"] for one in found}) == 3
        turk.approve_assignment(AssignmentId=found[0]["AssignmentId"])


def test_a_native_job_is_answered_returned_and_abandoned(market: Marketplace) -> None:
    units = [{"n": number, "truth": "ab"[number % 2]} for number in range(10)]

    async def post() -> tuple[str, str]:
        async with Market(market.said["url"]) as connection:
            asker = await Requester.sign_in(connection, dev_key("requester"))
            job = await asker.draft(posting([(unit, 3) for unit in units], labels=["a", "b"]))
            await asker.mint(connection.info["token"]["address"], int(job["amount"]))
            await asker.fund(job)
            await asker.wait_open(job["id"])
            return job["id"], asker.session.token

    async def read(id: str) -> list[dict[str, Any]]:
        async with Market(market.said["url"]) as connection:
            return await (await Requester.sign_in(connection, dev_key("requester"))).submissions(id)

    job, _ = asyncio.run(post())
    mixed = ("--profile", "column:truth@3", "--profile", "spam@1", "--return", "0.2", "--abandon", "0.1")
    began = time.monotonic()
    said = workers(market, "--count", "8", *mixed, "--job", job, "--idle", "1", "--seed", "native")
    assert time.monotonic() - began < 60
    assert said["answered"] and said["returned"] and said["abandoned"] and not said["refused"], said
    assert said["answered"] + said["abandoned"] == 30, "whatever wasn't left lying was answered"
    answers = asyncio.run(read(job))
    assert len(answers) == said["answered"] and said["jobs"] == 1
    spammers = {one["worker"] for one in answers if one["answer"] != units[one["unit"]]["truth"]}
    assert 0 < len(spammers) <= 2 and all(one["answer"] == "a" for one in answers if one["worker"] in spammers)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--profile", "clever"), "is no profile"),
        (("--count", "0"), "from 1 to 1,000 workers"),
        (("--return", "0.7", "--abandon", "0.7"), "at most 1 together"),
        (("--url", "http://127.0.0.1:9", "--count", "1"), "No marketplace answers"),
    ],
)
def test_what_can_not_be_is_said_in_a_sentence(market: Marketplace, arguments: tuple[str, ...], words: str) -> None:
    failed = market.run("workers", *arguments, check=False)
    assert failed.returncode == 1 and words in failed.stderr and "Traceback" not in failed.stderr, failed.stderr
