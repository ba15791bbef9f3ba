"""The other side of a test of pages: a requester that works through the API."""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from piecework.client import Market, Requester
from tests.backend.workshop import Works, approve_all, open_job


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs it in a thread of its own: Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def post(market: Works, units: Sequence[tuple[Any, int]], **changed: Any) -> dict[str, Any]:
    """A job that is open."""

    async def work() -> dict[str, Any]:
        async with Market(market.url) as api:
            _, job = await open_job(api, market.chain.requester, units, **changed)
            return job

    return dict(run(work()))


def approve(market: Works, job: dict[str, Any]) -> None:
    """Approves every answer, and signs the batches."""

    async def work() -> None:
        async with Market(market.url) as api:
            await approve_all(await Requester.sign_in(api, market.chain.requester), job)

    run(work())


def reject(market: Works, job: dict[str, Any], reason: str, code: str | None = None) -> None:
    """Rejects every answer."""

    async def work() -> None:
        async with Market(market.url) as api:
            asker = await Requester.sign_in(api, market.chain.requester)
            waiting = await asker.submissions(job["id"], "revealed")
            said = [{"assignment": one["id"], "reason": reason, "code": code} for one in waiting]
            await api.post(f"/v1/jobs/{job['id']}/reviews", {"reject": said}, asker.session)

    run(work())


def reply(market: Works, job: dict[str, Any], worker: str, text: str) -> None:
    """Writes to a worker of the job."""

    async def work() -> None:
        async with Market(market.url) as api:
            asker = await Requester.sign_in(api, market.chain.requester)
            await api.post("/v1/messages", {"job": job["id"], "workers": [worker], "text": text}, asker.session)

    run(work())
