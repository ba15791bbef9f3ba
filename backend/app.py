"""The application: services, API and pages put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.util import find_spec

import anyio.to_thread
from fastapi import FastAPI

from backend.api import (
    assignments,
    attachments,
    consensus,
    evidence,
    fairness,
    funding,
    gold,
    health,
    holdings,
    job_drafts,
    jobs,
    keys,
    lanes,
    metrics,
    notices,
    operators,
    people,
    peer_reviews,
    problems,
    proofs,
    qualifications,
    recourse,
    reports,
    reviews,
    routing,
    schema,
    session,
    settlement,
    templates,
    unsubscribe,
    waiting,
    watchtower,
    work,
)
from backend.api.express import ExpressLane
from backend.api.guard import Guard, Networks, Proxies
from backend.api.limits import Limits
from backend.api.meter import Meter
from backend.api.repeats import Repeats
from backend.mturk.application import interface
from backend.services.coordinator import Coordinator

ROOMS = (
    health,
    metrics,
    session,
    keys,
    jobs,
    job_drafts,
    funding,
    proofs,
    lanes,
    notices,
    assignments,
    attachments,
    consensus,
    gold,
    fairness,
    routing,
    settlement,
    templates,
    holdings,
    evidence,
    recourse,
    operators,
    people,
    peer_reviews,
    qualifications,
    reports,
    reviews,
    unsubscribe,
    waiting,
    watchtower,
    work,
)
THREADS = 10
"""Readers at once: fewer than the database's pool holds, so that none waits for a connection."""


def create_app(services: Coordinator) -> FastAPI:
    """The application over a coordinator, which it starts and stops with itself."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        services.start()
        sweeper.start()
        try:
            yield
        finally:
            await sweeper.stop()
            await services.stop()

    turk, sweeper = interface(services, services.sessions.uri)
    app = FastAPI(
        title="Piecework",
        version=version("piecework"),
        description="The coordinator of a marketplace for small paid tasks, settled on a blockchain.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # the pages have their own, which loads nothing from elsewhere
        redoc_url=None,
    )
    app.state.coordinator = services
    s = services.settings
    app.state.limits = Limits(s.rate_address, s.rate_account, s.rate_sign_ins)
    problems.install(app)
    schema.install(app)
    for room in ROOMS:
        app.include_router(room.router)
    for router in turk:
        app.include_router(router)
    if find_spec("backend.web") is not None:
        from backend.web import router as pages  # the pages come with their own package

        app.include_router(pages)
    return app


def serve(services: Coordinator) -> Meter:
    """The application as a server runs it: the meter before the guard before the express lane before everything else."""
    app, s = create_app(services), services.settings
    proxies = Proxies("PIECEWORK_TRUSTED_PROXIES", s.trusted_proxies)
    app.state.watchers = Networks("PIECEWORK_METRICS_FROM", s.metrics_from)
    guard = Guard(Repeats(ExpressLane(app), app), app, proxies, s.origins, services.sessions.uri.startswith("https:"))
    app.state.meter = meter = Meter(guard)
    return meter
