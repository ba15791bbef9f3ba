"""Drafts of answers in SQL."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text
from sqlmodel import col

from backend.store.tables import AnswerDraft
from piecework.sql import Instant

_SAVE = text("""
    INSERT INTO answer_draft (assignment, draft, saved_at) VALUES (:assignment, :draft, :now)
    ON CONFLICT (assignment) DO UPDATE SET draft = excluded.draft, saved_at = excluded.saved_at""").bindparams(
    bindparam("now", type_=Instant())
)
_ONE = select(AnswerDraft.draft, AnswerDraft.saved_at).where(col(AnswerDraft.assignment) == bindparam("assignment"))


def save(connection: Connection, assignment: str, draft: str, now: datetime) -> None:
    """Keeps a draft instead of the one before."""
    connection.execute(_SAVE, {"assignment": assignment, "draft": draft, "now": now})


def one(connection: Connection, assignment: str) -> tuple[str, datetime] | None:
    """An assignment's draft, JSON, and when it was saved."""
    row = connection.execute(_ONE, {"assignment": assignment}).first()
    return None if row is None else (row.draft, row.saved_at)
