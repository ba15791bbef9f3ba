"""What a data directory remembers in stack.json, and whether a stack runs from it."""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from piecework.domain.errors import Conflict, Invalid
from piecework.stack.process import Trace, identity
from piecework.stack.settings import Settings

DEFAULT_DATA = Path(".piecework")


@dataclass(frozen=True, slots=True)
class Stack:
    """A running marketplace, as `piecework up --json` prints it.

    Attributes:
        url, rpc_url: where the backend and the chain listen.
        chain_id, escrow, coordinator, relayer: the chain and who acts on it; addresses lower-case hex.
        token: address, symbol and decimals of what jobs pay in.
        database_url: SQLAlchemy URL.
        data: the data directory, absolute.
        devnet: anvil, ganache, or the address of a chain that isn't ours.
        accounts: name, address and key of the dev wallets; key is null where only its owner has it.
        pids: process numbers by name.
        mturk: the devnet requester's access key for Mechanical Turk's interface, as boto3 takes it; None on others' chains.
    """

    url: str
    rpc_url: str
    chain_id: int
    escrow: str
    token: dict[str, Any]
    coordinator: str
    relayer: str
    database_url: str
    data: str
    devnet: str
    accounts: list[dict[str, str | None]]
    pids: dict[str, int]
    mturk: dict[str, str] | None = None


@dataclass(slots=True)
class State:
    """The content of stack.json.

    Attributes:
        settings: those of the last start that came to be ready; a start that failed leaves none behind.
        programs: who was started, in that order.
        stack: what runs, once it is ready.
    """

    settings: Settings | None
    programs: dict[str, Trace] = field(default_factory=dict)
    stack: Stack | None = None

    def save(self, data: Path) -> None:
        """Writes it in one step; readable by its owner alone, because a database URL may hold a password."""
        draft = data / "stack.json.tmp"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=1)
        draft.replace(data / "stack.json")

    @classmethod
    def load(cls, data: Path) -> "State | None":
        """What was saved there; None where nothing was.

        Raises:
            Invalid: stack.json is something else.
        """
        try:
            values = json.loads((data / "stack.json").read_text())
            return cls(
                Settings(**values["settings"]) if values["settings"] else None,
                {name: Trace(**trace) for name, trace in values["programs"].items()},
                Stack(**values["stack"]) if values["stack"] else None,
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Invalid(f"{data / 'stack.json'} is damaged ({error}); delete it, the chain and the database don't need it.") from None

    def leftovers(self) -> dict[str, Trace]:
        """What was started and still runs."""
        return {name: trace for name, trace in self.programs.items() if trace.alive()}


def require_folder(data: Path) -> None:
    """Makes a data directory where there is none.

    Raises:
        Invalid: it can't be made or written.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / "lock").touch()
    except FileExistsError:
        raise Invalid(f"{data} is a file, not a folder: say --data with another name.") from None
    except OSError as error:
        raise Invalid(f"The data directory {data} can't be written ({error.strerror}): say --data with another one.") from None


class Lock:
    """Held by the one supervisor of a data directory for as long as it lives; the system lets go of it even at kill -9."""

    def __init__(self, data: Path) -> None:
        self.path = data / "lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises:
        Conflict: another supervisor has it.
        """
        file = self.path.open("a+")
        for _ in range(20):  # somebody who only looks holds it for a moment
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self._sign(file)
            except BlockingIOError:
                time.sleep(0.01)
        file.close()
        raise Conflict(f"Another 'piecework up' works in {self.path.parent}; wait for it, or use another --data.")

    def _sign(self, file: IO[str]) -> None:
        """Leaves word who holds it, for those who want it to stop."""
        self._file = file
        file.truncate(0)
        json.dump(asdict(Trace(os.getpid(), identity(os.getpid()) or "")), file)
        file.flush()

    def holder(self) -> Trace | None:
        """The process that took it last."""
        try:
            return Trace(**json.loads(self.path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def held(self) -> bool:
        """Whether a supervisor lives."""
        try:
            with self.path.open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except BlockingIOError:
            return True
        return False


def running_stack(data: Path) -> Stack | None:
    """What runs from a data directory and is ready; None when nothing is."""
    state = State.load(data) if Lock(data).held() else None
    return state.stack if state else None
