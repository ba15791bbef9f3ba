"""The pages."""

from fastapi import APIRouter

from backend.web import earnings, explorer, frame, gallery, hire, pages, reference, work

router = APIRouter()
for room in (frame, gallery, work, earnings, explorer, hire, reference, pages):
    router.include_router(room.router)

__all__ = ["router"]
