"""`piecework`: the commands, and the one place that turns an error into a sentence and an exit code."""

import sys
from importlib import import_module
from keyword import iskeyword

import typer
from rich.console import Console

from piecework.domain.errors import PieceworkError
from piecework.stack.signals import Stopped

USAGE = 2
INTERRUPTED = 130

COMMANDS = {
    "up": "piecework.cli.stack",
    "down": "piecework.cli.stack",
    "status": "piecework.cli.stack",
    "demo": "piecework.cli.replay",
    "replay": "piecework.cli.replay",
    "consensus": "piecework.cli.consensus",
    "index": "piecework.cli.index",
    "run": "piecework.cli.run",
    "mturk-key": "piecework.cli.turk",
    "workers": "piecework.cli.workers",
    "batch": "piecework.cli.batch",
    "import": "piecework.cli.importing",
    "claim": "piecework.cli.claim",
    "verify": "piecework.cli.verify",
    "backup": "piecework.cli.backup",
    "restore": "piecework.cli.backup",
}
"""Where each command is, in the order of --help."""


def build(typed: str | None) -> typer.Typer:
    """The command line; when a command was typed, with no more than that one's module loaded (they take up to a second each)."""
    app = typer.Typer(
        name="piecework",
        help="An open marketplace for small paid tasks, settled on a blockchain: run one on this machine and send real work through it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # so that one command alone is still called by its name
    for name, module in COMMANDS.items():
        if typed not in COMMANDS or module == COMMANDS[typed]:
            found = getattr(import_module(module), name.replace("-", "_") + "_" * iskeyword(name))
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name)(found)
    return app


def main() -> int:
    """Runs a command.

    Returns:
        0, or 1 for what went wrong (one sentence on standard error), 2 for what was typed wrong, 130 for Ctrl-C; `status`, `index` and `claim` have more.
    """
    try:
        return int(build(next(iter(sys.argv[1:]), None))(standalone_mode=False) or 0)
    except PieceworkError as error:
        return _say(error.sentence, 1)
    except typer.Exit as left:
        return int(left.exit_code)
    except typer.TyperException as error:
        return _say(error.format_message(), USAGE)
    except (KeyboardInterrupt, Stopped, typer.Abort):
        return _say("Stopped.", INTERRUPTED)


def _say(sentence: str, code: int) -> int:
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
