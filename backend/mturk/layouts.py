"""HIT layouts over the marketplace's own API: pages with ${variables}, made once and named by many HITs (HITLayoutId)."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, Row, bindparam, insert, select
from sqlmodel import col

from backend.api.bodies import Body
from backend.api.requests import account, read
from backend.api.schema import JSON, spec
from backend.mturk.ids import derived_id
from backend.mturk.service import MTurk
from backend.mturk.xml import MOST_BYTES
from backend.store.tables.mturk import MTurkLayout
from piecework.domain.errors import Invalid, NotFound

LONGEST_NAME = 100
MOST_LAYOUTS = 1_000
TALLEST = 100_000
_VARIABLE = re.compile(r"\$\{([^}]{1,255})\}")
_OF = select(MTurkLayout).where(col(MTurkLayout.requester) == bindparam("of")).order_by(col(MTurkLayout.created_at), col(MTurkLayout.id))
_ONE = select(MTurkLayout).where(col(MTurkLayout.id) == bindparam("id"), col(MTurkLayout.requester) == bindparam("of"))


class NewLayout(Body):
    """A page with ${variables}, its name for its owner, and the frame's height in pixels (0: the window's)."""

    name: str
    html: str
    frame_height: int = 0


class LayoutView(msgspec.Struct):
    """A layout; `id` is the HITLayoutId, `variables` what HITLayoutParameters fill in."""

    id: str
    name: str
    html: str
    frame_height: int
    variables: list[str]
    created_at: datetime


class Layouts:
    """Keeps requesters' layouts.

    Args:
        service: the interface.
    """

    def __init__(self, service: MTurk) -> None:
        self._service = service

    async def make(self, owner: str, new: NewLayout) -> Row[Any]:
        """A layout; the same page again is the same layout.

        Raises:
            Invalid: no name, no page, too long, or too many.
        """
        if not new.name.strip() or len(new.name) > LONGEST_NAME or "\0" in new.name + new.html:
            raise Invalid(f"Name the layout, in 1 to {LONGEST_NAME} characters.")
        if not new.html.strip() or len(new.html.encode()) > MOST_BYTES:
            raise Invalid(f"A layout's page has 1 to {MOST_BYTES} bytes.")
        if not 0 <= new.frame_height <= TALLEST:
            raise Invalid(f"frame_height is from 0 to {TALLEST} pixels.")
        id = derived_id("layout", owner, new.name, new.html, str(new.frame_height))
        row = {"id": id, "requester": owner, "name": new.name, "html": new.html, "frame_height": new.frame_height}

        def work(connection: Connection) -> Row[Any]:
            if connection.execute(_ONE, {"id": id, "of": owner}).first() is None:
                if len(connection.execute(_OF, {"of": owner}).all()) >= MOST_LAYOUTS:
                    raise Invalid(f"An account has at most {MOST_LAYOUTS} layouts.")
                connection.execute(insert(MTurkLayout), row | {"created_at": self._service.clock()})
            return connection.execute(_ONE, {"id": id, "of": owner}).one()

        made: Row[Any] = await self._service.store.write(work)
        return made

    def of(self, owner: str) -> Sequence[Row[Any]]:
        """An account's layouts, the oldest first."""
        with self._service.store.read() as connection:
            return connection.execute(_OF, {"of": owner}).all()

    def one(self, owner: str, id: str) -> Row[Any]:
        """One of them.

        Raises:
            NotFound: the account has none of that id.
        """
        row = None
        if id.isascii() and id.isalnum():
            with self._service.store.read() as connection:
                row = connection.execute(_ONE, {"id": id, "of": owner}).one_or_none()
        if row is None:
            raise NotFound("You have no such layout.")
        return row


def router(layouts: Layouts) -> APIRouter:
    """The routes over `Layouts`."""
    routes = APIRouter(prefix="/v1/mturk-layouts", tags=["mturk"])

    @routes.post("", **spec(LayoutView, 201, NewLayout, auth=True))
    async def make(request: Request) -> Response:
        """Keeps a page with ${variables}, to be named by HITs as their HITLayoutId; the same page again is the same layout."""
        owner, body = account(request), await read(request, NewLayout)
        return JSON(_view(await layouts.make(owner, body)), 201)

    @routes.get("", **spec(list[LayoutView], auth=True))
    def mine(request: Request) -> Response:
        """The account's layouts, the oldest first; at most a thousand."""
        return JSON({"items": [_view(row) for row in layouts.of(account(request))], "next": None})

    @routes.get("/{id}", **spec(LayoutView, auth=True))
    def one(request: Request, id: str) -> Response:
        """One of the account's layouts."""
        return JSON(_view(layouts.one(account(request), id)))

    return routes


def _view(row: Row[Any]) -> LayoutView:
    return LayoutView(row.id, row.name, row.html, row.frame_height, sorted(set(_VARIABLE.findall(row.html))), row.created_at)
