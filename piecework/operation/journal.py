"""What a program logs: lines for people, or one JSON object a line with the same words and their values.

A record says what happened by its `event`, a word for machines, and by values under names of their own:
`log.info("level at block %d", number, extra={"event": "level", "block": number})`.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName", "event"}
"""What every record has; whatever else one has are its values."""


class JsonLine(logging.Formatter):
    """time (UTC), level, logger, event and message, then the record's values; `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", "note"),
            "message": record.getMessage(),
        }
        values = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said | values, default=str, ensure_ascii=False)


def start(log_format: str, program: str, text: str, is_news: Callable[[logging.LogRecord], bool] | None = None) -> None:
    """Logs to standard error from now on; also an error that nobody expected, so that it is a line like the others.

    Args:
        log_format: `json`, or anything else for lines.
        program: who says that it fell.
        text: how `logging` writes a line for people.
        is_news: whether a record is worth a line; by default each is.
    """
    handler = logging.StreamHandler(sys.stderr)
    if is_news is not None:
        handler.addFilter(is_news)
    handler.setFormatter(JsonLine() if log_format == "json" else logging.Formatter(text))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    log = logging.getLogger(program)

    def fell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        log.critical("The %s fell: %s", program, error, exc_info=(kind, error, traceback), extra={"event": "fell"})

    sys.excepthook = fell
