"""The pages that everybody can see, on a marketplace with a job in it."""

import asyncio
import json
import re
import time
import urllib.error
import urllib.request

import pytest

from piecework.client import Market, Requester
from piecework.replay.run import closes_at
from piecework.stack.accounts import dev_key
from tests.e2e.conftest import Marketplace

HOSTILE = '<script>alert("1")</script> {{ 7 * 7 }} ‮'


@pytest.fixture(scope="module")
def demo(market: Marketplace) -> str:
    """The id of the demo's job."""
    return str(json.loads(market.run("demo", "--json").stdout)["job"])


def get(market: Marketplace, path: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of a page."""
    try:
        with urllib.request.urlopen(market.said["url"] + path) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, dict(refused.headers), refused.read().decode()


def test_the_landing_page_shows_the_jobs_and_its_twin_names_the_same(market: Marketplace, demo: str) -> None:
    status, headers, html = get(market, "/")
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    listed = re.findall(r'<td><a href="/jobs/(0x[0-9a-f]{64})"', html)
    twin = json.loads(get(market, "/index.json")[2])
    assert listed == [job["id"] for job in twin["jobs"]] and demo in listed


def test_a_jobs_page_says_what_was_paid_to_the_last_unit(market: Marketplace, demo: str) -> None:
    status, _, html = get(market, f"/jobs/{demo}")
    assert status == 200
    assert "15.75" in html and "315 paid" in html
    twin = json.loads(get(market, f"/jobs/{demo}.json")[2])
    assert twin["paid"] == str(315 * 50_000) and twin["slots"] == ["paid"] * 315


def test_payments_go_on_over_the_pages(market: Marketplace, demo: str) -> None:
    seen, path = [], f"/jobs/{demo}.json"
    while path:
        page = json.loads(get(market, path)[2])
        seen += [payment["slot"] for payment in page["payments"]]
        path = f"/jobs/{demo}.json?cursor={page['next']}" if page["next"] else ""
    assert seen == list(range(315))


def test_a_hostile_title_stays_a_title(market: Marketplace) -> None:
    async def post() -> str:
        async with Market(market.said["url"]) as api:
            requester = await Requester.sign_in(api, dev_key("requester"))
            job = await requester.draft(
                {
                    "title": HOSTILE,
                    "instructions": HOSTILE,
                    "template": "label",
                    "labels": None,
                    "reward": "1",
                    "units": [{"content": HOSTILE, "slots": 3}],
                    "answers_per_worker": 1,
                    "assignment_seconds": 60,
                    "closes_at": closes_at(time.time()),
                    "review_window_seconds": 0,
                    "appeal_window_seconds": 86_400,
                    "salt": "0x" + "5a" * 32,
                }
            )
            await requester.mint(job["terms"]["token"], 3)
            await requester.fund(job)
            return str((await requester.wait_open(job["id"]))["id"])

    job = asyncio.run(post())
    for path in ("/", f"/jobs/{job}"):
        html = get(market, path)[2]
        assert "<script>" not in html and "&lt;script&gt;" in html and "{{ 7 * 7 }}" in html


@pytest.mark.parametrize("path", ("/jobs/0x12", "/jobs/0x" + "00" * 32, "/jobs/nonsense"))
def test_a_job_that_is_not_there_is_said_so_on_a_page(market: Marketplace, path: str) -> None:
    status, _, html = get(market, path)
    assert status == 404 and "No such job" in html


def test_a_cursor_that_nobody_gave_is_refused(market: Marketplace, demo: str) -> None:
    assert get(market, "/?cursor=x")[0] == 422
    assert get(market, f"/jobs/{demo}.json?cursor=x")[0] == 422


def test_a_page_needs_nothing_from_elsewhere(market: Marketplace, demo: str) -> None:
    for path in ("/", f"/jobs/{demo}"):
        addresses = re.findall(r'(?:href|src)="([^#"][^"]*)"', get(market, path)[2])
        assert addresses and all(address.startswith("/") for address in addresses)
        for address in addresses:
            assert get(market, address)[0] == (401 if address == "/hire" else 200), address
