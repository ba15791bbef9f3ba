"""Compiles the contracts into contracts/build: python -m scripts.compile [--force]"""

import sys

from piecework.chain.build import BUILD, compile_contracts
from piecework.domain.errors import PieceworkError

if __name__ == "__main__":
    try:
        compiled = compile_contracts(force="--force" in sys.argv)
    except PieceworkError as error:
        sys.exit(error.sentence)
    print(f"Contracts {'compiled into' if compiled else 'are up to date in'} {BUILD.relative_to(BUILD.parents[1])}.")
