"""Columns in the words of both databases."""

from typing import Any

from sqlalchemy import text
from sqlmodel import BigInteger, Field

from piecework.sql import Instant, Uint256


def instant(**options: Any) -> Any:
    return Field(sa_type=Instant, **options)


def big(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


def amount(**options: Any) -> Any:
    return Field(sa_type=Uint256, **options)


def where(condition: str) -> dict[str, Any]:
    """A partial index, in the words of both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
