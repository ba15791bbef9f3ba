"""What the indexer logs: lines for people, or one JSON object a line with the same words and their values.

A record says what happened by its `event`, a word for machines, and by values under names of their own:
`log.info("level at block %d", number, extra={"event": "level", "block": number})`.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType

from indexer.interruption import Interrupted
from indexer.stop import Stopped

TEXT = "%(asctime)s indexer %(levelname)s %(message)s"

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName", "event"}
"""What every record has; whatever else one has are its values."""

log = logging.getLogger("indexer")


class JsonLine(logging.Formatter):
    """time (UTC), level, event and message, then the record's values; `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "note"),
            "message": record.getMessage(),
        }
        values = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said | values, default=str, ensure_ascii=False)


def start(log_format: str) -> None:
    """Logs to standard error from now on; also an error that nobody expected, so that it is a line like the others."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(JsonLine() if log_format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _fell


def _is_news(record: logging.LogRecord) -> bool:
    """Not what a library, cut off in the middle by a stop or a new beginning, says of that: both are said in words of our own."""
    error = record.exc_info[1] if record.exc_info else None
    while error is not None and not isinstance(error, Stopped | Interrupted):
        error = error.__cause__ or error.__context__
    return error is None


def _fell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    log.critical("The indexer fell: %s", error, exc_info=(kind, error, traceback), extra={"event": "fell"})
