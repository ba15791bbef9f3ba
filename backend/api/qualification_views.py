"""Qualifications as they leave."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row


class QualificationView(msgspec.Struct):
    id: str
    owner: str
    name: str
    description: str
    keywords: str
    active: bool
    requestable: bool
    auto_value: int | None
    retry_seconds: int | None
    created_at: datetime


class GrantView(msgspec.Struct):
    account: str
    value: int | None
    locale: str | None
    granted_at: datetime
    revoked_at: datetime | None
    reason: str | None


class HeldView(GrantView):
    qualification: str
    name: str
    owner: str


class RequestView(msgspec.Struct):
    account: str
    answer: str
    created_at: datetime


def qualification(row: Row[Any]) -> QualificationView:
    """A kind; its test's key stays with its owner."""
    return QualificationView(**{name: getattr(row, name) for name in QualificationView.__struct_fields__})


def grant(row: Row[Any]) -> GrantView:
    """That an account has it, or had it."""
    return GrantView(**{name: getattr(row, name) for name in GrantView.__struct_fields__})


def held(row: Row[Any]) -> HeldView:
    """What an account has, with whose it is."""
    return HeldView(**{name: getattr(row, name) for name in HeldView.__struct_fields__})


def request(row: Row[Any]) -> RequestView:
    """A request that waits."""
    return RequestView(**{name: getattr(row, name) for name in RequestView.__struct_fields__})
