"""Reads a search for jobs out of a request's query."""

from fastapi import Request

from backend.api.requests import address, amount, choice
from backend.services.search import asked
from backend.store.listings import SORTS, Wanted
from piecework.domain.errors import Invalid

QUERY = (
    *("state", "requester", "token", "template", "ai_policy", "reward_min", "reward_max", "hourly_min", "text"),
    *("qualified", "sort", "cursor", "limit"),
)
AI_POLICIES = ("forbidden", "assisted", "allowed")
LONGEST_TEXT = 500


def wanted(request: Request) -> Wanted:
    """What the query asks for.

    Raises:
        Invalid: a parameter can't be read.
    """
    query = request.query_params
    amounts = {name: amount(name, query[name]) for name in ("reward_min", "reward_max", "hourly_min") if name in query}
    addresses = {name: address(name, query[name]) for name in ("requester", "token") if name in query}
    return Wanted(
        **amounts,
        **addresses,
        template=_short("template", query.get("template")),
        ai_policy=choice("ai_policy", query.get("ai_policy"), AI_POLICIES),
        words=words_of(query.get("text")),
        sort=choice("sort", query.get("sort"), SORTS),
    )


def takeable(request: Request) -> bool:
    """Whether only what the account may take is asked for."""
    return choice("qualified", request.query_params.get("qualified"), ("true", "false")) == "true"


def place(request: Request, sort: str | None) -> tuple[int, ...] | None:
    """The place in the order that the cursor names; None for the beginning.

    Raises:
        Invalid: it isn't a cursor of that order.
    """
    text = request.query_params.get("cursor")
    if text is None:
        return None
    parts = text.split("-")
    if len(parts) != (1 if sort in (None, "newest") else 2):
        raise Invalid("cursor must be what 'next' said, of the same search.")
    numbers = tuple(amount("cursor", part) for part in parts)
    if numbers[-1] >= 2**31:
        raise Invalid("cursor must be what 'next' said.")
    return numbers


def _short(name: str, text: str | None) -> str | None:
    if text is not None and (len(text) > 64 or "\0" in text):
        raise Invalid(f"{name} is a name of at most 64 characters.")
    return text


def words_of(text: str | None) -> tuple[str, ...]:
    """The words that a text asks for; none without a text."""
    if text is None:
        return ()
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"text has at most {LONGEST_TEXT} characters.")
    found = asked([text])
    if not found:
        raise Invalid("text needs a word or a number to search for.")
    return found
