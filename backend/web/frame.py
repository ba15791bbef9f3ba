"""The frame that requesters' pages run in: an origin of its own that can reach neither the session, nor the wallet, nor the network."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

HERE = Path(__file__).parent

router = APIRouter(include_in_schema=False)


class _Runtime(StaticFiles):
    """The elements' files, readable from the frame's origin, which is nobody's."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["access-control-allow-origin"] = "*"
        response.headers["x-content-type-options"] = "nosniff"
        return response


router.mount("/static/crowd", _Runtime(directory=HERE / "static" / "crowd"), name="crowd")

FRAME_POLICY = "; ".join(
    (
        "sandbox allow-scripts allow-forms",
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' https: data: blob:",
        "media-src 'self' https: data: blob:",
        "font-src https: data:",
        "connect-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-src 'none'",
        "frame-ancestors 'self'",
    )
)
"""Pictures and recordings come from where a requester keeps them; nothing is fetched, posted, framed or opened."""
FRAME_HEADERS = {
    "content-security-policy": FRAME_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()",
    "cross-origin-resource-policy": "same-origin",
    "x-dns-prefetch-control": "off",
}
SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" data-runtime>
<meta name="viewport" content="width=device-width, initial-scale=1" data-runtime>
<title data-runtime>Task</title>
<script src="/static/crowd/shield.js" data-runtime></script>
<link rel="stylesheet" href="/static/crowd/crowd.css" data-runtime>
<script type="module" src="/static/crowd/frame.js"></script>
</head>
<body></body>
</html>
"""


@router.get("/task-frame")
def task_frame() -> Response:
    """An empty page that shows what the work page sends it."""
    return Response(SHELL, headers=FRAME_HEADERS, media_type="text/html; charset=utf-8")
