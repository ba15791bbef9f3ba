"""The pages."""

from fastapi import APIRouter

from backend.web import frame, gallery, hire, pages

router = APIRouter()
for room in (frame, gallery, hire, pages):
    router.include_router(room.router)

__all__ = ["router"]
