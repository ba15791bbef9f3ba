"""The indexer's log (`piecework.operation.journal`), without what its own stops make others say."""

import logging

from indexer.interruption import Interrupted
from indexer.stop import Stopped
from piecework.operation import journal

TEXT = "%(asctime)s indexer %(levelname)s %(message)s"


def start(log_format: str) -> None:
    """Logs to standard error from now on, lines for people or (`json`) for machines."""
    journal.start(log_format, "indexer", TEXT, _is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Not what a library, cut off in the middle by a stop or a new beginning, says of that: both are said in words of our own."""
    error = record.exc_info[1] if record.exc_info else None
    while error is not None and not isinstance(error, Stopped | Interrupted):
        error = error.__cause__ or error.__context__
    return error is None
