"""Spares the garbage collector what stays. Modules are some hundred thousand objects that never end; looking through them all, which
the collector does whenever a quarter as many have come, holds up every request for a seventh of a second."""

import gc
import sys
from threading import Lock

_lock = Lock()
_modules = 0


def spare_modules() -> bool:
    """Leaves whatever is there to stay for good, if modules were loaded since the last time; whether it did so.

    Call it where a moment's pause does no harm: at the beginning, and behind work that loads what it needs.
    """
    global _modules
    with _lock:
        if len(sys.modules) == _modules:
            return False
        _modules = len(sys.modules)
        gc.collect()
        gc.freeze()
        return True
