"""A requester's pages: its jobs, what comes in, and what it comes to."""

from fastapi import APIRouter

from backend.web.hire import jobs, money, new, results, review

router = APIRouter(include_in_schema=False)
for room in (money, new, results, review, jobs):
    router.include_router(room.router)

__all__ = ["router"]
