"""The pages."""

from fastapi import APIRouter

from backend.web import earnings, explorer, frame, gallery, hire, inbox, pages, qualification, recourse, reference, work

router = APIRouter()
for room in (frame, gallery, work, qualification, earnings, inbox, recourse, explorer, hire, reference, pages):
    router.include_router(room.router)

__all__ = ["router"]
