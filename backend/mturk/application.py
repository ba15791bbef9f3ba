"""The interface put together over a coordinator."""

from functools import partial

from fastapi import APIRouter

from backend.mturk import exams, keys, layouts, pages, past, wire
from backend.mturk.deliveries import secret
from backend.mturk.exams import Exams
from backend.mturk.happenings import Happenings
from backend.mturk.layouts import Layouts
from backend.mturk.past import Past
from backend.mturk.registry import OPERATIONS
from backend.mturk.service import mturk
from backend.mturk.submit import Submissions
from backend.mturk.sweeper import Sweeper
from backend.services.coordinator import Coordinator


def interface(coordinator: Coordinator, url: str) -> tuple[tuple[APIRouter, ...], Sweeper]:
    """The routes of the interface, and what must run beside them.

    Args:
        coordinator: whose jobs HITs become.
        url: where users reach it.
    """
    service = mturk(coordinator, url)
    happenings = Happenings()
    coordinator.assignments.listen(happenings)
    coordinator.verdict_listeners.append(happenings.judged)
    routes = (
        wire.router(service, OPERATIONS),
        keys.router(service.access, service.url, partial(secret, service)),
        pages.router(Submissions(service)),
        layouts.router(Layouts(service)),
        exams.router(Exams(service)),
        past.router(Past(service)),
    )
    return routes, Sweeper(service)
