"""What each event means in rows. A handler knows the event and the store, sets values and never increments."""

from indexer.handlers import bonds, jobs, ledger, payments, recourse, reputation
from indexer.handlers.dispatch import handle

__all__ = ["bonds", "handle", "jobs", "ledger", "payments", "recourse", "reputation"]
