"""The pages."""

from backend.web.pages import router

__all__ = ["router"]
