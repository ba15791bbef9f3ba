"""The command line."""

from piecework.cli.app import main

__all__ = ["main"]
