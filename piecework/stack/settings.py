"""What was asked for on the command line, settled with what a data directory was started with before."""

import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import ArgumentError

from piecework.domain.errors import Conflict, Invalid
from piecework.sql import database_url

DEFAULT_PORT = 8000
HOST = "127.0.0.1"
"""Nothing here listens to other machines: the wallets' keys are public."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said, see `read_options`; None where it said nothing. `port` 0 means any free one."""

    data: Path
    port: int | None = None
    devnet: str | None = None
    database: str | None = None


def read_options(data: Path, port: int | None = None, devnet: str | None = None, database: str | None = None) -> Options:
    """Options as they were typed, with paths made absolute and a database as its URL.

    Raises:
        Invalid: no such devnet, port or database.
    """
    if devnet is not None and devnet not in ("anvil", "ganache") and not is_address(devnet):
        raise Invalid(f"'{devnet}' is no devnet: say anvil, ganache, or the http:// address of a chain that runs already.")
    if port is not None and not 0 <= port <= 65535:
        raise Invalid(f"{port} is no port: say 1 to 65535, or 0 for any free one.")
    return Options(data.resolve(), port, devnet, None if database is None else _database_url(database))


def _database_url(text: str) -> str:
    try:
        return database_url(text)
    except ArgumentError:
        raise Invalid(f"'{text}' is no database: say a file's path, sqlite:///… or postgresql://….") from None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stack is started with, kept in its data directory so that the next start needs no options.

    Attributes:
        devnet: anvil, ganache, or http(s)://….
        port: the backend's.
        any_port: whether another port is as good when that one is taken.
        rpc_port: the devnet's; None for a chain that isn't ours.
        database_url: SQLAlchemy URL.
    """

    devnet: str
    port: int
    any_port: bool
    rpc_port: int | None
    database_url: str

    @property
    def own_devnet(self) -> bool:
        return not is_address(self.devnet)


def settle(options: Options, before: Settings | None) -> Settings:
    """Settings from options, else from the last start, else the defaults. Ports are free at this moment.

    Raises:
        Invalid: the directory holds another devnet's chain.
        Conflict: the port is taken.
    """
    devnet = _devnet(options, before)
    port, any_port = _port(options, before)
    rpc_port = None if is_address(devnet) else _free(before.rpc_port if before else None)
    return Settings(devnet, port, any_port, rpc_port, _database(options, before))


def is_address(devnet: str) -> bool:
    """Whether it names a chain that somebody else runs."""
    return devnet.startswith(("http://", "https://"))


def _devnet(options: Options, before: Settings | None) -> str:
    wanted = options.devnet or (before.devnet if before else "anvil")
    if before and wanted != before.devnet and not (is_address(wanted) and is_address(before.devnet)):
        raise Invalid(
            f"{options.data} holds a marketplace on {before.devnet}, not on {wanted}: "
            f"leave --devnet away, or use another --data for {wanted}."
        )
    return wanted


def _port(options: Options, before: Settings | None) -> tuple[int, bool]:
    any_port = options.port == 0 or (options.port is None and before is not None and before.any_port)
    known = before.port if before else None
    if any_port:
        return _free(known), True
    port = options.port or known or DEFAULT_PORT
    if not is_free(port):
        raise Conflict(f"Port {port} is taken by another program or not yours to use: say --port with another number (0 for any free one).")
    return port, False


def _database(options: Options, before: Settings | None) -> str:
    return options.database or (before.database_url if before else f"sqlite:///{options.data / 'database.sqlite'}")


def is_free(port: int) -> bool:
    """Whether we may listen on a port of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port that was just left is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free(wanted: int | None) -> int:
    """The port of the last time, or another free one."""
    return wanted if wanted and is_free(wanted) else free_port()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
