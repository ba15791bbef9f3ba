"""A requester's pages: its jobs, what comes in, and what it comes to."""

from fastapi import APIRouter

from backend.web.hire import access, disputes, jobs, money, more, new, people, results, review

router = APIRouter(include_in_schema=False)
for room in (access, disputes, money, more, new, people, results, review, jobs):
    router.include_router(room.router)
router.include_router(results.masks)

__all__ = ["router"]
