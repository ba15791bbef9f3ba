"""A requester's pages: its jobs, what comes in, and what it comes to."""

from fastapi import APIRouter

from backend.web.hire import jobs, money, results, review

router = APIRouter(include_in_schema=False)
for room in (money, results, review, jobs):
    router.include_router(room.router)

__all__ = ["router"]
