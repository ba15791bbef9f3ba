"""Where letters lead who wants no more of them: one POST without a sign-in (RFC 8058), or a page with a button."""

from fastapi import APIRouter, Request, Response

from backend.api.requests import coordinator, hex_text

router = APIRouter(prefix="/unsubscribe", include_in_schema=False)
_POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Piecework: no more mail</title><form method="post"><p>No more notices to this address?</p><button>Unsubscribe</button></form></html>"""
_DONE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Piecework: no more mail</title><p>No more notices are sent to this
address.</p></html>"""


@router.get("/{id}/{token}")
async def ask(id: str, token: str) -> Response:
    """A button; whatever looks at links before people do changes nothing."""
    return _shown(_PAGE)


@router.post("/{id}/{token}")
async def unsubscribe(request: Request, id: str, token: str) -> Response:
    """Forgets the address; the token is only in letters to it."""
    await coordinator(request).webhooks.unsubscribe(hex_text("The webhook's id", id, 16), token)
    return _shown(_DONE)


def _shown(page: str) -> Response:
    return Response(page, media_type="text/html", headers={"content-security-policy": _POLICY})
