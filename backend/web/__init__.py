"""The pages."""

from fastapi import APIRouter

from backend.web import earnings, explorer, frame, gallery, hire, pages, work

router = APIRouter()
for room in (frame, gallery, work, earnings, explorer, hire, pages):
    router.include_router(room.router)

__all__ = ["router"]
