"""The pages."""

from fastapi import APIRouter

from backend.web import earnings, explorer, frame, gallery, hire, pages, recourse, reference, work

router = APIRouter()
for room in (frame, gallery, work, earnings, recourse, explorer, hire, reference, pages):
    router.include_router(room.router)

__all__ = ["router"]
