"""The pages."""

from fastapi import APIRouter

from backend.web import frame, gallery, pages

router = APIRouter()
for room in (frame, gallery, pages):
    router.include_router(room.router)

__all__ = ["router"]
